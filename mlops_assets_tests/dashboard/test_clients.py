"""How the dashboard asks serving, by real servers of all protocols, and what it says if nobody answers."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mlops_assets.dashboard.clients import Answer, PredictionClient, RefusedQuestionError, RestClient, open_clients
from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.dashboard.record_form import default, ordered, record_of
from mlops_assets.dashboard.settings import DashboardSettings
from mlops_assets.dashboard.views.predict import answers_table, ask_each, problems_of
from mlops_assets.errors import TransientError
from mlops_assets.serving.champions import ModelName
from mlops_assets_tests.serving.servers import Registry, Serving, colour_bundle, serving

DOMAIN, MODEL = "examples", "colour_model"
COLOURS = ModelName(DOMAIN, MODEL)
THING: dict[str, Any] = {"kind": "ball", "size_m": 1.5, "is_new": True, "seen_at": "2024-01-01T12:00:00Z"}
KEY = "a-key-of-the-dashboard"
PROTOCOLS = ("REST", "GraphQL", "gRPC")
_TYPICAL = {"kind": "box", "size_m": 0.25, "is_new": False, "seen_at": None}


def clients_of(url: str, target: str, key: str | None = None) -> dict[str, PredictionClient]:
    """Return a client for each protocol."""
    return open_clients(DashboardSettings(serving_url=url, grpc_target=target, api_key=key, _env_file=None))


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    """Serve a model of colours to whoever has the key, and know one without a champion."""
    models = Registry({COLOURS: {1: replace(colour_bundle(), typical=_TYPICAL)}, ModelName(DOMAIN, "later"): {}}, {COLOURS: 1})
    with serving(models, api_keys=(KEY,)) as found:
        yield found


@pytest.fixture(scope="module")
def clients(running: Serving) -> dict[str, PredictionClient]:
    """Give a client for each protocol, with the key."""
    return clients_of(running.url, running.target, KEY)


@pytest.mark.parametrize("record", [{**THING, "size_m": None}, {name: value for name, value in THING.items() if name != "size_m"}])
def test_protocols_answer_alike(clients: dict[str, PredictionClient], record: dict[str, Any]) -> None:
    """Value, probability, version, unknown inputs and explanation are the same, and each has a latency of its own."""
    answers = [client.ask(DOMAIN, MODEL, record, explain=True) for client in clients.values()]
    assert [replace(answer, latency_ms=0.0) for answer in answers[1:]] == [replace(answers[0], latency_ms=0.0)] * 2
    first = answers[0]
    assert (type(first.value), first.version, tuple(first.unknown)) == (bool, 1, ("size_m",))
    assert all(answer.latency_ms > 0 for answer in answers)


def test_explanation_names_inputs_with_their_typical_values(clients: dict[str, PredictionClient]) -> None:
    """The size moved the score most; it is left out unless asked for."""
    for client in clients.values():
        strongest = client.ask(DOMAIN, MODEL, THING, explain=True).explanation[0]
        assert (strongest.name, strongest.value, strongest.typical) == ("size_m", 1.5, 0.25)
        assert not client.ask(DOMAIN, MODEL, THING, explain=False).explanation


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("model", "record", "said"),
    [
        (MODEL, {**THING, "size_m": -1.0}, "size_m: "),
        (MODEL, {**THING, "colour": "blue"}, "colour: there is no such field"),
        ("later", THING, "no version is champion"),
        ("unheard_of", THING, "there is no model examples/unheard_of"),
    ],
)
def test_refusal_is_told_in_the_words_of_serving(
    clients: dict[str, PredictionClient], protocol: str, model: str, record: dict[str, Any], said: str
) -> None:
    """Whoever typed a wrong value reads which field it was, whatever the protocol."""
    with pytest.raises(RefusedQuestionError, match=said):
        clients[protocol].ask(DOMAIN, model, record, explain=False)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_wrong_key_is_a_refusal_that_does_not_tell_it(running: Serving, protocol: str) -> None:
    """The key stands in no message."""
    client = clients_of(running.url, running.target, "another-key-than-theirs")[protocol]
    with pytest.raises(RefusedQuestionError) as caught:
        client.ask(DOMAIN, MODEL, THING, explain=False)
    assert "another-key" not in str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_at_the_address_says_what_to_run(protocol: str) -> None:
    """The address and the setting that names it are told, too."""
    with pytest.raises(NothingToShowError, match=r"does not answer at .*MLOPS_DASHBOARD_") as caught:
        clients_of("http://127.0.0.1:9", "127.0.0.1:9")[protocol].ask(DOMAIN, MODEL, THING, explain=False)
    assert caught.value.command == "mlops-assets serve"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_silence_is_a_timeout(protocol: str) -> None:
    """A server that accepts connections and never answers is not waited for longer than the time-out."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        client = clients_of(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}")[protocol]
        client_type: Any = type(client)
        address = f"127.0.0.1:{port}" if protocol == "gRPC" else f"http://127.0.0.1:{port}"
        with pytest.raises(TransientError, match=r"did not answer within 0\.3 s"):
            client_type(address, None, 0.3).ask(DOMAIN, MODEL, THING, explain=False)


