"""REST: answers, one form of errors for whatever is sent, who may ask, and what machines see."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter

from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.errors import StoreUnavailableError
from mlops_assets.serving.extension import DomainServing
from mlops_assets.serving.prediction_log import TOPIC, PredictionLog
from mlops_assets.serving.service import PredictionService
from mlops_assets.stores.events import open_event_log
from mlops_assets_tests.serving.rest_client import (
    BALL,
    COLOURS,
    PREDICT,
    SHAPES,
    Client,
    UnsteadyRegistry,
    access_lines,
    build_service,
    client_of,
    error_of,
    in_parts,
)
from mlops_assets_tests.serving.servers import NOON, colour_bundle
from mlops_assets_tests.tiny_bundle import THINGS

BUNDLE = colour_bundle()
STRICT = colour_bundle(threshold=0.9)
KEY, OTHER_KEY, ADMIN_KEY = "a-key-of-one-client", "a-key-of-another-client", "the-key-of-the-admin"


@pytest.fixture(scope="module")
def client() -> Client:
    return client_of(build_service(registry()))


def registry(shapes: int | None = None) -> UnsteadyRegistry:
    """Return a registry of which a test may change the champions; at first the first version answers."""
    versions = {1: BUNDLE, 2: STRICT}
    return UnsteadyRegistry({COLOURS: versions, SHAPES: versions}, {COLOURS: 1, SHAPES: shapes})


def test_an_answer_says_who_gave_it(client: Client) -> None:
    """Value and probability are those of the bundle, beside the version and its run."""
    response = client.post(PREDICT, {"record": BALL})
    body = response.json()
    assert response.status_code == 200
    assert body.pop("request_id") == response.headers["x-request-id"]
    assert body.pop("probability") == BUNDLE.predict(rows_to_frame([{**BALL, "seen_at": NOON}], THINGS))["probability"][0]
    assert body == {
        "model": {"domain": "examples", "name": "colour_model", "version": 1, "run_id": "run 1"},
        "value": True,
        "unknown_inputs": [],
    }


@pytest.mark.parametrize("parts", [1, 7])
def test_a_body_in_parts_is_one_body(client: Client, parts: int) -> None:
    """Clients that stream say no length."""
    body = json.dumps({"record": BALL}).encode()
    size = -(-len(body) // parts)
    response = client.post(PREDICT, in_parts(body[start : start + size] for start in range(0, len(body), size)))
    assert response.json()["value"] is True


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"kind": ...}, "kind", "it is missing"),
        ({"colour": "red"}, "colour", "there is no such field"),
        ({"is_new": None}, "is_new", "it must be true or false"),
        ({"size_m": float("nan")}, "size_m", "it must be a finite number"),
        ({"size_m": float("inf")}, "size_m", "it must be a finite number"),
        ({"size_m": -0.1}, "size_m", "greater than or equal to 0"),
        ({"size_m": "1.7"}, "size_m", "it must be a number, not text"),
        ({"size_m": [1.7]}, "size_m", "it must be a number"),
        ({"kind": 3}, "kind", "'ball' or 'box'"),
        ({"kind": "Bäll🎈\u0000"}, "kind", "'ball' or 'box'"),
        ({"größe": 1}, "größe", "there is no such field"),
        ({"is_new": 1}, "is_new", "it must be true or false"),
        ({"seen_at": "2024-01-01T00:00:00"}, "seen_at", "distance from UTC"),
        ({"seen_at": "0001-01-01T00:00:00+23:00"}, "seen_at", "out of range"),
    ],
)
def test_a_field_that_breaks_the_contract_is_named(client: Client, change: dict[str, Any], field: str, message: str) -> None:
    """It is the client's mistake, and says what would be right."""
    record = {name: value for name, value in {**BALL, **change}.items() if value is not ...}
    fields = error_of(client.post(PREDICT, {"record": record}), 422, "invalid_record")
    assert fields.keys() == {field}
    assert message in fields[field]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "malformed_request", None),
        (b"{", 400, "malformed_request", None),
        (b'{"record": ' * 100_000, 400, "malformed_request", None),
        (b"[" * 100_000, 400, "malformed_request", None),
        (b'{"record": ' + b"9" * 100_000 + b"}", 400, "malformed_request", None),
        (b"\xff\xfe", 400, "malformed_request", None),
        (b"<html></html>", 400, "malformed_request", None),
        (b"null", 422, "invalid_record", "body"),
        (b"[]", 422, "invalid_record", "body"),
        (b"{}", 422, "invalid_record", "record"),
        (b'{"records": []}', 422, "invalid_record", "records"),
        (b'{"record": null}', 422, "invalid_record", "record"),
        (b'{"record": [1]}', 422, "invalid_record", "record"),
        (b'{"record": {}}', 422, "invalid_record", "kind"),
        (b" " * 2_000_001, 413, "too_large", None),
        (b"1" * 10_000_000, 413, "too_large", None),
    ],
)
def test_a_body_that_is_no_question_is_refused(client: Client, body: bytes, status: int, code: str, field: str | None) -> None:
    """Whatever is wrong has a code, and names the field if there is one."""
    fields = error_of(client.post(PREDICT, body), status, code)
    assert field is None or field in fields


