"""Predictions by an endpoint of Vertex AI: Google's client, its REST API, the serving image's answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import ContractError, SettingsError
from mlops_assets.serving.champions import Champions, ModelName
from mlops_assets.serving.metrics import ServingMetrics
from mlops_assets.serving.rest.app import build_app
from mlops_assets.serving.service import PredictionService
from mlops_assets.serving.settings import ServingSettings
from mlops_assets.serving.vertex import VertexContainer
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.song_popularity.vertex.endpoint import Endpoint, EndpointVersion, batches, instances_of, open_predictor
from mlops_assets.song_popularity.vertex.target import VertexRefusedError, VertexTarget, VertexUnavailableError
from mlops_assets_tests.serving.rest_client import Client
from mlops_assets_tests.serving.servers import NOON, Registry
from mlops_assets_tests.song_popularity.vertex.toy_popularity import toy_bundle, toy_events
from mlops_assets_tests.song_popularity.vertex.vertex_server import PARENT, Reply, Vertex, vertex_server

MODEL = ModelName(DOMAIN, "popularity_model")


def container() -> Client:
    """Return a client of the serving image as Vertex AI runs it."""
    champions = Champions(Registry({MODEL: {1: toy_bundle()}}, {MODEL: 1}), lambda: NOON)
    champions.refresh()
    service = PredictionService(champions, ServingSettings(_env_file=None), ServingMetrics(), None, lambda: NOON)
    stores: Any = None
    contract = VertexContainer(http_port=8080, predict_route="/predict", health_route="/health")
    return Client(build_app(service, (), stores, (contract, MODEL)), "10.0.0.1")


@pytest.fixture(scope="module")
def vertex() -> Iterator[Vertex]:
    """Give Vertex AI with an endpoint behind which the serving image answers."""
    serving = container()

    def predict(request: dict[str, Any]) -> Reply:
        reply = serving.post("/predict", request)
        return reply.status_code, reply.json()

    with vertex_server(Vertex(predict)) as running:
        yield running


@pytest.fixture
def endpoint(vertex: Vertex) -> Endpoint:
    """Give the endpoint, which has not been asked yet."""
    vertex.predictions.clear()
    return Endpoint(vertex.target, "7")


def test_answers_equal_those_of_the_bundle_on_the_events_own_index(endpoint: Endpoint) -> None:
    """Whoever predicts, the same events get the same rows, with what is unknown left unknown."""
    events = toy_events(6, artist=None).assign(more="columns are not sent")
    found, expected = endpoint.predict_events(events), toy_bundle().predict(events)
    pd.testing.assert_frame_equal(found, expected)
    assert list(found["predicted_class"]) == ["low", "medium", "high"] * 2


def test_no_events_are_no_request(endpoint: Endpoint, vertex: Vertex) -> None:
    """The frame has its columns all the same."""
    found = endpoint.predict_events(toy_events(3).iloc[:0])
    assert list(found) == ["predicted_class", "probability_low", "probability_medium", "probability_high"]
    assert vertex.predictions == []


def test_many_events_are_asked_in_requests_that_vertex_takes(endpoint: Endpoint, vertex: Vertex) -> None:
    """Long names fill the 1.5 MB of a request before its 1,000 instances do; the order stays."""
    events = toy_events(2_500, album="a" * 1_000)
    found = endpoint.predict_events(events)
    assert list(found["predicted_class"][:4]) == ["low", "medium", "high", "low"]
    assert list(found.index) == list(events.index)
    assert len(vertex.predictions) >= 3
    assert max(len(json.dumps(request)) for request in vertex.predictions) < 1_500_000
    assert sum(len(request["instances"]) for request in vertex.predictions) == 2_500


@given(st.lists(st.text(max_size=40), max_size=60), st.integers(20, 400))
def test_batches_hold_every_instance_once_and_are_bounded(texts: list[str], max_bytes: int) -> None:
    """Only an instance that is too long by itself makes a longer request, which it has to itself."""
    instances = [{"artist": text} for text in texts]
    found = list(batches(instances, max_bytes))
    assert [each for batch in found for each in batch] == instances
    assert all(len(batch) == 1 or len(json.dumps(batch)) <= max_bytes for batch in found)


def test_instances_are_json_without_loss() -> None:
    """Moments keep their microseconds and zone, days are days, unknown numbers and texts are null."""
    (instance,) = instances_of(toy_events(1, energy=None, artist=None))
    assert instance["event_at"] == "2025-06-01T20:00:00.123456+00:00"
    assert instance["album_release_date"] == "2025-06-01"
    assert instance["energy"] is instance["artist"] is instance["tempo"] is None
    assert json.loads(json.dumps(instance, allow_nan=False)) == instance
    with pytest.raises(ContractError, match="columns missing: country"):
        instances_of(toy_events(1).drop(columns="country"))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_time_may_cure_is_transient(endpoint: Endpoint, vertex: Vertex, status: int) -> None:
    """The next attempt is answered."""
    vertex.failures.append((status, "busy"))
    with pytest.raises(VertexUnavailableError, match=r"endpoints/7: .*busy"):
        endpoint.predict_events(toy_events())
    assert len(endpoint.predict_events(toy_events())) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_a_person_must_cure_is_permanent(endpoint: Endpoint, vertex: Vertex, status: int) -> None:
    """Trying again would ask the same."""
    vertex.failures.append((status, "no"))
    with pytest.raises(VertexRefusedError, match=r"endpoints/7: .*no"):
        endpoint.predict_events(toy_events())


def test_nobody_at_the_address_is_transient(vertex: Vertex) -> None:
    """A broken network is no mistake of the settings."""
    target = replace(vertex.target, api_endpoint="http://127.0.0.1:9")
    with pytest.raises(VertexUnavailableError, match="is Vertex AI reachable"):
        Endpoint(target, "7").predict_events(toy_events())


def test_the_containers_own_error_is_told(endpoint: Endpoint) -> None:
    """Instance and field are named, as the container names them."""
    with pytest.raises(VertexRefusedError, match=r"instances\.1\.country"):
        endpoint.predict_events(toy_events().assign(country=["ES", "Spain", "ES"]))


@pytest.mark.parametrize("predictions", [[], [{"predicted_class": "low"}] * 3, [0.5, 0.2, 0.1]])
def test_another_model_behind_the_endpoint_is_an_error(predictions: list[Any]) -> None:
    """Its answers would be taken for predictions of popularity."""
    vertex = Vertex(lambda request: (200, {"predictions": predictions}))
    with vertex_server(vertex), pytest.raises(ContractError, match="is another model deployed there"):
        Endpoint(vertex.target, "7").predict_events(toy_events())


def test_the_version_is_that_of_the_model_with_most_traffic() -> None:
    """Predictions say which version of the registry made them."""
    vertex = Vertex()
    for number, version in ((1, "3"), (2, "4")):
        vertex.models[f"{PARENT}/models/1@{number}"] = {"labels": {"mlops_version": version, "mlops_run_id": f"run{version}"}}
    deployed = [{"id": f"{number}", "model": f"{PARENT}/models/1", "modelVersionId": f"{number}"} for number in (1, 2)]
    name = f"{PARENT}/endpoints/7"
    vertex.endpoints[name] = {"name": name, "deployedModels": deployed, "trafficSplit": {"1": 10, "2": 90}}
    with vertex_server(vertex) as running:
        asked = Endpoint(running.target, "7")
        assert asked.version() == EndpointVersion(4, "run4")
        vertex.models[f"{PARENT}/models/1@2"]["labels"] = {}
        with pytest.raises(SettingsError, match="says of no version of the registry"):
            asked.version()
        vertex.endpoints[name]["deployedModels"] = []
        with pytest.raises(SettingsError, match=r"no model answers at .*endpoints/7"):
            asked.version()


def test_predictions_say_which_version_made_them() -> None:
    """It is the one that has answered, not the one that is there a moment later; half by one and half by another is tried again."""
    answers = iter("1122")

    def predict(request: dict[str, Any]) -> Reply:
        levels = {f"probability_{level}": 1 / 3 for level in ("low", "medium", "high")}
        answer = {"predicted_class": "low", **levels}
        return 200, {"predictions": [answer] * len(request["instances"]), "modelVersionId": next(answers)}

    vertex = Vertex(predict)
    for number in ("1", "2"):
        vertex.models[f"{PARENT}/models/1@{number}"] = {"labels": {"mlops_version": number, "mlops_run_id": f"run{number}"}}
    with vertex_server(vertex):
        asked = Endpoint(vertex.target, "7")
        scores, version = asked.predict_with_version(toy_events(3))
        assert (len(scores), version) == (3, EndpointVersion(1, "run1"))
        with pytest.raises(VertexUnavailableError, match=r"several models: .*models/1@1, .*models/1@2; try again"):
            asked.predict_with_version(toy_events(1_500))
        assert asked.predict_with_version(toy_events(1))[1] == EndpointVersion(2, "run2")


def test_the_predictor_is_the_endpoint_of_the_settings() -> None:
    """What is missing is named by its variables, all at once."""
    settings = SongPopularitySettings(_env_file=None, vertex_project="music", vertex_endpoint="7")
    predictor = open_predictor(settings)
    assert predictor.full_name == "projects/music/locations/us-central1/endpoints/7"
    full = replace(predictor, name="projects/1/locations/europe-west1/endpoints/9")
    assert full.full_name == "projects/1/locations/europe-west1/endpoints/9"
    assert isinstance(predictor.target, VertexTarget)
    with pytest.raises(SettingsError, match="MLOPS_SONG_POPULARITY_VERTEX_ENDPOINT"):
        open_predictor(SongPopularitySettings(_env_file=None, vertex_project="music"))
    with pytest.raises(SettingsError, match="MLOPS_SONG_POPULARITY_VERTEX_PROJECT"):
        open_predictor(SongPopularitySettings(_env_file=None, vertex_endpoint="7"))
