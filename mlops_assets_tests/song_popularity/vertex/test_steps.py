"""The steps of the pipeline, one by one: what each reads and writes, and that the compiled commands are these steps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from mlops_assets.cli.vertex import VERTEX
from mlops_assets.contracts.frames import to_arrow
from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import EVENTS
from mlops_assets.song_popularity.partitions import EVENT_DAYS
from mlops_assets.song_popularity.vertex import steps
from mlops_assets.song_popularity.vertex.pipeline import compile_pipeline
from mlops_assets.stores.lake import Lake, LakeAddress, open_lake
from mlops_assets_tests.song_popularity.tracks import END, some_events

DAY = END.date()
QUICK = {"tuning_trials": 0, "families": ["logistic_regression"]}


@pytest.fixture(scope="module")
def lake_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the URL of a lake with three weeks of events by day, and a day after them that no model of the day may know."""
    url = f"file:{tmp_path_factory.mktemp('lake')}"
    write_events(open_lake(url), some_events(700))
    write_events(open_lake(url), some_events(50, end=END + timedelta(days=21)).assign(track_id="later"))
    return url


def write_events(lake: Lake, events: pd.DataFrame) -> None:
    """Write events into their days, as the asset does."""
    events = events.assign(landed_at=events["event_at"], log_partition=0, log_offset=range(len(events)))
    for day, rows in events.groupby(events["event_at"].dt.date):
        assert isinstance(day, date)
        lake.write(LakeAddress((DOMAIN, EVENTS.name), partition_of(EVENT_DAYS, day.isoformat())), to_arrow(rows, EVENTS))