def test_a_long_body_is_refused_even_if_nobody_said_how_long_it_is(client: Client) -> None:
    """It is not read to its end: a client that never ends is refused, too."""

    async def endless() -> Any:
        while True:
            yield b" " * 100_000

    error_of(client.post(PREDICT, endless()), 413, "too_large")


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    """A client that stops in the middle keeps nobody busy."""
    client = client_of(build_service(registry(), timeout_seconds=0.05))

    async def hanging() -> Any:
        import asyncio

        yield b"{"
        await asyncio.sleep(60)

    async def dripping() -> Any:
        import asyncio

        while True:
            yield b" "
            await asyncio.sleep(0.02)

    for body in (hanging(), dripping()):
        started = time.monotonic()
        error_of(client.post(PREDICT, body), 408, "timeout")
        assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("POST", "/v1/models/examples/sound_model/predict", 404, "unknown_model"),
        ("POST", "/v1/models/examples/sound_model/predict/batch", 404, "unknown_model"),
        ("GET", "/v1/models/examples/sound_model", 404, "unknown_model"),
        ("POST", "/v1/models/examples/shape_model/predict", 503, "no_champion"),
        ("GET", "/v1/models/examples/shape_model", 503, "no_champion"),
        ("GET", PREDICT, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("POST", f"{PREDICT}?explain=perhaps", 422, "invalid_record"),
        ("POST", f"{PREDICT}?explian=true", 422, "invalid_record"),
        ("POST", "/v1/models/reload", 403, "forbidden"),
    ],
)
def test_what_is_not_there_has_the_same_form_of_error(client: Client, method: str, path: str, status: int, code: str) -> None:
    """Unknown paths, models and parameters, and models without a champion."""
    key = "records" if path.endswith("batch") else "record"
    error_of(client.request(method, path, content=json.dumps({key: [BALL] if key == "records" else BALL})), status, code)


def test_a_model_without_a_champion_says_what_to_run(client: Client) -> None:
    """The job that makes one."""
    message = client.post("/v1/models/examples/shape_model/predict", {"record": BALL}).json()["error"]["message"]
    assert "run: mlops-assets bootstrap examples" in message


def test_each_row_of_a_batch_answers_for_itself(client: Client) -> None:
    """A wrong record does not cost the others their answers, which are those of single questions."""
    box = {**BALL, "kind": "box", "size_m": None}
    answers = client.post(f"{PREDICT}/batch", {"records": [BALL, {**BALL, "size_m": "1"}, box]}).json()["answers"]
    assert answers[1] == {
        "error": {
            "code": "invalid_record",
            "message": "the record is not what the model takes",
            "fields": [{"field": "size_m", "message": "it must be a number, not text, true, false or null"}],
        }
    }
    alone = client.post(PREDICT, {"record": BALL}).json()
    assert {**answers[0], "request_id": alone["request_id"]} == alone
    assert answers[2]["unknown_inputs"] == ["size_m"]


