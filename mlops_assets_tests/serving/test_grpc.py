"""gRPC: what clients find, what they get for calls that are none, streams, health, and the end of a server."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hypothesis import given, settings
from hypothesis import strategies as st

import mlops_assets
from mlops_assets.errors import SettingsError
from mlops_assets.serving.champions import ModelName
from mlops_assets.serving.grpc import build_grpc_server
from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb
from mlops_assets.serving.service import PredictionService
from mlops_assets.serving.settings import ServingSettings
from mlops_assets.song_preference.serving import SERVING as SONGS
from mlops_assets_tests.serving.servers import (
    RefusedError,
    Registry,
    Serving,
    colour_bundle,
    outcome_of,
    record_message,
    refusal_of,
    serving,
)

COLOURS = ModelName("examples", "colour_model")
THING: dict[str, Any] = {"kind": "ball", "size_m": 1.25, "is_new": True, "seen_at": "2024-01-01T12:00:00Z"}
SERVICE = "mlops_assets.v1.Predictions"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
CODES = grpc.StatusCode


def registry() -> Registry:
    return Registry({COLOURS: {1: colour_bundle()}}, {COLOURS: 1})


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(registry(), max_body_bytes=100_000) as found:
        yield found


def request(**changes: Any) -> pb.PredictRequest:
    return pb.PredictRequest(domain="examples", model="colour_model", record=record_message({**THING, **changes}))


def failure(call: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as found:
        call()
    return found.value


def test_generated_modules_are_what_the_protos_give(tmp_path: Path) -> None:
    """Whoever changes a .proto runs `make protos`."""
    root = Path(mlops_assets.__file__).parents[1]
    protos = sorted(path.relative_to(root) for path in (root / "mlops_assets").rglob("*.proto"))
    assert protos
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I.", *outputs, *map(str, protos)], cwd=root, check=True)
    for made in tmp_path.rglob("*_pb2*"):
        committed = root / made.relative_to(tmp_path)
        assert committed.read_text() == made.read_text(), f"{committed} is not what its .proto gives: run make protos"


def test_reflection_lists_all_services_and_describes_their_methods(running: Serving) -> None:
    """Tools such as grpcurl need no .proto."""
    database = ProtoReflectionDescriptorDatabase(running.channel)
    names = {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert set(database.get_services()) == names == set(running.server.services)
    service = DescriptorPool(database).FindServiceByName(SERVICE)
    assert [method.name for method in service.methods] == ["Predict", "PredictBatch", "PredictStream", "ListModels", "GetModel"]


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\xff", b"\x0a\x08examp"])
@pytest.mark.parametrize("method", ["Predict", "PredictBatch", "PredictStream", "GetModel"])
def test_a_truncated_message_is_malformed_and_no_unknown_error(running: Serving, method: str, body: bytes) -> None:
    """What protobuf cannot read is the client's mistake, in single calls and streams."""
    path = f"/{SERVICE}/{method}"
    if method == "PredictStream":
        error = failure(lambda: list(running.channel.stream_stream(path)(iter([body]))))
    else:
        error = failure(lambda: running.channel.unary_unary(path)(body))
    assert error.code() == CODES.INVALID_ARGUMENT
    assert refusal_of(error).code == "malformed_request"


@settings(max_examples=100)
@given(body=st.binary(max_size=100), method=st.sampled_from(["Predict", "PredictBatch", "GetModel", "ListModels"]))
def test_whatever_bytes_are_sent_the_service_is_not_at_fault(running: Serving, method: str, body: bytes) -> None:
    """Bytes are a message, which is answered or refused, or they are none."""
    call = running.channel.unary_unary(f"/{SERVICE}/{method}").future(body, timeout=30)
    assert call.code() in (CODES.OK, CODES.INVALID_ARGUMENT, CODES.NOT_FOUND)


def test_an_unknown_method_is_unimplemented(running: Serving) -> None:
    """So says gRPC of methods and services that are not there."""
    for path in (f"/{SERVICE}/Guess", "/mlops_assets.v2.Predictions/Predict"):
        assert failure(lambda path=path: running.channel.unary_unary(path)(b"")).code() == CODES.UNIMPLEMENTED


def test_a_message_has_a_largest_size(running: Serving) -> None:
    """A message that is too long is refused, also if it was short when it was sent."""
    long = request(kind="x" * 200_000)
    assert failure(lambda: running.stub.Predict(long)).code() == CODES.RESOURCE_EXHAUSTED
    squeezed = failure(lambda: running.stub.Predict(long, compression=grpc.Compression.Gzip))
    assert squeezed.code() == CODES.RESOURCE_EXHAUSTED