def test_models_and_their_inputs_are_known(clients: dict[str, PredictionClient]) -> None:
    """The form is made from what serving publishes."""
    rest = clients["REST"]
    assert isinstance(rest, RestClient)
    assert {model["name"]: model["is_served"] for model in rest.models()} == {MODEL: True, "later": False}
    card = rest.model(DOMAIN, MODEL)
    assert card["kind"] == "binary_classifier"
    assert [column["name"] for column in ordered(card["inputs"])] == ["kind", "is_new", "seen_at", "size_m"]


def test_one_protocol_that_fails_does_not_hide_the_others(running: Serving) -> None:
    """The one that is at another port has its error in its place. What is wrong in all protocols is said once."""
    found = ask_each(clients_of(running.url, "127.0.0.1:9", KEY), DOMAIN, MODEL, THING, explain=False)
    assert {protocol: type(answer) for protocol, answer in found.items()} == {
        "REST": Answer,
        "GraphQL": Answer,
        "gRPC": NothingToShowError,
    }
    assert list(problems_of(found).values()) == [["gRPC"]]
    wrong = ask_each(clients_of(running.url, running.target, KEY), DOMAIN, MODEL, {**THING, "size_m": -1.0}, explain=False)
    assert list(problems_of(wrong).values()) == [list(PROTOCOLS)]
    table = answers_table({protocol: answer for protocol, answer in found.items() if isinstance(answer, Answer)})
    assert table["protocol"].tolist() == ["REST", "GraphQL"]
    assert table["version"].tolist() == [1, 1]


def test_form_begins_with_what_people_know() -> None:
    """Known features of a song come first with a value in the middle; optional ones are empty and are left out of the record."""
    share: dict[str, Any] = {"type": "float64", "minimum": 0, "maximum": 1}
    columns: list[dict[str, Any]] = [
        {**share, "name": "valence", "is_optional": True},
        {**share, "name": "energy", "is_optional": True},
        {"name": "key", "type": "int8", "minimum": -1, "maximum": 11, "is_optional": False},
        {"name": "title", "type": "string", "is_optional": True},
    ]
    assert [column["name"] for column in ordered(columns)] == ["energy", "key", "valence", "title"]
    values: dict[str, Any] = {column["name"]: default(column) for column in columns}
    assert values == {"valence": None, "energy": 0.5, "key": 5, "title": None}
    assert record_of({**values, "title": ""}) == {"energy": 0.5, "key": 5}


def predict() -> None:
    from mlops_assets.dashboard.views import predict

    predict.show()


@pytest.mark.usefixtures("_forgotten")
def test_page_shows_the_answers_of_all_protocols(running: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """One click asks by REST, GraphQL and gRPC, and shows latency, answer and explanation."""
    for name, value in (("SERVING_URL", running.url), ("GRPC_TARGET", running.target), ("API_KEY", KEY)):
        monkeypatch.setenv(f"MLOPS_DASHBOARD_{name}", value)
    page = AppTest.from_function(predict, default_timeout=60).run()
    assert not page.exception
    page.button[0].click().run()
    assert not page.exception
    assert not page.error
    assert not page.warning
    assert page.dataframe[0].value["protocol"].tolist() == list(PROTOCOLS)
    assert (page.dataframe[0].value["latency, ms"] > 0).all()
    assert [metric.label for metric in page.metric] == ["Answer", "Probability", "Model"]


@pytest.mark.usefixtures("_forgotten")
def test_page_without_serving_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stands; nothing is asked of the stores."""
    monkeypatch.setenv("MLOPS_DASHBOARD_SERVING_URL", "http://127.0.0.1:9")
    page = AppTest.from_function(predict, default_timeout=60).run()
    assert not page.exception
    assert [code.value for code in page.code] == ["mlops-assets serve"]
