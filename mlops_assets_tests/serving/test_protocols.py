"""One rule in all protocols: the same answers to the last bit, and the same words about what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mlops_assets.serving.champions import ModelName
from mlops_assets_tests.serving.servers import PROTOCOLS, RefusedError, Registry, Serving, colour_bundle, serving

COLOURS, SHAPES = ModelName("examples", "colour_model"), ModelName("examples", "shape_model")
THING: dict[str, Any] = {"kind": "ball", "size_m": 1.25, "is_new": True, "seen_at": "2024-01-01T06:00:00-06:00"}
KEY = "a key of many letters"

protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


def registry() -> Registry:
    versions = {COLOURS: {1: colour_bundle(), 2: colour_bundle(threshold=0.99)}, SHAPES: {1: colour_bundle()}}
    return Registry(versions, {COLOURS: 1, SHAPES: None})


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(registry()) as found:
        yield found


def refused(running: Serving, protocol: str, record: Any, name: ModelName = COLOURS) -> RefusedError:
    with pytest.raises(RefusedError) as found:
        running.ask(protocol, name, record)
    return found.value


BAD_RECORDS: dict[str, tuple[dict[str, Any], dict[str, str] | None]] = {
    "nothing": ({}, {"kind": "it is missing", "is_new": "it is missing", "seen_at": "it is missing"}),
    "missing": ({"kind": ...}, {"kind": "it is missing"}),
    "extra": ({"colour": "red"}, {"colour": "there is no such field"}),
    "null": ({"is_new": None}, {"is_new": "it must be true or false"}),
    "not a number": ({"size_m": float("nan")}, {"size_m": "it must be a finite number"}),
    "infinite": ({"size_m": float("inf")}, {"size_m": "it must be a finite number"}),
    "minus infinity": ({"size_m": float("-inf")}, {"size_m": "it must be a finite number"}),
    "out of range": ({"size_m": -0.5}, {"size_m": "Input should be greater than or equal to 0"}),
    "number as text": ({"size_m": "1.25"}, {"size_m": "it must be a number, not text, true, false or null"}),
    "flag as number": ({"is_new": 1}, {"is_new": "it must be true or false"}),
    "number as flag": ({"size_m": True}, {"size_m": "it must be a number, not text, true, false or null"}),
    "text as number": ({"kind": 7}, {"kind": "Input should be 'ball' or 'box'"}),
    "unknown value": ({"kind": "größer"}, {"kind": "Input should be 'ball' or 'box'"}),
    "unicode field": ({"größe 🎈": 1.0}, {"größe 🎈": "there is no such field"}),
    "long text": ({"kind": "x" * 100_000}, {"kind": "Input should be 'ball' or 'box'"}),
    "time without zone": (
        {"seen_at": "2024-01-01T00:00:00"},
        {"seen_at": "say the distance from UTC, as in 2024-01-31T13:45:00-06:00 or 2024-01-31T19:45:00Z"},
    ),
    "no time": ({"seen_at": "yesterday"}, {"seen_at": "write a time as 2024-01-31T13:45:00Z"}),
    "several": ({"kind": ..., "size_m": -1, "is_new": "yes"}, None),
}
"""By name: what is changed of a thing, or left out of it, and the errors of its fields."""


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**THING, **changes}.items() if value is not ...} if changes else {}


@protocols
@pytest.mark.parametrize("case", BAD_RECORDS)
def test_bad_records_are_refused_in_the_same_words(running: Serving, protocol: str, case: str) -> None:
    """Whatever the protocol, the error names the fields and says what would be right."""
    changes, fields = BAD_RECORDS[case]
    error = refused(running, protocol, changed(changes))
    assert error.code == "invalid_record"
    assert error.message.startswith("the record is not what the model takes")
    assert error.request_id
    if fields is None:
        assert error.fields.keys() == {"kind", "size_m", "is_new"}
    else:
        assert error.fields == fields


@pytest.mark.parametrize("case", [case for case in BAD_RECORDS if case != "unicode field"])
def test_typed_inputs_of_graphql_are_refused_in_these_words_too(running: Serving, case: str) -> None:
    """What GraphQL refuses by its types reads as if the record had been sent as JSON."""
    changes, _ = BAD_RECORDS[case]
    with pytest.raises(RefusedError) as found:
        running.graphql(
            "query($record: ExamplesColourModelInput!) { examplesColourModel(record: $record) { probability } }",
            {"record": changed(changes)},
        )
    as_json = refused(running, "graphql", changed(changes))
    assert (found.value.code, found.value.fields) == (as_json.code, as_json.fields)


@pytest.mark.parametrize("protocol", ["rest", "graphql"])
@pytest.mark.parametrize("record", [None, [], [THING], "ball", 1])
def test_what_is_no_record_is_refused(running: Serving, protocol: str, record: Any) -> None:
    """A record is an object; gRPC's cannot be anything else."""
    assert refused(running, protocol, record).fields == {"record": "a record is an object with named fields"}


@protocols
def test_an_unknown_model_is_told_apart_from_one_without_a_champion(running: Serving, protocol: str) -> None:
    """The one is a mistake of the client, the other will pass, and says what to run."""
    unknown = refused(running, protocol, THING, ModelName("examples", "größe"))
    assert (unknown.code, unknown.message) == (
        "unknown_model",
        "there is no model examples/größe; models: examples/colour_model, examples/shape_model",
    )
    without = refused(running, protocol, THING, SHAPES)
    assert without.code == "no_champion"
    assert "run: mlops-assets bootstrap examples" in without.message