def test_an_answer_after_the_deadline_of_the_client_is_not_waited_for(running: Serving) -> None:
    """The client is told that its deadline has passed."""
    assert failure(lambda: running.stub.Predict(request(), timeout=0)).code() == CODES.DEADLINE_EXCEEDED


def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service has a deadline of its own, and answers others meanwhile."""

    def sleep(*_: Any, **__: Any) -> None:
        time.sleep(1)

    with serving(registry(), timeout_seconds=0.1) as running:
        monkeypatch.setattr(running.service, "predict", sleep)
        late = running.stub.Predict.future(request())
        assert running.stub.ListModels(pb.ListModelsRequest()).models[0].is_ready
        assert failure(late.result).code() == CODES.DEADLINE_EXCEEDED
        assert refusal_of(late).code == "timeout"


def test_an_error_of_the_service_says_where_to_read_more(running: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is told apart from what the client did, and gives nothing away."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret of the process")

    monkeypatch.setattr(running.service, "predict", fail)
    error = failure(lambda: running.stub.Predict(request(), metadata=[("x-request-id", "order-66")]))
    assert (error.code(), error.details()) == (
        CODES.INTERNAL, "an error of the service; its log says more of request order-66",
    )  # fmt: skip


def test_errors_of_very_many_fields_fit_into_metadata(running: Serving) -> None:
    """Clients take 8 KB of metadata; the first fields are named."""
    error = failure(lambda: running.stub.Predict(request(**{f"größe {number} 🎈": 1 for number in range(1_000)})))
    assert error.code() == CODES.INVALID_ARGUMENT
    refusal = refusal_of(error)
    assert len(refusal.fields) > 10
    assert set(refusal.fields.values()) == {"there is no such field"}


def test_times_may_be_sent_as_such(running: Serving) -> None:
    """A Timestamp is the same moment as its text; one out of range is an error of its field."""
    noon = Timestamp()
    noon.FromJsonString(THING["seen_at"])
    assert running.stub.Predict(request(seen_at=noon)) == running.stub.Predict(request())
    with pytest.raises(RefusedError) as found:
        running.call(running.stub.Predict, request(seen_at=Timestamp(seconds=2**60), size_m=-1))
    assert found.value.fields.keys() == {"seen_at", "size_m"}


def test_what_is_not_set_is_unknown(running: Serving) -> None:
    """A value of no kind is like null."""
    record = record_message(THING)
    record.fields["size_m"].CopyFrom(pb.Value())
    answer = running.stub.Predict(pb.PredictRequest(domain="examples", model="colour_model", record=record))
    assert list(answer.unknown_inputs) == ["size_m"]


def test_a_stream_goes_on_after_an_error(running: Serving) -> None:
    """Each request has its outcome, in order, whatever the others are."""
    asked = [request(), request(size_m=-1), pb.PredictRequest(domain="nobody"), request()]
    outcomes = [outcome_of(outcome) for outcome in running.stub.PredictStream(iter(asked))]
    assert outcomes[0] == outcomes[3] == running.ask("grpc", COLOURS, THING)
    assert [outcome["error"]["code"] for outcome in outcomes[1:3]] == ["invalid_record", "unknown_model"]


def test_a_stream_answers_before_it_ends(running: Serving) -> None:
    """A client may wait for an answer before it sends its next question."""
    questions: queue.Queue[Any] = queue.Queue()
    outcomes = running.stub.PredictStream(iter(questions.get, None))
    for size in (0.5, 1.5):
        questions.put(request(size_m=size))
        assert outcome_of(next(outcomes)) == running.ask("grpc", COLOURS, {**THING, "size_m": size})
    questions.put(None)
    assert list(outcomes) == []


def test_models_are_described(running: Serving) -> None:
    """A client learns what a model takes, how good it is and where it comes from, before it asks."""
    listed = running.stub.ListModels(pb.ListModelsRequest()).models
    assert [(each.model.name, each.model.version, each.is_ready, each.problem) for each in listed] == [
        ("colour_model", 1, True, "")
    ]
    found = running.stub.GetModel(pb.GetModelRequest(domain="examples", model="colour_model"))
    assert [(column.name, column.type, column.is_required) for column in found.columns] == [
        ("kind", "string", True), ("size_m", "float64", False), ("is_new", "bool", True), ("seen_at", "timestamp", True),
    ]  # fmt: skip
    assert (list(found.columns[0].allowed), found.columns[1].unit, found.columns[1].minimum) == (["ball", "box"], "metre", 0)
    assert dict(found.metrics) == {"auc": 1.0, "mcc": 0.5}
    assert found.lineage.training_start_at.ToJsonString() == "2024-01-01T00:00:00Z"
    assert (found.lineage.training_rows, found.lineage.seed, found.model.run_id) == (8, 7, "run 1")


def health(running: Serving, service: str = "") -> Any:
    return HealthStub(running.channel).Check(health_pb2.HealthCheckRequest(service=service)).status


def test_nothing_is_served_until_a_champion_is_ready() -> None:
    """Health says so at once, and to those who watch; it is open to those without a key."""
    models = registry()
    with serving(models, is_loaded=False, api_keys="a key of many letters") as running:
        watched = HealthStub(running.channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=30)
        assert next(watched).status == health(running) == health(running, SERVICE) == NOT_SERVING
        running.service.champions.refresh()
        assert health(running) == health(running, SERVICE) == SERVING
        assert next(watched).status == SERVING
        watched.cancel()


def test_the_service_of_a_domain_is_as_ready_as_its_champions(running: Serving) -> None:
    """A champion of one domain says nothing about the services of another."""
    with serving(registry(), [SONGS]) as other:
        assert health(other, SERVICE) == SERVING
        assert health(other, "Predictor") == NOT_SERVING
        other.service.announce_stop()
        assert health(other, SERVICE) == health(other) == NOT_SERVING


def test_every_call_leaves_a_line_in_the_log(running: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """It has the id, the method, the status and the duration, and nothing of what was sent."""
    with caplog.at_level("INFO", "mlops_assets.serving.access"):
        running.call(running.stub.Predict, request())
        with pytest.raises(RefusedError):
            running.call(running.stub.Predict, request(kind="Ms Smith"))
        list(running.stub.PredictStream(iter([request(kind="Ms Smith")])))
    fields = [record.fields for record in caplog.records]  # type: ignore[attr-defined]
    assert [each["status"] for each in fields] == ["OK", "INVALID_ARGUMENT", "OK"]
    assert {each["protocol"] for each in fields} == {"grpc"}
    assert [each["path"] for each in fields] == [f"/{SERVICE}/Predict"] * 2 + [f"/{SERVICE}/PredictStream"]
    assert all(each["request_id"] and each["duration_ms"] > 0 for each in fields)
    assert "Smith" not in caplog.text + str(fields)


def test_health_of_an_unknown_service_is_not_found(running: Serving) -> None:
    """Nobody takes a misspelled name for a service that is down."""
    assert failure(lambda: health(running, "mlops_assets.v9")).code() == CODES.NOT_FOUND


def test_a_stop_first_says_so_and_lets_answers_in_flight_end() -> None:
    """From the beginning of a stop health is NOT_SERVING; an open stream is answered, new calls are not."""
    with serving(registry()) as running:
        questions: queue.Queue[Any] = queue.Queue()
        outcomes = running.stub.PredictStream(iter(questions.get, None))
        questions.put(request())
        next(outcomes)
        watched = HealthStub(running.channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(watched).status == SERVING
        stopping = asyncio.run_coroutine_threadsafe(running.server.stop(10), running.loop)
        assert next(watched).status == NOT_SERVING
        watched.cancel()
        questions.put(request(size_m=0.5))
        assert next(outcomes).answer.probability > 0
        questions.put(None)
        assert list(outcomes) == []
        stopping.result(30)
        assert failure(lambda: running.stub.Predict(request())).code() == CODES.UNAVAILABLE


def test_a_port_that_is_taken_is_an_error(running: Serving) -> None:
    """Two servers never share a port by accident, each with half of the calls."""

    async def build(service: PredictionService, settings: ServingSettings) -> None:
        build_grpc_server(service, [], settings)

    port = int(running.target.rpartition(":")[2])
    with pytest.raises(SettingsError, match=f"cannot listen at 127.0.0.1:{port} for gRPC"):
        running.run(build(running.service, ServingSettings(grpc_port=port)))


def test_workers_share_a_port() -> None:
    """Processes of one service listen together, and the system deals the calls out."""
    with serving(registry(), workers=2) as running:
        settings = ServingSettings(grpc_port=int(running.target.rpartition(":")[2]), workers=2)

        async def add() -> None:
            server = build_grpc_server(running.service, [], settings)
            await server.start()
            await server.stop(0)

        running.run(add())
