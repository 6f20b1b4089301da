"""The pipeline for Vertex AI as a file, and its runs there."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_assets.errors import SettingsError
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.song_popularity.vertex.pipeline import compile_pipeline
from mlops_assets.song_popularity.vertex.steps import STEPS
from mlops_assets.song_popularity.vertex.submitting import Submission, submit
from mlops_assets_tests.song_popularity.vertex.vertex_server import PARENT, Vertex, vertex_server
from mlops_assets_tests.test_cli import mlops_assets

IMAGE = "europe-west1-docker.pkg.dev/music/images/mlops-assets:1"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the compiled pipeline."""
    path = tmp_path_factory.mktemp("pipeline") / "pipeline.yaml"
    compile_pipeline(IMAGE, path)
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def test_there_are_five_steps_each_a_command_in_the_platforms_image(compiled: dict[str, Any]) -> None:
    """Nothing is installed or pickled at run time."""
    executors = compiled["deploymentSpec"]["executors"]
    assert sorted(executors) == sorted(f"exec-{step}" for step in STEPS)
    for step in STEPS:
        container = executors[f"exec-{step}"]["container"]
        assert (container["image"], container["command"]) == (IMAGE, ["mlops-assets", "vertex", "step", step])


def test_steps_wait_for_what_they_read_and_deploying_for_the_gate(compiled: dict[str, Any]) -> None:
    """Prepare, train, evaluate, gate; the deployment is inside the condition."""
    tasks = compiled["root"]["dag"]["tasks"]
    waits_for = {name: task.get("dependentTasks", []) for name, task in tasks.items()}
    assert waits_for == {
        "prepare": [],
        "train": ["prepare"],
        "evaluate": ["prepare", "train"],
        "gate": ["evaluate"],
        "condition-1": ["gate", "train"],
    }
    condition = tasks["condition-1"]["triggerPolicy"]["condition"]
    assert condition == "inputs.parameter_values['pipelinechannel--gate-is_passed'] == true"
    assert list(compiled["components"]["comp-condition-1"]["dag"]["tasks"]) == ["deploy"]


def test_nothing_is_taken_from_former_runs(compiled: dict[str, Any]) -> None:
    """The lake may hold other events for the same day by now, and retraining may be forced."""
    tasks = [*compiled["root"]["dag"]["tasks"].values(), *compiled["components"]["comp-condition-1"]["dag"]["tasks"].values()]
    assert not any(task.get("cachingOptions") for task in tasks)


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    """The file can be kept in a repository."""
    first, second = tmp_path / "first.yaml", tmp_path / "deeper" / "second.yaml"
    compile_pipeline(IMAGE, first)
    compile_pipeline(IMAGE, second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(("image", "name"), [("", "p.yaml"), ("an image", "p.yaml"), (IMAGE, "p.txt")])
def test_what_cannot_be_compiled_is_said(tmp_path: Path, image: str, name: str) -> None:
    """Before anything is written."""
    with pytest.raises(SettingsError):
        compile_pipeline(image, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_file_or_says_what_is_missing(tmp_path: Path) -> None:
    """The image is a setting."""
    done = mlops_assets("vertex", "compile", "pipeline.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "Vertex AI needs MLOPS_SONG_POPULARITY_VERTEX_IMAGE" in " ".join(done.stderr.split())
    done = mlops_assets("vertex", "compile", "pipeline.yaml", cwd=tmp_path, MLOPS_SONG_POPULARITY_VERTEX_IMAGE=IMAGE)
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load((tmp_path / "pipeline.yaml").read_text())["pipelineInfo"]["name"] == "song-popularity"


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    """The command line and the assets import these modules in every process, with or without the extra."""
    code = (
        "import sys, pkgutil, importlib, mlops_assets.cli.main, mlops_assets.song_popularity.vertex as package;"
        "[importlib.import_module(f'{package.__name__}.{found.name}') for found in pkgutil.iter_modules(package.__path__)];"
        "heavy = {'kfp', 'google.cloud.aiplatform_v1', 'google.auth', 'dagster_pipes', 'pandas', 'sklearn'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""


@pytest.mark.parametrize("module", ["kfp.compiler", "google.cloud.aiplatform_v1"])
def test_without_the_extra_a_sentence_says_how_to_install_it(
    tmp_path: Path, vertex: Vertex, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """All else works without it."""
    package, _, name = module.rpartition(".")
    monkeypatch.delattr(importlib.import_module(package), name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError, match="make install-vertex"):
        start(vertex)


@pytest.fixture
def vertex() -> Iterator[Vertex]:
    """Give Vertex AI."""
    with vertex_server(Vertex()) as running:
        yield running


def settings(vertex: Vertex, **changes: Any) -> SongPopularitySettings:
    """Return settings with which the pipeline can run."""
    given = {
        "vertex_project": "music",
        "vertex_region": "europe-west1",
        "vertex_bucket": "gs://music/vertex",
        "vertex_image": IMAGE,
        "vertex_serving_image": "images/serving:1",
        "vertex_api_endpoint": vertex.address,
    }
    return SongPopularitySettings(_env_file=None, **{**given, **changes})


def start(vertex: Vertex, lake_url: str = "gs://music/lake", **changes: Any) -> str:
    """Submit the pipeline for a day."""
    return submit(Submission(date(2025, 6, 1), lake_url), settings(vertex, **changes))


def test_a_run_brings_the_compiled_pipeline_and_its_parameters(vertex: Vertex, compiled: dict[str, Any]) -> None:
    """Every parameter that the pipeline needs is given, and none that it does not know."""
    assert start(vertex, vertex_service_account="robot@music") == f"{PARENT}/pipelineJobs/1"
    (job,) = vertex.jobs
    assert job["pipelineSpec"]["root"]["dag"]["tasks"].keys() == compiled["root"]["dag"]["tasks"].keys()
    assert job["serviceAccount"] == "robot@music"
    assert job["runtimeConfig"]["gcsOutputDirectory"] == "gs://music/vertex/runs"
    given, known = job["runtimeConfig"]["parameterValues"], compiled["root"]["inputDefinitions"]["parameters"]
    assert given.keys() <= known.keys()
    assert {name for name, parameter in known.items() if not parameter.get("isOptional")} <= given.keys()
    assert (given["model_date"], given["lake_url"]) == ("2025-06-01", "gs://music/lake")


def test_a_run_that_could_not_work_is_not_started(vertex: Vertex) -> None:
    """What is missing is named, all at once; a lake on this machine is out of reach."""
    with pytest.raises(SettingsError, match="VERTEX_BUCKET, MLOPS_SONG_POPULARITY_VERTEX_SERVING_IMAGE; set them"):
        start(vertex, vertex_bucket=None, vertex_serving_image=None)
    with pytest.raises(SettingsError, match="VERTEX_PROJECT; set it"):
        start(vertex, vertex_project=None)
    with pytest.raises(SettingsError, match="cannot read the lake at file:/data/lake"):
        start(vertex, "file:/data/lake")
    assert vertex.requests == []