@pytest.mark.parametrize(
    ("records", "status", "code"),
    [(1_001, 413, "too_large"), ({}, 422, "invalid_record"), (None, 422, "invalid_record")],
)
def test_a_batch_is_a_list_of_bounded_length(client: Client, records: Any, status: int, code: str) -> None:
    """1001 rows are refused as a whole, before any is read."""
    content = [BALL] * records if isinstance(records, int) else records
    error_of(client.post(f"{PREDICT}/batch", {"records": content}), status, code)


def test_an_empty_batch_has_no_answers(client: Client) -> None:
    """Nothing was asked."""
    assert client.post(f"{PREDICT}/batch", {"records": []}).json()["answers"] == []


@pytest.mark.parametrize(
    ("given", "is_taken"), [("order-7.a/b=", True), ("a" * 129, False), ("a b", False), ("é", False), ("", False)]
)
def test_a_request_has_the_id_of_its_client_if_that_is_sane(client: Client, given: str, is_taken: bool) -> None:
    """Ids get into logs."""
    found = client.get("/health", headers={"x-request-id": given.encode()}).headers["x-request-id"]
    assert (found == given) is is_taken
    assert found


def test_a_model_tells_contract_quality_and_lineage(client: Client) -> None:
    """What it takes, how good it is beside baselines, and what it was trained on."""
    body = client.get("/v1/models/examples/colour_model").json()
    assert [(column["name"], column["type"], column["unit"], column["is_optional"]) for column in body["inputs"]] == [
        ("kind", "string", None, False), ("size_m", "float64", "metre", True), ("is_new", "bool", None, False),
        ("seen_at", "timestamp", None, False),
    ]  # fmt: skip
    assert body["metrics"] == {"auc": 1.0, "mcc": 0.5, "lift": None}
    assert body["baseline_metrics"] == {"majority_class": {"auc": 0.5, "mcc": 0.0}}
    assert (body["version"], body["loaded_at"]) == (1, "2024-01-01T12:00:00Z")
    lineage = body["lineage"]
    assert lineage["library_versions"].keys() >= {"python", "scikit-learn"}
    del lineage["library_versions"]
    assert lineage == {
        "training_start_at": "2024-01-01T00:00:00Z",
        "training_end_at": "2024-02-01T00:00:00Z",
        "training_rows": 8,
        "fingerprint": "a" * 64,
        "run_id": "run 1",
        "seed": 7,
    }


def test_ready_says_of_each_model_how_it_is() -> None:
    """One champion makes the service ready, unless others are required; details are for those who may ask."""
    source = registry()
    assert client_of(build_service(source)).get("/ready").status_code == 200
    waiting = client_of(build_service(source, required=[COLOURS, SHAPES])).get("/ready")
    assert (waiting.status_code, waiting.json()["status"]) == (503, "not ready")
    assert {each["name"]: each["problem"] for each in waiting.json()["models"]} == {
        "colour_model": None,
        "shape_model": "no version is champion yet; run: mlops-assets bootstrap examples",
    }
    assert "models" not in client_of(build_service(source), address="192.0.2.1").get("/ready").json()


def test_a_registry_that_is_down_shows_in_ready_and_costs_no_answer() -> None:
    """What is loaded goes on."""
    source = registry()
    service = build_service(source)
    source.is_down = True
    service.champions.refresh()
    client = client_of(service)
    assert client.post(PREDICT, {"record": BALL}).status_code == 200
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["registry_problem"]) == (200, "nobody answers")
    assert "mlops_registry_up 0.0" in client.get("/metrics").text


def test_readiness_goes_first_when_the_service_stops() -> None:
    """Load balancers send nobody any more; who asks nevertheless is answered."""
    service = build_service(registry())
    service.announce_stop()
    client = client_of(service)
    assert (client.get("/ready").status_code, client.get("/health").status_code) == (503, 200)
    assert client.post(PREDICT, {"record": BALL}).status_code == 200


