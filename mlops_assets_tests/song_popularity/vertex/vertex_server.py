"""Vertex AI in this process: what its REST API says of models, endpoints, predictions and pipeline jobs.

Google publishes no emulator. Paths, methods and forms are those of https://cloud.google.com/vertex-ai/docs/reference/rest; Google's
client reads and writes them.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mlops_assets.song_popularity.vertex.target import VertexTarget

PARENT = "projects/music/locations/europe-west1"
_TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."

Reply = tuple[int, dict[str, Any]]


@dataclass
class Vertex:
    """What there is, and what was asked.

    Attributes:
        predict: answers a request for predictions: what the container says.
        models: by full name with version.
        endpoints: by full name.
        jobs: pipeline jobs.
        requests: method and path of each request.
        predictions: requests for predictions.
        failures: replies that come first, before anything is done: status and message.
        address: of the server.
        answering: version of the model that predictions say they are of.
        is_slow: whether work goes on for ever.
    """

    predict: Callable[[dict[str, Any]], Reply] = lambda request: (200, {"predictions": []})
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    address: str = ""
    answering: str = "1"
    is_slow: bool = False
    _running: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def target(self) -> VertexTarget:
        """Project and region at this server."""
        return VertexTarget("music", "europe-west1", self.address)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Reply:
        self.requests.append(f"{method} {path}")
        if self.failures:
            status, message = self.failures.pop(0)
            return status, {"error": {"code": status, "message": message, "status": "UNKNOWN"}}
        # Google's client asks of operations at the first of the two paths that the service has for them.
        name = path.removeprefix("/ui/").removeprefix("/v1/")
        if "/operations/" in name:
            return 200, {"name": name, "done": False} if self.is_slow else self._running[name]
        for pattern, action in _ACTIONS:
            found = re.fullmatch(pattern, f"{method} {name}")
            if found:
                return action(self, found, query, body)
        return 404, {"error": {"code": 404, "message": f"{name} is not found", "status": "NOT_FOUND"}}

    def _operation(self, kind: str, response: dict[str, Any]) -> Reply:
        """Say that work has begun, of the first piece; whoever asks again hears that it is done, as of the others at once."""
        name = f"{PARENT}/operations/{len(self._running) + 1}"
        self._running[name] = {"name": name, "done": True, "response": {"@type": f"{_TYPES}{kind}", **response}}
        return 200, {"name": name, "done": False} if len(self._running) == 1 else self._running[name]

    def upload(self, found: re.Match[str], query: Any, body: dict[str, Any]) -> Reply:
        parent = body.get("parentModel") or f"{PARENT}/models/{len(self.models) + 1}"
        version = str(1 + sum(name.startswith(f"{parent}@") for name in self.models))
        self.models[f"{parent}@{version}"] = body["model"]
        return self._operation("UploadModelResponse", {"model": parent, "modelVersionId": version})

    def list_models(self, found: re.Match[str], query: dict[str, list[str]], body: Any) -> Reply:
        return 200, {
            "models": [{**model, "name": name.partition("@")[0]} for name, model in self.models.items() if _passes(model, query)][
                :1
            ]
        }

    def get_model(self, found: re.Match[str], query: Any, body: Any) -> Reply:
        model = self.models.get(found[1])
        return (200, {**model, "name": found[1]}) if model else (404, {"error": {"code": 404, "message": "no such model"}})

    def list_endpoints(self, found: re.Match[str], query: dict[str, list[str]], body: Any) -> Reply:
        return 200, {"endpoints": [each for each in self.endpoints.values() if _passes(each, query)]}

    def create_endpoint(self, found: re.Match[str], query: Any, body: dict[str, Any]) -> Reply:
        name = f"{PARENT}/endpoints/{len(self.endpoints) + 7}"
        self.endpoints[name] = {**body, "name": name, "deployedModels": [], "trafficSplit": {}}
        return self._operation("Endpoint", {"name": name})

    def get_endpoint(self, found: re.Match[str], query: Any, body: Any) -> Reply:
        endpoint = self.endpoints.get(found[1])
        return (200, endpoint) if endpoint else (404, {"error": {"code": 404, "message": "no such endpoint"}})

    def deploy(self, found: re.Match[str], query: Any, body: dict[str, Any]) -> Reply:
        endpoint = self.endpoints[found[1]]
        model, _, version = body["deployedModel"]["model"].partition("@")
        deployed = {**body["deployedModel"], "model": model, "modelVersionId": version, "id": str(len(self.requests))}
        endpoint["deployedModels"].append(deployed)
        endpoint["trafficSplit"] = {deployed["id"] if key == "0" else key: share for key, share in body["trafficSplit"].items()}
        return self._operation("DeployModelResponse", {"deployedModel": deployed})

    def undeploy(self, found: re.Match[str], query: Any, body: dict[str, Any]) -> Reply:
        endpoint, gone = self.endpoints[found[1]], body["deployedModelId"]
        if endpoint["trafficSplit"].get(gone):
            return 400, {"error": {"code": 400, "message": "it has traffic", "status": "INVALID_ARGUMENT"}}
        endpoint["deployedModels"] = [each for each in endpoint["deployedModels"] if each["id"] != gone]
        return self._operation("UndeployModelResponse", {})

    def ask(self, found: re.Match[str], query: Any, body: dict[str, Any]) -> Reply:
        self.predictions.append(body)
        if len(json.dumps(body)) > 1_500_000:
            return 400, {"error": {"code": 400, "message": "the request is too large", "status": "INVALID_ARGUMENT"}}
        status, reply = self.predict(body)
        if status == 200:
            return 200, {"model": f"{PARENT}/models/1", "modelVersionId": self.answering, "deployedModelId": "1", **reply}
        return status, {"error": {"code": status, "message": json.dumps(reply), "status": "FAILED_PRECONDITION"}}

    def create_job(self, found: re.Match[str], query: Any, body: dict[str, Any]) -> Reply:
        self.jobs.append(body)
        return 200, {**body, "name": f"{PARENT}/pipelineJobs/{len(self.jobs)}"}


_ACTIONS: tuple[tuple[str, Callable[..., Reply]], ...] = (
    (rf"POST {PARENT}/models:upload", Vertex.upload),
    (rf"GET {PARENT}/models", Vertex.list_models),
    (rf"GET ({PARENT}/models/[\w@]+)", Vertex.get_model),
    (rf"GET {PARENT}/endpoints", Vertex.list_endpoints),
    (rf"POST {PARENT}/endpoints", Vertex.create_endpoint),
    (rf"GET ({PARENT}/endpoints/\d+)", Vertex.get_endpoint),
    (rf"POST ({PARENT}/endpoints/\d+):deployModel", Vertex.deploy),
    (rf"POST ({PARENT}/endpoints/\d+):undeployModel", Vertex.undeploy),
    (rf"POST ({PARENT}/endpoints/\d+):predict", Vertex.ask),
    (rf"POST {PARENT}/pipelineJobs", Vertex.create_job),
)


def _passes(resource: dict[str, Any], query: dict[str, list[str]]) -> bool:
    wanted = re.fullmatch(r'display_name="(.*)"', query["filter"][0])
    assert wanted
    return bool(resource["displayName"] == wanted[1])


@contextmanager
def vertex_server(vertex: Vertex) -> Iterator[Vertex]:
    """Run the server until the block ends."""

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = urlsplit(self.path)
            status, reply = vertex.answer(self.command, unquote(asked.path), parse_qs(asked.query), json.loads(sent or b"{}"))
            body = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class _Server(ThreadingHTTPServer):
        daemon_threads = True

    with _Server(("127.0.0.1", 0), _Handler) as server:
        vertex.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield vertex
        finally:
            server.shutdown()
