"""Models as assets in MLflow: a Dagster run's run, the trainings under it, their trials; and why a resource cannot hold it open."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.errors import TransientError
from mlops_assets.ml.metric_set import BINARY_METRICS
from mlops_assets.ml.search import Trial
from mlops_assets.ml.training import TrainedModel
from mlops_assets.orchestration import failures
from mlops_assets.orchestration.asset_specs import MODELS
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.model_io import ModelIOManager
from mlops_assets.stores.models.connection import mlflow_globals_kept
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.platforms import StoppedClock
from mlops_assets_tests.stores.dying_registry import DyingClient, kill_this_process
from mlops_assets_tests.tiny_bundle import tiny_bundle

NOBODY = "http://127.0.0.1:9"
"""Where no MLflow listens."""
PARENT = "mlflow.parentRunId"
KEY = ["examples", "colour_model"]
MONTHS = dg.StaticPartitionsDefinition(["2024-01", "2024-02"])
TRIALS = [
    Trial({"family": "logistic_regression"}, {"C": c}, {"log_loss": 0.1, "brier": 0.1, "auc": 0.9, "mcc": 0.8}, 1.0) for c in (1, 2)
]

# A fresh process that dies; it imports MLflow itself.
_PROCESSES = multiprocessing.get_context("spawn")


@dg.asset(key=KEY, partitions_def=MONTHS, io_manager_key=MODELS)
def colour_model() -> TrainedModel:
    return TrainedModel(tiny_bundle(), TRIALS, is_cut_by_budget=False, compared_by=BINARY_METRICS)


@dg.asset(key=["examples", "shape_model"], partitions_def=MONTHS, io_manager_key=MODELS)
def shape_model() -> TrainedModel:
    return TrainedModel(tiny_bundle(), TRIALS, is_cut_by_budget=False, compared_by=BINARY_METRICS)


@dg.asset(key=["examples", "table"], partitions_def=MONTHS)
def table() -> None:
    """Trains nothing."""


@pytest.fixture
def stores(tmp_path: Path, mlflow_database: Path) -> Stores:
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    return Stores({}, f"sqlite:///{tmp_path}/mlflow.db", "http://mlflow", tmp_path / "models")


def train(
    stores: Stores, instance: dg.DagsterInstance, *assets: Any, month: str = "2024-01", clock: Clock | None = None
) -> dg.ExecuteInProcessResult:
    """Materialize assets of a month, by default `colour_model`, and return Dagster's result."""
    resources = {MODELS: ModelIOManager(stores, clock or Clock())}
    return dg.materialize(
        assets or (colour_model,), instance=instance, partition_key=month, resources=resources, raise_on_error=False
    )


def runs(stores: Stores, asset: str = "examples/colour_model") -> list[Any]:
    """Return the MLflow runs of an asset, the newest last."""
    client = stores.models()._client
    experiment = client.get_experiment_by_name(asset)
    return list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])) if experiment else []


def tree(stores: Stores, asset: str = "examples/colour_model") -> dict[str, Any]:
    """Return the names of an asset's MLflow runs, nested as MLflow's UI shows them."""
    found = runs(stores, asset)

    def below(parent: str | None) -> dict[str, Any]:
        return {run.info.run_name: below(run.info.run_id) for run in found if run.data.tags.get(PARENT) == parent}

    return below(None)


def training(month: str) -> dict[str, Any]:
    """Return the tree of a training."""
    return {month: {f"{month} trial {number}: logistic_regression": {} for number in (1, 2)}}


def named(result: dg.ExecuteInProcessResult) -> str:
    """Return the name of a Dagster run in MLflow."""
    return f"Dagster run {result.run_id[:8]}"