@pytest.fixture(scope="module")
def files(lake_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the files of a run, each by the step that writes it."""
    folder = tmp_path_factory.mktemp("run")
    found = {name: folder / name / "data" for name in ("train", "test", "model", "evaluation", "is_passed")}
    steps.prepare(open_lake(lake_url), DAY, found["train"], found["test"], minimum_tracks=100)
    steps.train(found["train"], found["model"], DAY, **QUICK)  # type: ignore[arg-type]
    steps.evaluate(found["model"], found["train"], found["test"], found["evaluation"])
    steps.gate(found["evaluation"], found["is_passed"])
    return found


def test_prepare_writes_the_splits_of_the_days_before(files: dict[str, Path]) -> None:
    """Every track with known popularity is in one of them, the later ones in the test; the day itself is in none."""
    train, test = pq.read_table(files["train"]).to_pandas(), pq.read_table(files["test"]).to_pandas()
    tracks = set(train["track_id"]) | set(test["track_id"])
    assert len(train) + len(test) == len(tracks) == 700 - 700 // 9
    assert "later" not in tracks
    assert train["event_at"].max() <= test["event_at"].min() < pd.Timestamp(END)


def test_prepare_again_gives_the_same_bytes(files: dict[str, Path], lake_url: str, tmp_path: Path) -> None:
    """A container that is started again changes nothing."""
    steps.prepare(open_lake(lake_url), DAY, tmp_path / "train", tmp_path / "test", minimum_tracks=100)
    assert (tmp_path / "train").read_bytes() == files["train"].read_bytes()
    assert (tmp_path / "test").read_bytes() == files["test"].read_bytes()


def test_prepare_needs_enough_tracks(lake_url: str, tmp_path: Path) -> None:
    """Of days without events, and of an empty lake, as of few."""
    for lake, day in ((open_lake(lake_url), DAY - timedelta(days=400)), (open_lake(f"file:{tmp_path / 'empty'}"), DAY)):
        with pytest.raises(NotEnoughDataError):
            steps.prepare(lake, day, tmp_path / "train", tmp_path / "test")
    assert not (tmp_path / "train").exists()


def test_train_writes_a_bundle_that_takes_raw_events(files: dict[str, Path]) -> None:
    """Its window ends where the day begins."""
    bundle = Bundle.load(files["model"])
    assert bundle.provenance.training_end_at == END
    predicted = bundle.predict(some_events(3))
    assert list(predicted) == ["predicted_class", "probability_low", "probability_medium", "probability_high"]


def test_train_again_gives_the_same_bundle(files: dict[str, Path], tmp_path: Path) -> None:
    """Equal inputs, equal fingerprint and bytes."""
    steps.train(files["train"], tmp_path / "model", DAY, **QUICK)  # type: ignore[arg-type]
    for name in ("bundle.joblib", "bundle.json"):
        assert (tmp_path / "model" / name).read_bytes() == (files["model"] / name).read_bytes()


def test_evaluate_writes_figures_and_failures(files: dict[str, Path], tmp_path: Path) -> None:
    """The limits are those that are given."""
    evaluation = json.loads(files["evaluation"].read_text())
    assert {"accuracy", "f1_score", "log_loss", "majority_accuracy"} <= evaluation["metrics"].keys()
    strict = steps.Gate(minimum_accuracy=1.0, minimum_macro_f1=1.0)
    said = steps.evaluate(files["model"], files["train"], files["test"], tmp_path / "evaluation", strict)
    assert said["failures"]
    assert json.loads((tmp_path / "evaluation").read_text())["failures"] == said["failures"]


@pytest.mark.parametrize(("failures", "text"), [([], "true"), (["accuracy is too low"], "false")])
def test_gate_writes_what_the_pipeline_asks(tmp_path: Path, failures: list[str], text: str) -> None:
    """The form is that of a Boolean parameter."""
    (tmp_path / "evaluation").write_text(json.dumps({"metrics": {}, "failures": failures}))
    said = steps.gate(tmp_path / "evaluation", tmp_path / "deeper" / "is_passed")
    assert (tmp_path / "deeper" / "is_passed").read_text() == text
    assert said == {"is_passed": not failures, "failures": failures}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"failures": 1}', "no"])
def test_a_step_says_which_file_is_damaged(files: dict[str, Path], tmp_path: Path, text: str) -> None:
    """Nothing passes the gate by accident."""
    damaged = tmp_path / "damaged"
    damaged.write_text(text)
    with pytest.raises(SourceError, match="damaged is no evaluation"):
        steps.gate(damaged, tmp_path / "is_passed")
    with pytest.raises(SourceError, match="damaged is not what the step before writes"):
        steps.train(damaged, tmp_path / "model", DAY)
    assert not (tmp_path / "is_passed").exists()


def compiled_commands(folder: Path, parameters: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of the compiled pipeline as Vertex AI starts them, with the places of their files filled in."""
    path = folder / "pipeline.yaml"
    compile_pipeline("images/mlops-assets:1", path)
    executors = yaml.safe_load(path.read_text())["deploymentSpec"]["executors"]

    def filled(match: re.Match[str]) -> str:
        direction, kind, name = match[1], match[2], match[3]
        if (direction, kind) == ("inputs", "parameters"):
            value = parameters[name]
            return json.dumps(value) if isinstance(value, dict) else str(value)
        return str(folder / name / "data")

    placeholder = re.compile(r"\{\{\$\.(inputs|outputs)\.(artifacts|parameters)\['(\w+)'\]\.?(?:path|output_file)?\}\}")
    for step in steps.STEPS[:-1]:
        container = executors[f"exec-{step}"]["container"]
        assert container["command"][:2] == ["mlops-assets", "vertex"]
        yield step, [*container["command"][2:], *(placeholder.sub(filled, part) for part in container["args"])]


def test_the_compiled_commands_run_one_after_the_other(lake_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Vertex AI would run them: every option is known, every file is where the next step looks."""
    monkeypatch.chdir(tmp_path)
    parameters = {
        "model_date": DAY.isoformat(),
        "lake_url": lake_url,
        "tuning_trials": 0,
        "time_budget_seconds": 1.0,
        "minimum_accuracy": 0.0,
        "minimum_macro_f1": 0.0,
        "pipes": {},
    }
    for step, command in compiled_commands(tmp_path, parameters):
        done = CliRunner().invoke(VERTEX, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert f"{step}: " in done.output
    failures = json.loads((tmp_path / "evaluation" / "data").read_text())["failures"]
    assert (tmp_path / "is_passed" / "data").read_text() == ("false" if failures else "true")
    Bundle.load(tmp_path / "model" / "data").warm_up()


def test_run_does_all_steps_here(lake_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command, one folder; without --deploy nothing is asked of Vertex AI."""
    monkeypatch.chdir(tmp_path)
    options = ["--day", DAY.isoformat(), "--lake-url", lake_url, "--tuning-trials", "0", "--time-budget-seconds", "1"]
    done = CliRunner().invoke(VERTEX, ["run", "run", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "evaluation.json",
        "is_passed.txt",
        "model",
        "test.parquet",
        "train.parquet",
    ]
    for said in ("prepare: train_rows", "train: estimator", "evaluate: accuracy", "gate: is_passed"):
        assert said in done.output