def test_a_promotion_changes_answers_and_description() -> None:
    """The next answer is that of the new champion, and so is the description."""
    source = registry()
    service = build_service(source, admin_key=ADMIN_KEY)
    client = client_of(service, headers={"x-api-key": ADMIN_KEY})
    assert client.post(PREDICT, {"record": BALL}).json()["model"]["version"] == 1
    source.champions[COLOURS] = 2
    models = client.post("/v1/models/reload").json()["models"]
    assert [each["version"] for each in models] == [2, None]
    answer = client.post(PREDICT, {"record": BALL}).json()
    # 0.74 is under the new threshold.
    assert (answer["model"]["version"], answer["value"]) == (2, False)
    source.champions[COLOURS] = 1
    assert client.post("/v1/models/examples/colour_model/reload").json()["version"] == 1


def test_the_description_follows_the_champions() -> None:
    """Each served model has a path of its own, whose record is that of its contract."""
    source = registry()
    service = build_service(source)
    client = client_of(service)
    described = client.get("/openapi.json").json()
    assert PREDICT in described["paths"]
    assert "/v1/models/examples/shape_model/predict" not in described["paths"]
    record = described["components"]["schemas"]["examples.colour_model.Record"]
    assert record["required"] == ["kind", "is_new", "seen_at"]
    assert (record["properties"]["kind"]["enum"], record["additionalProperties"]) == (["ball", "box"], False)
    source.champions[SHAPES] = 1
    service.champions.refresh()
    assert "/v1/models/examples/shape_model/predict" in client.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"x-api-key": "schlüssel"}, 401),
        ({"x-api-key": KEY[:-1]}, 401),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"x-api-key": KEY}, 200),
        ({"x-api-key": OTHER_KEY}, 200),
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": ADMIN_KEY}, 200),
    ],
)
@pytest.mark.parametrize("path", [PREDICT, "/v1/models", "/metrics", "/openapi.json", "/docs"])
def test_with_keys_only_their_owners_are_answered(
    headers: dict[str, str], status: int, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From whatever machine; no log has a key."""
    caplog.set_level(logging.INFO)
    service = build_service(registry(), api_keys=f"{KEY},{OTHER_KEY}", admin_key=ADMIN_KEY)
    client = client_of(service, address="192.0.2.1")
    sent = {name: value.encode() for name, value in headers.items()}
    response = client.post(path, {"record": BALL}, headers=sent) if path == PREDICT else client.get(path, headers=sent)
    assert response.status_code == status
    if status == 401:
        error_of(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
    assert not [key for key in (KEY, OTHER_KEY, ADMIN_KEY) if key in caplog.text]


def test_without_keys_only_this_machine_is_answered() -> None:
    """Its addresses of whatever kind; others learn no more than that somebody lives here."""
    service = build_service(registry())
    for address in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert client_of(service, address=address).get("/v1/models").status_code == 200
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "testclient"):
        error_of(client_of(service, address=address).get("/v1/models"), 401, "unauthorized")
        assert client_of(service, address=address).get("/health").status_code == 200


def test_reloading_needs_the_admin_key() -> None:
    """A client's key is not enough; without an admin key nobody may."""
    service = build_service(registry(), api_keys=KEY, admin_key=ADMIN_KEY)
    for headers, status, code in (({}, 401, "unauthorized"), ({"x-api-key": KEY}, 403, "forbidden")):
        error_of(client_of(service, headers=headers).post("/v1/models/reload"), status, code)
    assert client_of(service, headers={"x-api-key": ADMIN_KEY}).post("/v1/models/reload").status_code == 200


def test_the_log_of_requests_has_no_personal_data(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A line says what was asked and how it went; neither address, query, body nor a path that somebody made up."""
    caplog.set_level(logging.INFO)
    client.post(f"{PREDICT}?explain=false", {"record": BALL}, headers={"x-request-id": "one"})
    client.get("/jane@example.org?email=jane@example.org", headers={"x-request-id": "two"})
    lines = access_lines(caplog.records)
    assert all(line.pop("duration_ms") >= 0 for line in lines)
    assert lines == [
        {"request_id": "one", "protocol": "rest", "method": "POST", "path": PREDICT, "status": 200},
        {"request_id": "two", "protocol": "rest", "method": "GET", "path": None, "status": 404},
    ]
    assert "example.org" not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("mlops_assets"))


def _broken_routes(service: PredictionService, stores: Any) -> APIRouter:
    router = APIRouter()

    @router.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret detail")

    @router.get("/away")
    async def away() -> None:
        raise StoreUnavailableError("secret detail")

    @router.get("/hours")
    async def hours(count: int) -> int:
        return count

    return router


def test_routes_of_domains_have_the_same_form_of_errors(caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours is told with the id by which the log says more, and nothing of it."""
    client = client_of(build_service(registry()), [DomainServing("examples", (), _broken_routes)])
    for path, status, code in (("/broken", 500, "internal"), ("/away", 503, "unavailable")):
        response = client.get(path, headers={"x-request-id": "seven"})
        error_of(response, status, code)
        assert "secret" not in response.text
        assert "request seven could not be answered" in caplog.text
    assert error_of(client.get("/hours?count=many"), 422, "invalid_record").keys() == {"count"}
    assert client.get("/hours?count=3").json() == 3


def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client learns so, and others are answered meanwhile."""
    service = build_service(registry(), timeout_seconds=0.1)
    monkeypatch.setattr(service, "predict_batch", lambda *_, **__: time.sleep(0.5))
    error_of(client_of(service).post(f"{PREDICT}/batch", {"records": [BALL]}), 504, "timeout")


def test_an_answer_that_nobody_got_is_not_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A client that was told of a timeout asks again; its question is one question."""
    log, is_answered = PredictionLog(lambda _: open_event_log(f"sqlite:{tmp_path / 'events.db'}")), threading.Event()
    service = build_service(registry(), log, timeout_seconds=0.1)
    bundle = service.champions.get("examples", "colour_model").bundle
    predict = bundle.predict_records

    def slowly(records: Any) -> Any:
        time.sleep(0.4)
        is_answered.set()
        return predict(records)

    monkeypatch.setitem(bundle.__dict__, "predict_records", slowly)
    error_of(client_of(service).post(f"{PREDICT}/batch", {"records": [BALL]}), 504, "timeout")
    assert is_answered.wait(20)
    # The thread that has just answered takes the next call when it has finished.
    asyncio.run(service.execution.run_in_thread(lambda: time.sleep(0.05)))
    log.start()
    log.stop(60)
    assert (log.written, log.waiting, log.lost) == (0, 0, 0)


def test_metrics_count_answers_errors_and_the_log(tmp_path: Path) -> None:
    """Records, not requests; errors by their code; what the log could not take."""

    def no_log(domain: str) -> Any:
        raise StoreUnavailableError("gone")

    log = PredictionLog(no_log)
    log.start()
    client = client_of(build_service(registry(), log))
    client.post(PREDICT, {"record": BALL})
    client.post(f"{PREDICT}/batch", {"records": [BALL] * 4})
    client.post(PREDICT, b"{")
    log.stop(60)
    text = client.get("/metrics").text
    assert 'mlops_predictions_total{domain="examples",model="colour_model",protocol="rest"} 5.0' in text
    assert 'mlops_request_errors_total{code="malformed_request",protocol="rest"} 1.0' in text
    assert 'mlops_champion_version{domain="examples",model="colour_model"} 1.0' in text
    assert "mlops_lost_predictions_total 5.0" in text


def test_every_answered_record_is_one_event(tmp_path: Path) -> None:
    """Rows of a batch that were refused are none, nor are questions that were not answered."""
    events = open_event_log(f"sqlite:{tmp_path / 'events.db'}")
    log = PredictionLog(lambda domain: events)
    log.start()
    client = client_of(build_service(registry(), log))
    client.post(PREDICT, {"record": BALL}, headers={"x-request-id": "one"})
    client.post(PREDICT, {"record": {}}, headers={"x-request-id": "two"})
    client.post(f"{PREDICT}/batch", {"records": [BALL, {}, BALL]}, headers={"x-request-id": "three"})
    log.stop(60)
    found = [
        json.loads(value)
        for offsets in events.watermarks(TOPIC).values()
        for value in events.read(TOPIC, offsets)["value"].to_pylist()
    ]
    assert [event["request_id"] for event in found] == ["one", "three", "three"]
    assert len({event["prediction_id"] for event in found}) == 3
    assert found[0]["record"] == {**BALL, "seen_at": "2024-01-01T00:00:00+00:00"}
