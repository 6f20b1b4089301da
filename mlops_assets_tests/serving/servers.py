"""Serving in this process, by real servers on free ports, and one client that asks by each protocol in the same way."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import grpc
import httpx
import uvicorn
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo
from grpc_status import rpc_status

from mlops_assets.ml.bundle import Bundle
from mlops_assets.serving.champions import Champions, ChampionVersion, ModelName
from mlops_assets.serving.extension import DomainServing
from mlops_assets.serving.grpc import GrpcServer, build_grpc_server
from mlops_assets.serving.grpc.messages import value_message
from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb
from mlops_assets.serving.grpc.v1.predictions_pb2_grpc import PredictionsStub
from mlops_assets.serving.metrics import ServingMetrics
from mlops_assets.serving.rest.app import build_app
from mlops_assets.serving.service import PredictionService
from mlops_assets.serving.settings import ServingSettings
from mlops_assets_tests.tiny_bundle import TinyBundle, things, tiny_bundle

PROTOCOLS = ("rest", "graphql", "grpc")
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)

_ANSWER = """{
  model { domain name version runId } isPredicted predictedClass probability probabilities { name probability } unknownInputs
  explanation { input value typical effect }
}"""


@dataclass
class Registry:
    """Champions that a test names.

    Attributes:
        versions: bundles of a model by the numbers of their versions.
        champions: which version is champion; None if there is none.
    """

    versions: dict[ModelName, dict[int, Bundle[Any]]]
    champions: dict[ModelName, int | None] = field(default_factory=dict)

    def names(self) -> list[ModelName]:
        return sorted(self.versions)

    def current(self, name: ModelName) -> ChampionVersion | None:
        version = self.champions.get(name)
        return None if version is None else ChampionVersion(version, f"run {version}", (name, version))

    def load(self, version: ChampionVersion) -> Bundle[Any]:
        name, number = version.handle
        return self.versions[name][number]


class RefusedError(Exception):
    """A question that was not answered, by whatever protocol.

    Attributes:
        code: the reason in one word.
        fields: messages by field.
        request_id: of the request.
    """

    def __init__(self, code: str, fields: Mapping[str, str], message: str, request_id: str) -> None:
        super().__init__(f"{code}: {message} {fields}")
        self.code, self.fields, self.message, self.request_id = code, dict(fields), message, request_id


@dataclass
class Serving:
    """Servers that answer, and a client of each.

    Attributes:
        service: what answers behind them.
        url: of REST and GraphQL.
        target: of gRPC.
        server: of gRPC.
        loop: the event loop of both.
        headers: that the client sends.
    """

    service: PredictionService
    url: str
    target: str
    server: GrpcServer
    loop: asyncio.AbstractEventLoop
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self.channel = grpc.insecure_channel(self.target)
        self.stub = PredictionsStub(self.channel)

    def ask(self, protocol: str, name: ModelName, record: Any, *, explain: bool = False) -> dict[str, Any]:
        """Return the answer about a record, in the form of GraphQL's."""
        if protocol == "rest":
            reply = self._post(f"/v1/models/{name}/predict{'?explain=true' * explain}", {"record": record})
            return _from_rest(reply)
        if protocol == "graphql":
            query = f"query($domain: String!, $model: String!, $record: JSON!, $explain: Boolean!) {{ answer: predictRecord(domain: $domain, model: $model, record: $record, explain: $explain) {_ANSWER} }}"  # noqa: E501
            variables = {"domain": name.domain, "model": name.name, "record": record, "explain": explain}
            found: dict[str, Any] = self.graphql(query, variables)["answer"]
            return found
        request = pb.PredictRequest(domain=name.domain, model=name.name, record=record_message(record), explain=explain)
        return _from_grpc(self.call(self.stub.Predict, request))

    def ask_many(self, protocol: str, name: ModelName, records: Sequence[Any]) -> list[dict[str, Any]]:
        """Return an answer for each record, or `{"error": {"code", "fields"}}`."""
        if protocol == "rest":
            rows = self._post(f"/v1/models/{name}/predict/batch", {"records": records})["answers"]
            return [{"error": _error(row["error"])} if "error" in row else _from_rest(row) for row in rows]
        if protocol == "graphql":
            query = f"query($domain: String!, $model: String!, $records: [JSON]!) {{ outcomes: predictRecords(domain: $domain, model: $model, records: $records) {{ answer {_ANSWER} error {{ code fields {{ field message }} }} }} }}"  # noqa: E501
            outcomes = self.graphql(query, {"domain": name.domain, "model": name.name, "records": records})["outcomes"]
            return [each["answer"] or {"error": _error(each["error"])} for each in outcomes]
        request = pb.PredictBatchRequest(domain=name.domain, model=name.name, records=map(record_message, records))
        return [outcome_of(each) for each in self.call(self.stub.PredictBatch, request).outcomes]

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the data of an operation."""
        content = json.dumps({"query": query, "variables": variables or {}})
        response = self.http.post("/graphql", content=content, headers={**self.headers, "content-type": "application/json"})
        assert response.status_code < 500 or response.status_code == 503, response.text
        body = response.json()
        if "error" in body:
            raise refusal_in(body["error"], body["request_id"])
        for error in body.get("errors", ()):
            raise refusal_in({**error["extensions"], "message": error["message"]}, error["extensions"]["request_id"])
        data: dict[str, Any] = body["data"]
        return data

    def call(self, method: Callable[..., Any], request: Any) -> Any:
        """Return what a method of gRPC answers."""
        try:
            return method(request, timeout=30, metadata=[(name.lower(), value) for name, value in self.headers.items()])
        except grpc.RpcError as error:
            raise refusal_of(error) from error

    def _post(self, path: str, content: Any) -> dict[str, Any]:
        headers = {**self.headers, "content-type": "application/json"}
        response = self.http.post(path, content=json.dumps(content), headers=headers)
        assert response.status_code < 500 or response.status_code == 503, response.text
        body: dict[str, Any] = response.json()
        if "error" in body:
            raise refusal_in(body["error"], body["request_id"])
        return body

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine in the event loop of the servers."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)


def record_message(record: Mapping[str, Any] | None) -> pb.Record:
    """Return a record for gRPC."""
    return pb.Record(fields={name: _value(value) for name, value in (record or {}).items()})


def _value(value: Any) -> pb.Value:
    return pb.Value(time=value) if isinstance(value, Timestamp) else value_message(value)


def outcome_of(outcome: pb.Outcome) -> dict[str, Any]:
    """Return an outcome in the form of `ask_many`."""
    if outcome.WhichOneof("kind") == "answer":
        return _from_grpc(outcome.answer)
    return {"error": {"code": outcome.error.code, "fields": {each.field: each.message for each in outcome.error.fields}}}


def refusal_of(error: grpc.RpcError) -> RefusedError:
    """Return what a status of gRPC says, by its details."""
    status = rpc_status.from_call(error)
    assert status is not None, (error.code(), error.details())
    assert error.code() not in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL), error.details()
    info, request, bad = ErrorInfo(), RequestInfo(), BadRequest()
    for detail in status.details:
        for message in (info, request, bad):
            detail.Unpack(message)
    fields = {each.field: each.description for each in bad.field_violations}
    return RefusedError(info.reason, fields, status.message, request.request_id)


def refusal_in(error: Mapping[str, Any], request_id: str) -> RefusedError:
    """Return what an error says in JSON."""
    return RefusedError(**_error(error), message=error["message"], request_id=request_id)


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    return {"code": error["code"], "fields": {each["field"]: each["message"] for each in error["fields"]}}


def _from_rest(reply: Mapping[str, Any]) -> dict[str, Any]:
    value, model = reply["value"], reply["model"]
    return {
        "model": {"domain": model["domain"], "name": model["name"], "version": model["version"], "runId": model["run_id"]},
        "isPredicted": value if isinstance(value, bool) else None,
        "predictedClass": None if isinstance(value, bool) else value,
        "probability": reply["probability"],
        "probabilities": [{"name": name, "probability": each} for name, each in reply.get("probabilities", {}).items()],
        "unknownInputs": reply["unknown_inputs"],
        "explanation": reply.get("explanation"),
    }


def _from_grpc(answer: pb.Answer) -> dict[str, Any]:
    kind = answer.WhichOneof("value")
    explanation = [
        {"input": each.input, "value": _plain(each.value), "typical": _plain(each.typical), "effect": each.effect}
        for each in answer.explanation
    ]
    return {
        "model": {
            "domain": answer.model.domain,
            "name": answer.model.name,
            "version": answer.model.version,
            "runId": answer.model.run_id,
        },
        "isPredicted": answer.is_predicted if kind == "is_predicted" else None,
        "predictedClass": answer.predicted_class if kind == "predicted_class" else None,
        "probability": answer.probability,
        "probabilities": [{"name": name, "probability": each} for name, each in sorted(answer.probabilities.items())],
        "unknownInputs": list(answer.unknown_inputs),
        "explanation": explanation or None,
    }


def _plain(value: pb.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "time":
        return value.time.ToDatetime(timezone.utc).isoformat()
    return None if kind is None or kind == "null" else getattr(value, kind)


@contextmanager
def serving(
    registry: Registry, extensions: Sequence[DomainServing] = (), *, is_loaded: bool = True, **values: Any
) -> Iterator[Serving]:
    """Serve the champions of a registry by all protocols.

    Args:
        registry: the champions.
        extensions: what domains add.
        is_loaded: whether the champions are loaded before the servers start.
        **values: settings.
    """
    settings = ServingSettings(port=0, grpc_port=0, **values)
    service = PredictionService(Champions(registry, lambda: NOON), settings, ServingMetrics(), None, lambda: NOON)
    if is_loaded:
        service.champions.refresh()
    stores: Any = None
    config = uvicorn.Config(build_app(service, extensions, stores), port=0, lifespan="off", log_level="warning")
    web, has_ended = uvicorn.Server(config), threading.Event()
    servers: list[tuple[GrpcServer, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        server = build_grpc_server(service, extensions, settings)
        await server.start()
        servers.append((server, asyncio.get_running_loop()))
        try:
            await web.serve()
        finally:
            await server.stop(0)

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            has_ended.set()

    thread = threading.Thread(target=run, name="serving")
    thread.start()
    try:
        while not web.started:
            assert not has_ended.wait(0.01), "the servers ended"
        port = web.servers[0].sockets[0].getsockname()[1]
        server, loop = servers[0]
        found = Serving(service, f"http://127.0.0.1:{port}", f"127.0.0.1:{server.port}", server, loop)
        try:
            yield found
        finally:
            found.http.close()
            found.channel.close()
    finally:
        web.should_exit = True
        thread.join(30)


def colour_bundle(**changes: Any) -> TinyBundle:
    """Return a tiny bundle that knows what to do with things of an unknown size."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = make_column_transformer((OneHotEncoder(), ["kind"]), (SimpleImputer(), ["size_m"]))
    pipeline = make_pipeline(encode, LogisticRegression()).fit(things(), [0, 0, 0, 0, 1, 1, 1, 1])
    return tiny_bundle(pipeline=pipeline, **changes)
