"""Steps that report to Dagster by Dagster Pipes, from processes of their own."""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_gcp.pipes import PipesGCSContextInjector, PipesGCSMessageReader

from mlops_assets.errors import SettingsError
from mlops_assets.song_popularity.vertex.reporting import CONTEXT, MESSAGES, pipes_of, reporting
from mlops_assets_tests.services.buckets import BUCKET
from mlops_assets_tests.services.gcs import gcs_url
from mlops_assets_tests.test_cli import NO_SETTINGS, mlops_assets

__all__ = ["gcs_url"]

# Dagster's own Pipes use what Dagster deprecates, and what it previews.
pytestmark = [
    pytest.mark.filterwarnings("ignore:AssetExecutionContext.run_id is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Function `PipesMessageReader.expected_writer_count`:dagster.PreviewWarning"),
]

ASSET = dg.AssetKey(["song_popularity", "popularity_model"])


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    """Give the evaluation of a model that fails the gate, in a project of its own."""
    (tmp_path / ".env").touch()
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({"metrics": {"accuracy": 0.5}, "failures": ["accuracy 0.5 is below 0.65"]}))
    return path


def gate_step(evaluation: Path, *more: str) -> list[str]:
    """Return the command of a step that needs nothing else."""
    step = ["vertex", "step", "gate", "--evaluation", str(evaluation), "--is-passed", str(evaluation.parent / "is_passed")]
    return [sys.executable, "-m", "mlops_assets.cli", *step, *more]


def materialized(instance: dg.DagsterInstance, client: dg.PipesSubprocessClient, command: list[str], env: Mapping[str, str]) -> Any:
    """Let an asset run a command, and return the metadata of its materialization."""

    @dg.asset(key=ASSET)
    def popularity_model(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        result: dg.MaterializeResult[None] = client.run(context=context, command=command, env=dict(env)).get_materialize_result()
        return result

    done = dg.materialize([popularity_model], instance=instance)
    (event,) = done.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process with a folder as its project."""
    return {**NO_SETTINGS, "HOME": str(folder)}


def test_what_a_step_says_becomes_metadata_of_the_asset(evaluation: Path, instance: dg.DagsterInstance) -> None:
    """The process reports through a file that Dagster reads."""
    client = dg.PipesSubprocessClient(cwd=str(evaluation.parent))
    found = materialized(instance, client, gate_step(evaluation), environment(evaluation.parent))
    assert found["gate_is_passed"] is False
    assert found["gate_failures"] == ["accuracy 0.5 is below 0.65"]
    assert (evaluation.parent / "is_passed").read_text() == "false"


@pytest.mark.services
def test_a_step_far_away_reports_through_a_bucket(gcs_url: str, evaluation: Path, instance: dg.DagsterInstance) -> None:
    """Context and messages are objects, as for containers of Vertex AI."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    credentials: Any = AnonymousCredentials()
    storage = Client(project="emulated", credentials=credentials)
    client = dg.PipesSubprocessClient(
        cwd=str(evaluation.parent),
        context_injector=PipesGCSContextInjector(bucket=BUCKET, client=storage),
        message_reader=PipesGCSMessageReader(bucket=BUCKET, client=storage, interval=0.2),
    )
    emulator = {"STORAGE_EMULATOR_HOST": os.environ["STORAGE_EMULATOR_HOST"]}
    found = materialized(instance, client, gate_step(evaluation), {**environment(evaluation.parent), **emulator})
    assert found["gate_is_passed"] is False


def test_a_step_of_the_pipeline_finds_its_own_session(evaluation: Path, instance: dg.DagsterInstance) -> None:
    """The pipeline has one parameter with the sessions of all steps; a step without one reports to its log alone."""
    reader = dg.PipesTempFileMessageReader()

    @dg.asset(key=ASSET)
    def popularity_model(context: dg.AssetExecutionContext) -> Iterator[Any]:
        with dg.open_pipes_session(context, dg.PipesEnvContextInjector(), reader) as session:
            sessions = json.dumps({"gate": session.get_bootstrap_env_vars()})
            for given in (sessions, "", json.dumps({"train": {}})):
                done = mlops_assets(*gate_step(evaluation, "--pipes", given)[3:], cwd=evaluation.parent)
                assert done.returncode == 0, done.stderr
                assert "gate: is_passed False" in done.stdout
        yield from session.get_results()

    done = dg.materialize([popularity_model], instance=instance)
    (event,) = done.get_asset_materialization_events()
    assert event.materialization.metadata["gate_is_passed"].value is False


def test_without_dagster_a_step_writes_to_its_log(caplog: pytest.LogCaptureFixture) -> None:
    """What it says is in one line."""
    with caplog.at_level(logging.INFO), reporting("train", {}) as report:
        report({"training_rows": 3, "trials": 2})
    assert "train: training_rows 3, trials 2" in caplog.text


def test_the_parameter_wins_over_the_environment() -> None:
    """A container may have variables of another session."""
    environment = {CONTEXT: "c", MESSAGES: "m"}
    assert pipes_of("gate", "", environment) == environment
    assert pipes_of("gate", "{}", {}) == {}
    own = {"gate": {CONTEXT: "c1", MESSAGES: "m1"}}
    assert pipes_of("gate", json.dumps(own), environment) == own["gate"]


@pytest.mark.parametrize("sessions", ["{", "[]", '{"gate": "x"}', '{"gate": {"DAGSTER_PIPES_CONTEXT": "c"}}'])
def test_sessions_in_another_form_are_an_error(sessions: str) -> None:
    """The sentence shows the form."""
    with pytest.raises(SettingsError, match="--pipes is JSON such as"):
        pipes_of("gate", sessions, {})
