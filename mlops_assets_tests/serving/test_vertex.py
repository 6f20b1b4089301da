"""The container contract of Vertex AI: its variables, its two routes, its form of questions and answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.errors import SettingsError
from mlops_assets.serving.champions import Champions
from mlops_assets.serving.metrics import ServingMetrics
from mlops_assets.serving.rest.app import build_app
from mlops_assets.serving.service import PredictionService
from mlops_assets.serving.settings import ServingSettings
from mlops_assets.serving.vertex import VertexContainer, answering_model, find_container
from mlops_assets_tests.serving.processes import ServingProcess, free_ports, serving_process
from mlops_assets_tests.serving.rest_client import BALL, COLOURS, SHAPES, Client, error_of
from mlops_assets_tests.serving.servers import NOON, Registry, colour_bundle
from mlops_assets_tests.test_cli import mlops_assets

ROUTE = "/v1/endpoints/123/deployedModels/456"
"""The form of the routes that Vertex AI chooses for a model that was uploaded without routes."""
CONTAINER = VertexContainer(http_port=8080, predict_route=f"{ROUTE}:predict", health_route=ROUTE)
ELSEWHERE = "10.1.2.3"
"""Where Vertex AI asks from: not this machine."""


@pytest.fixture(scope="module")
def client() -> Client:
    """Give a client at another machine of a container with a colour model."""
    return Client(app(Registry({COLOURS: {1: colour_bundle()}}, {COLOURS: 1})), ELSEWHERE)


def app(registry: Registry, **settings: Any) -> Any:
    """Return the application of a container."""
    champions = Champions(registry, lambda: NOON)
    champions.refresh()
    service = PredictionService(champions, ServingSettings(_env_file=None, **settings), ServingMetrics(), None, lambda: NOON)
    stores: Any = None
    return build_app(service, (), stores, (CONTAINER, COLOURS))


@contextmanager
def vertex_container(folder: Path, *arguments: object, **environment: str) -> Iterator[ServingProcess]:
    """Run `mlops-assets serve` as Vertex AI does."""
    (port,) = free_ports(1)
    variables = {"AIP_HTTP_PORT": str(port), "AIP_PREDICT_ROUTE": f"{ROUTE}:predict", "AIP_HEALTH_ROUTE": ROUTE}
    with serving_process(folder, *arguments, AIP_MODE="PREDICTION", **{**variables, **environment}) as serving:
        yield replace(serving, port=port)


def test_instances_are_answered_in_order_with_the_columns_of_the_predictor(client: Client) -> None:
    """A large ball is blue, a small box is not; the body has predictions and nothing else."""
    box = {**BALL, "kind": "box", "size_m": 0.1}
    reply = client.post(CONTAINER.predict_route, {"instances": [BALL, box], "parameters": {}})
    assert reply.status_code == 200
    assert reply.json().keys() == {"predictions"}
    assert [each["is_predicted"] for each in reply.json()["predictions"]] == [True, False]
    bundle = colour_bundle()
    values = {**BALL, "seen_at": NOON}
    assert reply.json()["predictions"][0] == bundle.predict_record(values)


def test_no_instances_have_no_predictions(client: Client) -> None:
    """An empty list is a legal question."""
    assert client.post(CONTAINER.predict_route, {"instances": []}).json() == {"predictions": []}


def test_an_error_names_the_instance_and_the_field(client: Client) -> None:
    """All instances are read, and none is answered if one is wrong: predictions are matched by position."""
    wrong = [BALL, {**BALL, "kind": "cube"}, "ball", {**BALL, "size_m": math.nan}, {**BALL, "colour": "red"}]
    fields = error_of(client.post(CONTAINER.predict_route, {"instances": wrong}), 400, "invalid_record")
    assert fields.keys() == {"instances.1.kind", "instances.2.record", "instances.3.size_m", "instances.4.colour"}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ([BALL], "body"),
        ({"records": [BALL]}, "records"),
        ({"instances": BALL}, "instances"),
        ({"instances": None}, "instances"),
        ({"instances": [BALL], "parameters": [1]}, "parameters"),
        ({"instances": [BALL], "parameters": {"explain": True}}, "parameters.explain"),
        ({"instances": [BALL], "signature": "default"}, "signature"),
    ],
)
def test_another_form_is_refused_by_the_name_of_what_is_wrong(client: Client, content: Any, field: str) -> None:
    """Vertex AI passes bodies on as they are, so the container must say what it takes."""
    assert field in error_of(client.post(CONTAINER.predict_route, content), 400, "invalid_record")


def test_broken_json_and_too_many_instances_are_refused(client: Client) -> None:
    """As by the platform's own routes."""
    error_of(client.post(CONTAINER.predict_route, b"{"), 400, "malformed_request")
    error_of(client.post(CONTAINER.predict_route, {"instances": [BALL] * 1_001}), 413, "too_large")


