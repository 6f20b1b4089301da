"""The pipeline of song popularity for Vertex AI: compile it, run it here or there, deploy the champion."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mlops_assets.song_popularity import DOMAIN, defaults

if TYPE_CHECKING:
    from mlops_assets.song_popularity.settings import SongPopularitySettings
    from mlops_assets.song_popularity.vertex.target import VertexTarget
    from mlops_assets.stores.lake import Lake

VERTEX = typer.Typer(help="Song popularity on Vertex AI: its pipeline, its endpoint.", no_args_is_help=True)
STEP = typer.Typer(help="One step of the pipeline, as its containers run it.", no_args_is_help=True)
VERTEX.add_typer(STEP, name="step")

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day of the model (UTC): it learns from the days before.")]
Pipes = Annotated[str, typer.Option(help="JSON with a session of Dagster Pipes for each step that has one.")]
LakeURL = Annotated[str | None, typer.Option(help="URL of the lake with the events; MLOPS_LAKE_URL by default.")]
TuningTrials = Annotated[int, typer.Option(min=0, help="Configurations tried after the defaults of every candidate.")]
Seconds = Annotated[float, typer.Option(min=0, help="Time budget of the search.")]
MinimumTracks = Annotated[int, typer.Option(min=10, help="Fewer tracks with known popularity are an error.")]
MinimumAccuracy = Annotated[float, typer.Option(min=0, max=1, help="Limit of the gate.")]
MinimumF1 = Annotated[float, typer.Option("--minimum-macro-f1", min=0, max=1, help="Limit of the gate.")]
File = Annotated[Path, typer.Option(help="A file that another step writes, or this one.")]

_console = Console()


@VERTEX.command("compile")
def compile_(
    path: Annotated[Path, typer.Argument(help="The file to write, .yaml.")] = Path("song-popularity.yaml"),
    image: Annotated[
        str | None, typer.Option(help="The platform's image in Artifact Registry; MLOPS_SONG_POPULARITY_VERTEX_IMAGE by default.")
    ] = None,
) -> None:
    """Write the pipeline as a file for Vertex AI or Kubeflow."""
    from mlops_assets.song_popularity.vertex.pipeline import compile_pipeline
    from mlops_assets.song_popularity.vertex.target import require

    compile_pipeline(image or require(_settings(), "image")[0], path)
    _console.print(f"Written: {path}", soft_wrap=True)


@VERTEX.command()
def run(
    folder: Annotated[Path, typer.Argument(help="Where the files of the steps go.")],
    day: Day,
    lake_url: LakeURL = None,
    minimum_tracks: MinimumTracks = defaults.MINIMUM_TRACKS,
    tuning_trials: TuningTrials = defaults.TUNING_TRIALS,
    time_budget_seconds: Seconds = defaults.TIME_BUDGET_SECONDS,
    deploy: Annotated[bool, typer.Option("--deploy", help="Deploy the model, too, if it passes the gate.")] = False,
) -> None:
    """Run the steps here, one after the other, without Vertex AI but for a deployment."""
    from mlops_assets.song_popularity.vertex import steps

    settings = _settings()
    limits = steps.Gate(settings.minimum_accuracy, settings.minimum_macro_f1)
    train, test, model, evaluation = (folder / name for name in ("train.parquet", "test.parquet", "model", "evaluation.json"))
    _say("prepare", steps.prepare(_lake(lake_url), day.date(), train, test, minimum_tracks=minimum_tracks))
    _say("train", steps.train(train, model, day.date(), tuning_trials=tuning_trials, time_budget_seconds=time_budget_seconds))
    _say("evaluate", steps.evaluate(model, train, test, evaluation, limits))
    decided = steps.gate(evaluation, folder / "is_passed.txt")
    _say("gate", decided)
    if deploy and decided["is_passed"]:
        _say("deploy", deploy_bundle(model, *deploy_settings(settings)))


@VERTEX.command()
def submit(day: Day, lake_url: LakeURL = None) -> None:
    """Start the pipeline on Vertex AI; a day that was trained before is trained again."""
    from mlops_assets.settings import load_settings
    from mlops_assets.song_popularity.vertex.submitting import Submission
    from mlops_assets.song_popularity.vertex.submitting import submit as start

    lake_url = lake_url or load_settings().build_stores().url("lake", DOMAIN)
    _console.print(f"Started: {start(Submission(day.date(), lake_url), _settings())}", soft_wrap=True)


@VERTEX.command("deploy")
def deploy_champion() -> None:
    """Put the champion of the registry behind the endpoint, with all traffic."""
    from tempfile import TemporaryDirectory

    from mlops_assets.errors import MissingModelError
    from mlops_assets.settings import load_settings
    from mlops_assets.stores.models.versions import CHAMPION, registered_name

    registry = load_settings().build_stores().models()
    version = registry.version_by_alias(registered_name(DOMAIN, "popularity_model"), CHAMPION)
    if version is None:
        raise MissingModelError(f"no version of the popularity model is champion yet; run: mlops-assets bootstrap {DOMAIN}")
    target, options = deploy_settings(_settings())
    with TemporaryDirectory() as folder:
        registry.load(version).save(Path(folder))
        said = deploy_bundle(Path(folder), target, {**options, "version": version.version, "run_id": version.run_id})
    _say(f"version {version.version}", said)


@STEP.command("prepare")
def prepare_step(
    day: Day,
    train: File,
    test: File,
    lake_url: LakeURL = None,
    minimum_tracks: MinimumTracks = defaults.MINIMUM_TRACKS,
    pipes: Pipes = "",
) -> None:
    """Read the events of 90 days, and write the tracks to learn from and those to be measured on."""
    from mlops_assets.song_popularity.vertex import steps

    _step("prepare", pipes, lambda: steps.prepare(_lake(lake_url), day.date(), train, test, minimum_tracks=minimum_tracks))


@STEP.command("train")
def train_step(
    day: Day,
    train: File,
    model: Annotated[Path, typer.Option(help="Folder for the bundle.")],
    tuning_trials: TuningTrials = defaults.TUNING_TRIALS,
    time_budget_seconds: Seconds = defaults.TIME_BUDGET_SECONDS,
    pipes: Pipes = "",
) -> None:
    """Learn from tracks, and write a bundle."""
    from mlops_assets.song_popularity.vertex import steps

    def learn() -> dict[str, Any]:
        return steps.train(train, model, day.date(), tuning_trials=tuning_trials, time_budget_seconds=time_budget_seconds)

    _step("train", pipes, learn)


@STEP.command("evaluate")
def evaluate_step(
    model: File,
    train: File,
    test: File,
    evaluation: File,
    minimum_accuracy: MinimumAccuracy = defaults.MINIMUM_ACCURACY,
    minimum_macro_f1: MinimumF1 = defaults.MINIMUM_MACRO_F1,
    pipes: Pipes = "",
) -> None:
    """Measure a bundle on tracks that it has not seen."""
    from mlops_assets.song_popularity.vertex import steps

    limits = steps.Gate(minimum_accuracy, minimum_macro_f1)
    _step("evaluate", pipes, lambda: steps.evaluate(model, train, test, evaluation, limits))


@STEP.command("gate")
def gate_step(evaluation: File, is_passed: File, pipes: Pipes = "") -> None:
    """Write whether a model passes the gate: true or false."""
    from mlops_assets.song_popularity.vertex import steps

    _step("gate", pipes, lambda: steps.gate(evaluation, is_passed))


@STEP.command("deploy")
def deploy_step(
    model: File,
    project: Annotated[str, typer.Option(help="Project of Google Cloud.")],
    region: Annotated[str, typer.Option(help="Region of Vertex AI.")],
    bucket: Annotated[str, typer.Option(help="Folder of a bucket for bundles, gs://bucket/folder.")],
    serving_image: Annotated[str, typer.Option(help="The serving image in Artifact Registry.")],
    endpoint: Annotated[Path, typer.Option(help="File for the name of the endpoint.")],
    service_account: Annotated[str, typer.Option(help="As which the container runs; Vertex AI's own by default.")] = "",
    pipes: Pipes = "",
) -> None:
    """Put a bundle behind the endpoint, with all traffic."""
    from mlops_assets.song_popularity.vertex.target import vertex_target

    settings = _settings(vertex_project=project, vertex_region=region)
    options = {"bucket": bucket, "image": serving_image, "service_account": service_account}

    def deploy() -> dict[str, Any]:
        said = deploy_bundle(model, vertex_target(settings), options)
        endpoint.parent.mkdir(parents=True, exist_ok=True)
        endpoint.write_text(said["endpoint"], encoding="utf-8")
        return said

    _step("deploy", pipes, deploy)


def deploy_settings(settings: "SongPopularitySettings") -> tuple["VertexTarget", dict[str, Any]]:
    """Return where to deploy and with what, from the settings.

    Raises:
        SettingsError: one is missing.
    """
    from mlops_assets.song_popularity.vertex.target import require, vertex_target

    _, image, bucket = require(settings, "project", "serving_image", "bucket")
    return vertex_target(settings), {"bucket": bucket, "image": image, "service_account": settings.vertex_service_account or ""}


def deploy_bundle(model: Path, target: "VertexTarget", options: Mapping[str, Any]) -> dict[str, Any]:
    """Deploy the bundle in a folder, under a name in the bucket that is its fingerprint's; return what to say about it."""
    from mlops_assets.ml.bundle import read_provenance
    from mlops_assets.song_popularity.vertex.deploying import Deployment, deploy

    url = f"{options['bucket'].rstrip('/')}/bundles/{read_provenance(model).fingerprint}"
    rest = {name: value for name, value in options.items() if name != "bucket"}
    return asdict(deploy(Deployment(model, url, **rest), target))


def _step(name: str, sessions: str, work: Callable[[], dict[str, Any]]) -> None:
    """Do the work of a step, and say what it has done: on the terminal, and to Dagster if that has started it."""
    from mlops_assets.song_popularity.vertex.reporting import pipes_of, reporting

    with reporting(name, pipes_of(name, sessions, os.environ)) as report:
        said = work()
        report(said)
    _say(name, said)


def _say(what: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        shown = f"{value:.4f}" if isinstance(value, float) else "; ".join(value) or "none" if isinstance(value, list) else value
        _console.print(f"{what}: {name} {shown}", soft_wrap=not _console.is_terminal, markup=False, highlight=False)


def _settings(**values: Any) -> "SongPopularitySettings":
    from mlops_assets.song_popularity.settings import SongPopularitySettings

    return SongPopularitySettings(**values)


def _lake(url: str | None) -> "Lake":
    from mlops_assets.settings import load_settings
    from mlops_assets.stores.lake import open_lake

    return open_lake(url) if url else load_settings().build_stores().lake(DOMAIN)
