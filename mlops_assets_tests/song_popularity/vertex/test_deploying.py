"""Deployments: a bundle in a bucket, a model with the serving image, an endpoint with all traffic, by Google's client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_assets.ml.bundle import Bundle
from mlops_assets.song_popularity.vertex.deploying import Deployment, deploy
from mlops_assets.song_popularity.vertex.endpoint import Endpoint, EndpointVersion
from mlops_assets.song_popularity.vertex.target import VertexRefusedError, VertexUnavailableError
from mlops_assets_tests.song_popularity.vertex.toy_popularity import toy_bundle, toy_events
from mlops_assets_tests.song_popularity.vertex.vertex_server import PARENT, Vertex, vertex_server

ENDPOINT = f"{PARENT}/endpoints/7"


@pytest.fixture
def vertex() -> Iterator[Vertex]:
    """Give Vertex AI, where nothing is yet."""
    with vertex_server(Vertex()) as running:
        yield running


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Give what is deployed; a folder stands for the bucket."""
    toy_bundle().save(tmp_path / "bundle")
    url = f"file:{tmp_path / 'bucket'}"
    return Deployment(tmp_path / "bundle", url, "images/serving:1", "robot@music", version=3, run_id="a" * 32)


def test_the_first_deployment_makes_model_and_endpoint_under_the_originals_names(
    vertex: Vertex, deployment: Deployment, tmp_path: Path
) -> None:
    """The model brings its bundle and the contract of the serving image; one machine of the original's type has all traffic."""
    deployed = deploy(deployment, vertex.target)
    assert (deployed.endpoint, deployed.model) == (ENDPOINT, f"{PARENT}/models/1@1")
    (model,) = vertex.models.values()
    assert model["displayName"] == "spotify-popularity-3class-model"
    assert model["artifactUri"] == f"file:{tmp_path / 'bucket'}"
    container = model["containerSpec"]
    assert (container["imageUri"], container["command"]) == ("images/serving:1", ["mlops-assets", "serve"])
    assert (container["predictRoute"], container["healthRoute"]) == ("/predict", "/health")
    assert container["ports"] == [{"containerPort": 8080}]
    endpoint = vertex.endpoints[ENDPOINT]
    assert endpoint["displayName"] == "spotify-popularity-endpoint"
    assert endpoint["trafficSplit"] == {deployed.deployed_model_id: 100}
    (answering,) = endpoint["deployedModels"]
    assert answering["serviceAccount"] == "robot@music"
    assert answering["dedicatedResources"]["machineSpec"] == {"machineType": "n1-standard-2"}
    events = toy_events()
    assert Bundle.load(tmp_path / "bucket").predict(events).equals(toy_bundle().predict(events))


def test_the_next_one_is_a_new_version_that_takes_the_others_place(vertex: Vertex, deployment: Deployment) -> None:
    """There stay one model, one endpoint and one container; the endpoint says which version of the registry answers."""
    first = deploy(deployment, vertex.target)
    assert Endpoint(vertex.target, "7").version() == EndpointVersion(3, "a" * 32)
    second = deploy(replace(deployment, version=4, run_id="b" * 32), vertex.target)
    assert (second.endpoint, second.model) == (first.endpoint, f"{PARENT}/models/1@2")
    assert [each["id"] for each in vertex.endpoints[ENDPOINT]["deployedModels"]] == [second.deployed_model_id]
    assert Endpoint(vertex.target, "7").version() == EndpointVersion(4, "b" * 32)


def test_what_answers_goes_on_until_the_new_model_has_the_traffic(vertex: Vertex, deployment: Deployment) -> None:
    """The server refuses to take away a model with traffic, as Vertex AI does."""
    deploy(deployment, vertex.target)
    deploy(deployment, vertex.target)
    actions = [each.rpartition(":")[2] for each in vertex.requests if each.startswith("POST") and ":" in each]
    assert actions == ["upload", "deployModel", "upload", "deployModel", "undeployModel"]


@pytest.mark.parametrize(("status", "kind"), [(503, VertexUnavailableError), (403, VertexRefusedError)])
def test_a_failed_deployment_changes_nothing_about_answers_and_can_be_repeated(
    vertex: Vertex, deployment: Deployment, status: int, kind: type[Exception]
) -> None:
    """The error says what was tried."""
    first = deploy(deployment, vertex.target)
    vertex.failures.append((status, "not now"))
    with pytest.raises(kind, match=r"model spotify-popularity-3class-model: .*not now"):
        deploy(deployment, vertex.target)
    assert [each["id"] for each in vertex.endpoints[ENDPOINT]["deployedModels"]] == [first.deployed_model_id]
    assert deploy(deployment, vertex.target).endpoint == ENDPOINT


def test_work_that_takes_too_long_is_not_waited_for_for_ever(vertex: Vertex, deployment: Deployment) -> None:
    """The sentence says that it may still be done."""
    vertex.is_slow = True
    with pytest.raises(VertexUnavailableError, match="at work for longer than expected"):
        deploy(replace(deployment, timeout_seconds=0.1), vertex.target)