def test_only_the_two_routes_are_open_to_other_machines(client: Client) -> None:
    """Whoever reaches a container without keys by mistake learns neither models nor metrics."""
    assert client.get(CONTAINER.health_route).status_code == 200
    for path in ("/v1/models", "/metrics", "/openapi.json", "/v1/models/examples/colour_model"):
        error_of(client.get(path), 401, "unauthorized")
    error_of(client.post("/v1/models/examples/colour_model/predict", {"record": BALL}), 401, "unauthorized")


def test_keys_do_not_stand_between_vertex_and_its_routes() -> None:
    """Vertex AI cannot send keys; the other routes still ask for them."""
    registry = Registry({COLOURS: {1: colour_bundle()}}, {COLOURS: 1})
    asking = Client(app(registry, api_keys="a-key-of-16-chars"), ELSEWHERE)
    assert asking.post(CONTAINER.predict_route, {"instances": [BALL]}).status_code == 200
    error_of(asking.get("/v1/models"), 401, "unauthorized")


def test_health_is_that_of_the_model_that_answers() -> None:
    """Another model that is ready does not make the container ready."""
    registry = Registry({COLOURS: {1: colour_bundle()}, SHAPES: {1: colour_bundle()}}, {SHAPES: 1})
    asking = Client(app(registry), ELSEWHERE)
    assert asking.get(CONTAINER.health_route).status_code == 503
    error_of(asking.post(CONTAINER.predict_route, {"instances": [BALL]}), 503, "no_champion")


def test_the_model_is_the_one_asked_for_or_the_only_one() -> None:
    """Of several, the setting that chooses is named."""
    assert answering_model([SHAPES], [COLOURS, SHAPES]) == SHAPES
    assert answering_model([], [COLOURS]) == COLOURS
    with pytest.raises(SettingsError, match=r"MLOPS_SERVING_VERTEX_MODEL.*examples/colour_model, examples/shape_model"):
        answering_model([], [COLOURS, SHAPES])


def test_half_a_contract_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stray variable neither opens the service to other machines nor is passed over."""
    assert find_container() is None
    monkeypatch.setenv("AIP_HTTP_PORT", "8080")
    with pytest.raises(SettingsError, match="AIP_PREDICT_ROUTE, AIP_HEALTH_ROUTE is not set"):
        find_container()
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "predict")
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/health")
    with pytest.raises(SettingsError, match="AIP_PREDICT_ROUTE"):
        find_container()


def test_a_container_serves_the_artifact_that_vertex_names(tmp_path: Path) -> None:
    """The bundle comes from AIP_STORAGE_URI, the port from AIP_HTTP_PORT on all addresses; a stop removes the copy."""
    colour_bundle().save(tmp_path / "artifact")
    (tmp_path / "tmp").mkdir()
    uri, temporary = f"file:{tmp_path / 'artifact'}", str(tmp_path / "tmp")
    with vertex_container(tmp_path, AIP_STORAGE_URI=uri, TMPDIR=temporary) as serving:
        serving.wait_until(lambda: serving.status(ROUTE) == 200)
        assert "REST and GraphQL: http://0.0.0.0:" in (tmp_path / "out.log").read_text()
        status, body = serving.ask("POST", f"{ROUTE}:predict", {"instances": [BALL, BALL]})
        assert (status, [each["is_predicted"] for each in body["predictions"]]) == (200, [True, True])
        status, body = serving.ask("POST", f"{ROUTE}:predict", {"instances": [{}]})
        assert status == 400
        assert "instances.0.kind" in [each["field"] for each in body["error"]["fields"]]
        serving.process.terminate()
        assert serving.process.wait(30) == 143
    assert list(Path(temporary).iterdir()) == []


def test_a_container_without_a_bundle_or_with_too_many_models_says_so(tmp_path: Path) -> None:
    """What Vertex AI shows of a container that does not start is its last line."""
    port, grpc = free_ports(2)
    variables = {"AIP_HTTP_PORT": str(port), "AIP_PREDICT_ROUTE": "/predict", "AIP_HEALTH_ROUTE": "/health"}
    for own, sentence in (
        ({"AIP_STORAGE_URI": f"file:{tmp_path / 'nothing'}"}, "bundle.joblib is missing"),
        ({}, "name it as MLOPS_SERVING_VERTEX_MODEL"),
        ({"MLOPS_SERVING_VERTEX_MODEL": "a/b"}, "there is no model a/b"),
    ):
        done = mlops_assets("serve", "--grpc-port", str(grpc), cwd=tmp_path, **variables, **own)
        assert done.returncode in (1, 2), done.stderr
        assert sentence in " ".join(done.stderr.split())
