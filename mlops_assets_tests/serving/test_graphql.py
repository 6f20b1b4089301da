"""GraphQL: the schema of what is served, its limits, and requests that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query, print_type
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.contracts import Column
from mlops_assets.serving.champions import ModelName
from mlops_assets_tests.serving.servers import RefusedError, Registry, Serving, colour_bundle, serving
from mlops_assets_tests.tiny_bundle import THINGS

COLOURS, SHAPES = ModelName("examples", "colour_model"), ModelName("examples", "shape_model")
THING = '{ kind: "ball", size_m: 1.25, is_new: true, seen_at: "2024-01-01T12:00:00Z" }'


def registry() -> Registry:
    wider = replace(THINGS, columns=(*THINGS.columns, Column("weight_kg", "int64", "How heavy it is.", nullable=True)))
    versions = {1: colour_bundle(), 2: replace(colour_bundle(), input_contract=wider)}
    return Registry({COLOURS: versions, SHAPES: {1: colour_bundle(threshold=0.99)}}, {COLOURS: 1, SHAPES: None})


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(registry()) as found:
        yield found


def refused(running: Serving, query: str, variables: dict[str, Any] | None = None) -> RefusedError:
    with pytest.raises(RefusedError) as found:
        running.graphql(query, variables)
    return found.value


def type_of(running: Serving, name: str) -> str:
    schema = build_client_schema(running.graphql(get_introspection_query(descriptions=False)))  # type: ignore[arg-type]
    found = schema.type_map[name]
    return print_type(found)


def test_a_model_has_an_input_type_of_its_contract(running: Serving) -> None:
    """Fields are called as in the contract; those that may be unknown may be left out."""
    assert type_of(running, "ExamplesColourModelInput") == (
        "input ExamplesColourModelInput {\n  kind: String!\n  size_m: Float\n  is_new: Boolean!\n  seen_at: Time!\n}"
    )
    assert "examplesColourModel(record: ExamplesColourModelInput!, explain: Boolean! = false): Answer!" in type_of(running, "Query")
    assert "hapeModel" not in type_of(running, "Query")


def test_typed_and_untyped_records_get_the_same_answer(running: Serving) -> None:
    """The typed field and the general one ask the same service; unknown inputs are named."""
    answer = "{ isPredicted probability unknownInputs model { version } }"
    found = running.graphql(f"""query($record: JSON!) {{
        typed: examplesColourModel(record: {THING}) {answer}
        general: predictRecord(domain: "examples", model: "colour_model", record: {THING}) {answer}
        variable: predictRecord(domain: "examples", model: "colour_model", record: $record) {answer}
        unknown: examplesColourModel(record: {THING.replace("1.25", "null")}) {answer}
    }}""", {"record": {"kind": "ball", "size_m": 1.25, "is_new": True, "seen_at": "2024-01-01T12:00:00Z"}})  # fmt: skip
    assert found["typed"] == found["general"] == found["variable"]
    assert (found["typed"]["isPredicted"], found["typed"]["unknownInputs"]) == (True, [])
    assert found["unknown"]["unknownInputs"] == ["size_m"]


def test_the_schema_follows_the_champion() -> None:
    """A champion with another contract brings another input type, and takes the former one away when it is rolled back."""
    models = registry()
    with serving(models) as running:
        for champion, has_weight in ((1, False), (2, True), (1, False)):
            models.champions[COLOURS] = champion
            running.service.champions.refresh()
            assert ("weight_kg: Whole" in type_of(running, "ExamplesColourModelInput")) is has_weight
        models.champions[COLOURS] = 2
        running.service.champions.refresh()
        heavy = THING.replace("}", ", weight_kg: 9007199254740993 }")
        assert running.graphql(f"{{ examplesColourModel(record: {heavy}) {{ unknownInputs }} }}") == {
            "examplesColourModel": {"unknownInputs": []}
        }


def test_each_model_has_a_field_of_its_own() -> None:
    """Two models answer side by side, each for itself, once both have a champion."""
    models = registry()
    with serving(models) as running:
        models.champions[SHAPES] = 1
        running.service.champions.refresh()
        fields = " ".join(f"examples{name}Model(record: {THING}) {{ isPredicted }}" for name in ("Colour", "Shape"))
        assert running.graphql(f"{{ {fields} }}") == {
            "examplesColourModel": {"isPredicted": True},
            "examplesShapeModel": {"isPredicted": False},
        }


def test_models_are_described(running: Serving) -> None:
    """Contract, metrics and lineage can be asked for, also of models without a champion."""
    found = running.graphql("""{
        models { model { name version runId } isReady problem }
        model(domain: "examples", name: "colour_model") {
          columns { name type unit isRequired allowed minimum } metrics { name value } baselines { name metrics { name value } }
          lineage { estimator trainingStartAt trainingRows seed libraries { name } }
        }
    }""")
    assert found["models"] == [
        {"model": {"name": "colour_model", "version": 1, "runId": "run 1"}, "isReady": True, "problem": None},
        {
            "model": {"name": "shape_model", "version": None, "runId": None},
            "isReady": False,
            "problem": "no version is champion yet; run: mlops-assets bootstrap examples",
        },
    ]
    model = found["model"]
    assert model["columns"][1] == {
        "name": "size_m", "type": "float64", "unit": "metre", "isRequired": False, "allowed": None, "minimum": 0.0,
    }  # fmt: skip
    assert model["metrics"] == [{"name": "auc", "value": 1.0}, {"name": "mcc", "value": 0.5}, {"name": "lift", "value": None}]
    assert model["lineage"]["trainingStartAt"] == "2024-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        ('{ kind: "ball", size_m: "Ms Smith", is_new: true }', {"size_m", "seen_at"}),
        ('{ kind: ball, size_m: 1e999, is_new: 1, seen_at: "noon" }', {"size_m", "is_new", "seen_at"}),
        ("[]", {"record"}),
        ("null", {"record"}),
        ('"Ms Smith"', {"record"}),
        (THING.replace("kind", "colour"), {"kind", "colour"}),
        (THING.replace("1.25", "$size"), {"size_m"}),
    ],
)
def test_literals_are_refused_in_the_words_of_the_contract(running: Serving, record: str, fields: set[str]) -> None:
    """Whatever GraphQL thinks of the types of a record, the error names all its fields and does not repeat values."""
    error = refused(running, f"query($size: Float! = -1) {{ examplesColourModel(record: {record}) {{ probability }} }}")
    assert (error.code, error.fields.keys()) == ("invalid_record", fields)
    assert "Smith" not in str(error)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{", "Syntax Error"),
        ("", "No GraphQL query found"),
        ("{ größe }", "Syntax Error"),
        ("{ nobody }", "Cannot query field 'nobody'"),
        ("mutation { models { isReady } }", "mutation"),
        ("subscription { models { isReady } }", ""),
        ("{ ...models }", "Unknown fragment 'models'"),
        ("{ models { ...F } } fragment F on Model { ...F }", "Cannot spread fragment 'F' within itself"),
        ('{ model(domain: "examples") { isReady } }', "name"),
        ("{ a" * 3_000, "nested too deeply"),
        ("{ models(a: " + "[" * 3_000 + "]" * 3_000 + ") { isReady } }", "nested too deeply|tokens"),
        ("{ models { isReady } }" * 2_000, "tokens"),
        ("{ " + " ".join(f"a{number}: models {{ isReady }}" for number in range(21)) + " }", "21 aliases found. Allowed: 20"),
        ("{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }", "introspection depth"),
    ],
)
def test_operations_that_are_none_or_too_large_are_malformed(running: Serving, query: str, message: str) -> None:
    """A clear error, whatever is sent; nothing is executed."""
    with pytest.raises(RefusedError, match=f"malformed_request: .*{message}"):
        running.graphql(query)


WORDS = st.sampled_from(
    [
        *("{", "}", "(", ")", "[", "]", ":", "!", "$x", "...", "on", "query", "fragment F", "@skip(if: true)", "__typename"),
        *("models", "isReady", "model", "domain", "name", '"examples"', "examplesColourModel", "record", THING, "null", "1e999"),
        *("__schema", '"\\u12"', "é"),
    ]
)


@settings(max_examples=150)
@given(
    words=st.lists(WORDS, max_size=15), variables=st.dictionaries(st.just("x"), st.none() | st.integers() | st.text() | st.just({}))
)
def test_whatever_operation_is_sent_the_service_is_not_at_fault(
    running: Serving, words: list[str], variables: dict[str, Any]
) -> None:
    """Words are an operation, which is answered or refused, or they are none."""
    for query in (" ".join(words), "{ " + " ".join(words) + " }"):
        response = running.http.post("/graphql", json={"query": query, "variables": variables})
        assert response.status_code in (200, 400)
        codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
        assert codes <= {"malformed_request", "invalid_record", "unknown_model", "no_champion"}


def test_a_query_has_a_largest_depth(running: Serving) -> None:
    """However fields are nested, nobody has to find out whether they exist."""
    body = {"query": "{ models { lineage { a { b { c { d { e { f } } } } } } } }"}
    errors = running.http.post("/graphql", json=body).json()["errors"]
    assert any("depth" in error["message"] for error in errors)
    assert {error["extensions"]["code"] for error in errors} == {"malformed_request"}


def test_a_query_has_a_largest_length(running: Serving) -> None:
    """Records of that length go into variables."""
    assert refused(running, "#" * 100_001).code == "too_large"


def test_aliases_cannot_ask_about_more_records_than_a_batch_has() -> None:
    """The records of all fields of an operation count together."""
    records = "[{}, {}, {}]"
    one = f'predictRecords(domain: "examples", model: "colour_model", records: {records}) {{ error {{ code }} }}'
    with serving(registry(), max_batch_rows=5) as running:
        assert len(running.graphql(f"{{ {one} }}")["predictRecords"]) == 3
        error = refused(running, f"{{ a: {one} b: {one} }}")
        assert (error.code, error.message) == ("too_large", "an operation asks about 5 records at most")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff\xfe", b'{"query": 1}', b'{"query": null}',
        b'{"query": "{ models { isReady } }", "variables": []}', b'[{"query": "{ models { isReady } }"}]',
        b'{"query":' * 5_000, b'{"query": ' + b"1" * 6_000 + b"}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_operation_is_malformed(running: Serving, body: bytes) -> None:
    """The error has the form of GraphQL's, a code, and the id of the request."""
    response = running.http.post("/graphql", content=body, headers={"content-type": "application/json", "x-request-id": "order-66"})
    assert response.status_code == 400
    found = response.json()
    assert found["data"] is None
    assert found["errors"][0]["extensions"] == {"code": "malformed_request", "fields": [], "request_id": "order-66"}


def test_other_types_of_content_are_malformed(running: Serving) -> None:
    """Forms, which other sites could make a browser send, are not read."""
    for content_type in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""):
        response = running.http.post("/graphql", content=b"x", headers={"content-type": content_type})
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (400, "malformed_request")


def test_queries_may_be_asked_by_get(running: Serving) -> None:
    """As the specification of GraphQL over HTTP has it, variables as JSON; browsers get GraphiQL."""
    query = 'query($name: String!) { model(domain: "examples", name: $name) { isReady } }'
    given = {"query": query, "variables": json.dumps({"name": "colour_model"})}
    assert running.http.get("/graphql", params=given).json() == {"data": {"model": {"isReady": True}}}
    assert running.http.get("/graphql", params={**given, "variables": "{"}).status_code == 400
    assert "GraphiQL" in running.http.get("/graphql", headers={"accept": "text/html"}).text


def test_an_error_of_the_service_gives_nothing_away(running: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is told apart from what the client did."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret of the process")

    monkeypatch.setattr(running.service, "predict", fail)
    error = refused(running, f"{{ examplesColourModel(record: {THING}) {{ probability }} }}")
    assert (error.code, error.message) == ("internal", f"an error of the service; its log says more of request {error.request_id}")
