"""Deployments by the command line, and what answers then: the container that Vertex AI would start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from mlops_assets.cli.vertex import VERTEX
from mlops_assets.errors import MissingModelError
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


def run(project: Path, variables: dict[str, str], *arguments: str) -> None:
    """Run a command in a project with some settings."""
    (project / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    done = CliRunner().invoke(VERTEX, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_the_deployed_container_answers_as_the_bundle_does(vertex: Vertex, project: Path) -> None:
    """The step deploys; then the model's command, environment, port and artifact start the container that the endpoint asks."""
    toy_bundle().save(project / "model")
    step = {
        "model": project / "model",
        "project": "music",
        "region": "europe-west1",
        "bucket": f"file:{project / 'bucket'}",
        "serving-image": "images/serving:1",
        "endpoint": project / "out" / "endpoint",
    }
    options = [str(part) for name, value in step.items() for part in (f"--{name}", value)]
    run(project, settings(vertex), "step", "deploy", *options)
    assert (project / "out" / "endpoint").read_text() == f"{PARENT}/endpoints/7"

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
    with serving_process(project, **variables) as process:
        serving = replace(process, port=port)

        def predict(request: dict[str, Any]) -> Reply:
            return serving.ask("POST", container["predictRoute"], request)

        vertex.predict = predict
        serving.wait_until(lambda: serving.status(container["healthRoute"]) == 200)
        events = toy_events(6)
        pd.testing.assert_frame_equal(Endpoint(vertex.target, "7").predict_events(events), toy_bundle().predict(events))


@pytest.mark.services
def test_the_champion_of_the_registry_is_deployed_with_its_version(
    vertex: Vertex, gcs_url: str, project: Path, mlflow_database: Path
) -> None:
    """Before there is one, the sentence says how to get it; afterwards the endpoint says which version answers."""
    data = project / "data" / "mlflow"
    data.mkdir(parents=True)
    (data / "mlflow.db").write_bytes(mlflow_database.read_bytes())
    registry = open_model_registry(f"sqlite:///{data / 'mlflow.db'}", data / "artifacts")
    variables = settings(vertex, BUCKET=f"{gcs_url.partition('?')[0]}/vertex")
    with pytest.raises(MissingModelError, match="run: mlops-assets bootstrap song_popularity"):
        run(project, variables, "deploy")

    asset = "song_popularity/popularity_model"
    name = registered_name(*asset.split("/"))
    version = registry.save(toy_bundle(), model_name=name, asset=asset, partition="2025-06-01", now=NOON)
    registry.promote(version, now=NOON)
    run(project, variables, "deploy")
    assert Endpoint(vertex.target, "7").version() == EndpointVersion(1, version.run_id)
    (model,) = vertex.models.values()
    (project / "copy").mkdir()
    fetch_bundle(model["artifactUri"], project / "copy")
    assert Bundle.load(project / "copy").provenance.fingerprint == toy_bundle().provenance.fingerprint


def test_a_deployment_without_settings_names_them(tmp_path: Path) -> None:
    """All at once, before anything is asked."""
    done = mlops_assets("vertex", "submit", "--day", "2025-06-01", cwd=tmp_path)
    assert done.returncode == 2
    sentence = " ".join(done.stderr.split())
    assert (
        "MLOPS_SONG_POPULARITY_VERTEX_BUCKET, MLOPS_SONG_POPULARITY_VERTEX_IMAGE, MLOPS_SONG_POPULARITY_VERTEX_SERVING_IMAGE"
        in sentence
    )
