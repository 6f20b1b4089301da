"""Deployments by the command line, and what answers then: the container that Vertex AI would start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.ml.bundle import Bundle
from mlops_assets.song_popularity.vertex.endpoint import Endpoint, EndpointVersion
from mlops_assets.stores.bundle_objects import fetch_bundle
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.versions import registered_name
from mlops_assets_tests.services.gcs import gcs_url
from mlops_assets_tests.serving.processes import free_ports, serving_process
from mlops_assets_tests.serving.servers import NOON
from mlops_assets_tests.song_popularity.vertex.toy_popularity import toy_bundle, toy_events
from mlops_assets_tests.song_popularity.vertex.vertex_server import PARENT, Reply, Vertex, vertex_server
from mlops_assets_tests.test_cli import mlops_assets

__all__ = ["gcs_url"]


@pytest.fixture
def vertex() -> Iterator[Vertex]:
    """Give Vertex AI, where nothing is yet."""
    with vertex_server(Vertex()) as running:
        yield running


def settings(vertex: Vertex, **more: str) -> dict[str, str]:
    """Return the variables with which a command finds Vertex AI."""
    given = {
        "PROJECT": "music",
        "REGION": "europe-west1",
        "API_ENDPOINT": vertex.address,
        "SERVING_IMAGE": "images/serving:1",
        **more,
    }
    return {f"MLOPS_SONG_POPULARITY_VERTEX_{name}": value for name, value in given.items()}


def test_the_deployed_container_answers_as_the_bundle_does(vertex: Vertex, tmp_path: Path) -> None:
    """The step deploys; then the model's command, environment, port and artifact start the container that the endpoint asks."""
    toy_bundle().save(tmp_path / "model")
    step = {
        "model": tmp_path / "model",
        "project": "music",
        "region": "europe-west1",
        "bucket": f"file:{tmp_path / 'bucket'}",
        "serving-image": "images/serving:1",
        "endpoint": tmp_path / "out" / "endpoint",
    }
    options = [str(part) for name, value in step.items() for part in (f"--{name}", value)]
    done = mlops_assets("vertex", "step", "deploy", *options, cwd=tmp_path, **settings(vertex))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "endpoint").read_text() == f"{PARENT}/endpoints/7"

    (model,) = vertex.models.values()
    container, (port,) = model["containerSpec"], free_ports(1)
    variables = {
        "AIP_HTTP_PORT": str(port),
        "AIP_PREDICT_ROUTE": container["predictRoute"],
        "AIP_HEALTH_ROUTE": container["healthRoute"],
        "AIP_STORAGE_URI": model["artifactUri"],
        **{each["name"]: each["value"] for each in container["env"]},
    }
    assert container["command"] == ["mlops-assets", "serve"]
    with serving_process(tmp_path, **variables) as process:
        serving = replace(process, port=port)

        def predict(request: dict[str, Any]) -> Reply:
            return serving.ask("POST", container["predictRoute"], request)

        vertex.predict = predict
        serving.wait_until(lambda: serving.status(container["healthRoute"]) == 200)
        events = toy_events(6)
        pd.testing.assert_frame_equal(Endpoint(vertex.target, "7").predict_events(events), toy_bundle().predict(events))


@pytest.mark.services
def test_the_champion_of_the_registry_is_deployed_with_its_version(
    vertex: Vertex, gcs_url: str, tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is one, the sentence says how to get it; afterwards the endpoint says which version answers."""
    data = tmp_path / "data" / "mlflow"
    data.mkdir(parents=True)
    (data / "mlflow.db").write_bytes(mlflow_database.read_bytes())
    registry = open_model_registry(f"sqlite:///{data / 'mlflow.db'}", data / "artifacts")
    variables = settings(vertex, BUCKET=f"{gcs_url.partition('?')[0]}/vertex")
    emulator = {name: value for name, value in os.environ.items() if name == "STORAGE_EMULATOR_HOST"}
    done = mlops_assets("vertex", "deploy", cwd=tmp_path, **variables, **emulator)
    assert done.returncode == 1
    assert "run: mlops-assets bootstrap song_popularity" in " ".join(done.stderr.split())

    asset = "song_popularity/popularity_model"
    name = registered_name(*asset.split("/"))
    version = registry.save(toy_bundle(), model_name=name, asset=asset, partition="2025-06-01", now=NOON)
    registry.promote(version, now=NOON)
    done = mlops_assets("vertex", "deploy", cwd=tmp_path, **variables, **emulator)
    assert done.returncode == 0, done.stderr
    assert Endpoint(vertex.target, "7").version() == EndpointVersion(1, version.run_id)
    (model,) = vertex.models.values()
    (tmp_path / "copy").mkdir()
    fetch_bundle(model["artifactUri"], tmp_path / "copy")
    assert Bundle.load(tmp_path / "copy").provenance.fingerprint == toy_bundle().provenance.fingerprint


def test_a_deployment_without_settings_names_them(tmp_path: Path) -> None:
    """All at once, before anything is asked."""
    done = mlops_assets("vertex", "submit", "--day", "2025-06-01", cwd=tmp_path)
    assert done.returncode == 2
    sentence = " ".join(done.stderr.split())
    assert (
        "MLOPS_SONG_POPULARITY_VERTEX_BUCKET, MLOPS_SONG_POPULARITY_VERTEX_IMAGE, MLOPS_SONG_POPULARITY_VERTEX_SERVING_IMAGE"
        in sentence
    )