THINGS = [
    THING,
    {**THING, "size_m": None},
    {name: value for name, value in THING.items() if name != "size_m"},
    {**THING, "kind": "box", "size_m": 0.1 + 0.2},
    {**THING, "size_m": 1e-300},
    {**THING, "size_m": 2, "is_new": False},
]


def test_answers_are_equal_to_the_last_bit(running: Serving) -> None:
    """All protocols ask the same model of the same process, one by one or many at once."""
    by_protocol = [[running.ask(protocol, COLOURS, thing) for thing in THINGS] for protocol in PROTOCOLS]
    assert by_protocol[0] == by_protocol[1] == by_protocol[2]
    batches = [running.ask_many(protocol, COLOURS, THINGS) for protocol in PROTOCOLS]
    assert batches[0] == batches[1] == batches[2] == by_protocol[0]


@protocols
def test_a_row_of_a_batch_has_its_answer_or_its_own_error(running: Serving, protocol: str) -> None:
    """A bad record costs nobody else an answer, and rows keep their order."""
    first, second, third = running.ask_many(protocol, COLOURS, [THING, {**THING, "size_m": -1}, THINGS[3]])
    assert first == running.ask(protocol, COLOURS, THING)
    assert second == {"error": {"code": "invalid_record", "fields": {"size_m": "Input should be greater than or equal to 0"}}}
    assert third == running.ask(protocol, COLOURS, THINGS[3])


@protocols
def test_a_batch_has_a_largest_length(running: Serving, protocol: str) -> None:
    """1,000 records are answered, 1,001 are not; none is no mistake."""
    assert len(running.ask_many(protocol, COLOURS, [THING] * 1_000)) == 1_000
    assert running.ask_many(protocol, COLOURS, []) == []
    with pytest.raises(RefusedError, match=r"too_large: a batch has at most 1,000 records, not 1,001"):
        running.ask_many(protocol, COLOURS, [THING] * 1_001)


@pytest.mark.parametrize("protocol", ["rest", "graphql"])
def test_a_body_has_a_largest_size(running: Serving, protocol: str) -> None:
    """10 MB are refused by HTTP; gRPC's own limit has a test of its own."""
    assert refused(running, protocol, {**THING, "kind": "x" * 10_000_000}).code == "too_large"


@protocols
def test_clients_need_a_key_if_there_are_keys(protocol: str) -> None:
    """Without one, or with a wrong one, nobody is answered; a key may be sent in either header."""
    with serving(registry(), api_keys=f"another long key,{KEY}") as running:
        for headers in ({}, {"x-api-key": "wrong"}, {"authorization": f"Basic {KEY}"}, {"x-api-key": ""}):
            running.headers = headers
            assert refused(running, protocol, THING).code == "unauthorized"
        for headers in ({"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}):
            running.headers = headers
            assert running.ask(protocol, COLOURS, THING)["isPredicted"] is True


@protocols
def test_a_request_keeps_the_id_that_its_client_gave_it(running: Serving, protocol: str) -> None:
    """The id comes back with the error, so that client and log speak of the same request; an unusable one is replaced."""
    running.headers = {"x-request-id": "order-66"}
    try:
        assert refused(running, protocol, {}).request_id == "order-66"
        running.headers = {"x-request-id": "a b" * 100}
        assert len(refused(running, protocol, {}).request_id) == 32
    finally:
        running.headers = {}


def test_a_promotion_is_seen_by_all_protocols_at_once() -> None:
    """They share the champions of the process: after a look at the registry none answers by the former one."""
    models = registry()
    with serving(models) as running:
        assert {running.ask(protocol, COLOURS, THING)["isPredicted"] for protocol in PROTOCOLS} == {True}
        models.champions[COLOURS] = 2
        running.service.champions.refresh()
        answers = [running.ask(protocol, COLOURS, THING) for protocol in PROTOCOLS]
        assert answers[0] == answers[1] == answers[2]
        assert (answers[0]["isPredicted"], answers[0]["model"]["version"]) == (False, 2)


@protocols
def test_a_model_without_a_typical_record_cannot_explain_itself(running: Serving, protocol: str) -> None:
    """It says so, and answers without an explanation."""
    with pytest.raises(RefusedError, match="unsupported: examples/colour_model version 1 was saved without a typical record"):
        running.ask(protocol, COLOURS, THING, explain=True)
    assert running.ask(protocol, COLOURS, THING)["explanation"] is None


def test_explanations_are_the_same_in_all_protocols() -> None:
    """What moved the score, and by how much, does not depend on how one asks."""
    typical = {"kind": "box", "size_m": 0.25, "is_new": False, "seen_at": "2024-01-01T03:00:00+00:00"}
    models = Registry({COLOURS: {1: replace(colour_bundle(), typical=typical)}}, {COLOURS: 1})
    with serving(models) as running:
        answers = [running.ask(protocol, COLOURS, THING, explain=True) for protocol in PROTOCOLS]
    assert answers[0] == answers[1] == answers[2]
    strongest = answers[0]["explanation"][0]
    assert (strongest["input"], strongest["value"], strongest["typical"]) == ("size_m", 1.25, 0.25)
    assert strongest["effect"] > 0
    assert {each["input"] for each in answers[0]["explanation"]} == THING.keys()