class TestNesting:
    def test_training_is_below_its_dagster_run_and_trials_below_the_training(
        self, stores: Stores, instance: dg.DagsterInstance
    ) -> None:
        """Each Dagster run is one MLflow run, FINISHED, that bears its id; a run of another month is another one."""
        first, second = train(stores, instance), train(stores, instance, month="2024-02")
        assert tree(stores) == {named(first): training("2024-01"), named(second): training("2024-02")}
        parents = {run.info.run_name: run for run in runs(stores) if PARENT not in run.data.tags}
        assert {parents[named(result)].data.tags["dagster_run_id"] for result in (first, second)} == {first.run_id, second.run_id}
        assert {run.info.status for run in runs(stores)} == {"FINISHED"}

    def test_models_of_one_dagster_run_have_a_run_each_in_their_experiments(
        self, stores: Stores, instance: dg.DagsterInstance
    ) -> None:
        """A run that trains two models is shown with each of them."""
        result = train(stores, instance, colour_model, shape_model)
        assert tree(stores) == tree(stores, "examples/shape_model") == {named(result): training("2024-01")}

    def test_trainings_of_one_dagster_run_are_below_the_same_run(
        self, stores: Stores, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A step that is retried after it has registered a model, and trains another one, resumes the run of the first attempt.

        So it does if the platform's clock, by which trainings are dated, is ahead.
        """

        @dg.asset(key=KEY, partitions_def=MONTHS, io_manager_key=MODELS)
        def another_each_time(context: dg.AssetExecutionContext) -> TrainedModel:
            return TrainedModel(
                tiny_bundle(fingerprint=f"attempt {context.retry_number}"),
                TRIALS,
                is_cut_by_budget=False,
                compared_by=BINARY_METRICS,
            )

        attempts: list[Any] = []

        def refuse_first(*version: Any) -> None:
            attempts.append(version)
            if len(attempts) == 1:
                raise TransientError("busy")

        monkeypatch.setattr(failures, "SECONDS_BETWEEN_RETRIES", 0)
        monkeypatch.setattr(ModelRegistry, "mark_challenger", refuse_first)
        assert train(stores, instance, another_each_time, clock=StoppedClock(datetime(2100, 1, 1, tzinfo=timezone.utc))).success
        (parent,) = [run for run in runs(stores) if PARENT not in run.data.tags]
        trainings = [run for run in runs(stores) if run.info.run_name == "2024-01"]
        assert [run.data.tags[PARENT] for run in trainings] == [parent.info.run_id] * 2
        assert {run.info.status for run in (parent, *trainings)} == {"FINISHED"}

    def test_run_that_trains_nothing_new_is_not_recorded(self, stores: Stores, instance: dg.DagsterInstance) -> None:
        """The same inputs give the version that exists; MLflow gets no empty run."""
        first = train(stores, instance)
        assert train(stores, instance).success
        assert tree(stores) == {named(first): training("2024-01")}

    def test_settings_of_the_process_stay(
        self, stores: Stores, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """dagster-mlflow would let the next reader of settings in this process find its MLflow instead of the configured one."""
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://configured")
        monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
        import mlflow

        before = mlflow.get_tracking_uri()
        assert train(stores, instance).success
        assert mlflow.get_tracking_uri() == before == "http://configured"
        assert os.environ["MLFLOW_TRACKING_URI"] == "http://configured"
        assert "MLFLOW_EXPERIMENT_ID" not in os.environ


def fail_registering(*_: Any) -> None:
    raise ValueError("no room")


class TestFailures:
    def test_failed_training_fails_its_run_and_the_next_removes_both(
        self, stores: Stores, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A failure is seen in MLflow until the training is done again."""
        with monkeypatch.context() as patch:
            patch.setattr(ModelRegistry, "_create_model", fail_registering)
            failed = train(stores, instance)
        assert not failed.success
        assert [*tree(stores)] == [named(failed)]
        assert {run.info.status for run in runs(stores) if "trial" not in run.info.run_name} == {"FAILED"}
        again = train(stores, instance)
        assert tree(stores) == {named(again): training("2024-01")}
        assert {run.info.status for run in runs(stores)} == {"FINISHED"}

    def test_one_failure_does_not_hide_what_the_same_run_trained(
        self, stores: Stores, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next run after a failed one is no part of it, though it is of the same process."""
        done = train(stores, instance)
        with monkeypatch.context() as patch:
            patch.setattr(ModelRegistry, "_create_model", fail_registering)
            train(stores, instance, month="2024-02")
        again = train(stores, instance, month="2024-02")
        assert tree(stores) == {named(done): training("2024-01"), named(again): training("2024-02")}

    @pytest.mark.parametrize("moment", ["resource", "version", "end"])
    def test_killed_run_is_cleared_by_the_next(
        self, stores: Stores, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        """Whenever the process is killed, the run after it leaves no RUNNING run, no empty one, and one version."""
        process = _PROCESSES.Process(target=train_and_die, args=(stores, moment))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        assert "RUNNING" in {run.info.status for run in runs(stores)}
        assert train(stores, instance).success
        assert [*tree(stores).values()] == [training("2024-01")]
        assert {run.info.status for run in runs(stores)} == {"FINISHED"}
        assert len(stores.models().versions("examples.colour_model")) == 1

    def test_tables_of_the_run_do_not_need_mlflow(
        self, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An MLflow that is down stops the model alone."""
        monkeypatch.setattr(failures, "MAX_RETRIES", 0)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        result = train(Stores({}, NOBODY, "http://mlflow", tmp_path / "models"), instance, table, colour_model)
        assert [event.asset_key for event in result.get_asset_materialization_events()] == [table.key]


def train_and_die(stores: Stores, moment: str) -> None:
    """Train in a process that dies right after MLflow has recorded something."""
    import mlflow

    if moment == "resource":
        # The resource's first call after it has started the run.
        mlflow.set_tags = lambda *_: kill_this_process()
    else:
        registry = stores.models()
        call = {"version": "create_model_version", "end": "set_terminated"}[moment]
        calls = 3 if moment == "end" else 1  # the third one ends the training, after its two trials
        registry._connection.client = DyingClient(registry._client, (call, calls), kill_this_process)  # type: ignore[assignment]
    with dg.DagsterInstance.ephemeral() as instance:
        train(stores, instance)


class TestResourceHeldOpenForTheRun:
    """What dagster-mlflow's resource does if assets require it, as its documentation has it: why it is opened for a moment only."""

    @pytest.fixture(autouse=True)
    def _state_of_mlflow(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID"):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        import mlflow

        with mlflow_globals_kept():
            yield
            mlflow.end_run()

    def materialize(self, tracking_uri: str, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
        """Materialize a table and an asset that requires the resource."""
        from dagster_mlflow import mlflow_tracking

        @dg.asset(required_resource_keys={"mlflow"})
        def model() -> None:
            pass

        @dg.asset
        def unrelated() -> None:
            pass

        options = {"experiment_name": "held", "mlflow_tracking_uri": tracking_uri, "env": {}, "extra_tags": {}}
        resources = {"mlflow": mlflow_tracking.configured(options)}
        return dg.materialize([unrelated, model], instance=instance, resources=resources, raise_on_error=False)

    def test_it_stops_the_tables_of_the_run_when_mlflow_is_down(
        self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Dagster opens it before the first step, so that nothing is materialized."""
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        result = self.materialize(NOBODY, instance)
        assert not result.success
        assert result.get_asset_materialization_events() == []

    def test_it_leaves_the_run_running_and_the_next_takes_it_over(self, stores: Stores, instance: dg.DagsterInstance) -> None:
        """After a success the run is RUNNING; the next Dagster run of the process gets none of its own, but puts its id on it."""
        first, second = (self.materialize(stores.mlflow_tracking_uri, instance) for _ in range(2))
        assert first.success
        assert second.success
        (run,) = runs(stores, "held")
        assert (run.info.status, run.data.tags["dagster_run_id"]) == ("RUNNING", second.run_id)

    def test_it_changes_a_setting_of_the_process(self, stores: Stores, instance: dg.DagsterInstance) -> None:
        """Whoever reads the settings of another data directory in this process gets this one's models."""
        self.materialize(stores.mlflow_tracking_uri, instance)
        assert os.environ["MLFLOW_TRACKING_URI"] == stores.mlflow_tracking_uri
