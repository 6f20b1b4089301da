"""The model registry, on a local SQLite file and on an MLflow server: the same promises on both."""

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from mlops_assets.errors import MissingModelError, PermanentError, SettingsError, TransientError
from mlops_assets.ml.bundle import ModelBundle
from mlops_assets.ml.search import Trial
from mlops_assets.stores.models import connection as connection_module
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.connection import Connection
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.models.versions import ModelVersion
from mlops_assets_tests.services.mlflow_server import mlflow_serving
from mlops_assets_tests.tiny_bundle import things, tiny_bundle

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
LATER = datetime(2024, 4, 1, tzinfo=timezone.utc)
TRIALS = [
    Trial("logistic_regression", "natural", {"C": 1.0}, {"auc": 0.9, "lift": None}, 2.0),
    Trial("logistic_regression", "balanced", {"C": 0.1}, {"auc": 0.8, "lift": None}, 3.0),
]
FIGURES = {"roc.png": b"\x89PNG roc"}
# Children start from a process that has MLflow loaded already: a fresh one would spend seconds on imports.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    [
        "mlflow.pyfunc",
        "mlflow.store.tracking.sqlalchemy_store",
        "mlflow.store.model_registry.sqlalchemy_store",
        "sklearn.linear_model",
        "sklearn.compose",
    ]
)


@dataclass(frozen=True)
class Backend:
    """One MLflow under test.

    Attributes:
        uri: its tracking URI.
        artifact_folder: what the registry is given.
        file_root: where the files of runs and models end up.
        model_name: a model that no other test uses.
        asset: an asset that no other test uses.
    """

    uri: str
    artifact_folder: Path
    file_root: Path
    model_name: str
    asset: str

    def registry(self) -> ModelRegistry:
        """Open a registry that has loaded nothing yet."""
        return open_model_registry(self.uri, self.artifact_folder)

    def save(self, bundle: ModelBundle, partition: str = "2024-01") -> ModelVersion:
        """Save a bundle with two trials, a figure and a file."""
        return _save(self.registry(), bundle, self.model_name, self.asset, partition)

    def client(self) -> Any:
        """Open MLflow's own client."""
        return Connection(self.uri, self.artifact_folder).client

    def runs(self) -> list[Any]:
        """Return all runs of the asset's experiment that are not deleted."""
        client = self.client()
        return list(client.search_runs([client.get_experiment_by_name(self.asset).experiment_id]))

    def files(self) -> list[Path]:
        """Return all files that runs and models of the asset's experiment have."""
        location = self.client().get_experiment_by_name(self.asset).artifact_location
        folder = self.file_root / (self.asset if location.startswith("file:") else location.removeprefix("mlflow-artifacts:/"))
        return [path for path in folder.rglob("*") if path.is_file()]


def _save(registry: ModelRegistry, bundle: ModelBundle, model_name: str, asset: str, partition: str) -> ModelVersion:
    return registry.save(
        bundle,
        model_name=model_name,
        asset=asset,
        partition=partition,
        now=NOW,
        run_tags={"dagster_run_id": "run-1"},
        params={"months": 12},
        trials=TRIALS,
        figures=FIGURES,
        files={"scores/features.csv": b"feature,score\n"},
    )


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a fresh MLflow database, because creating one takes a second."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_model_registry(f"sqlite:///{path}", path.parent / "models").prepare()
    return path


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Give the address and the artifact folder of a real MLflow server."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_serving(folder, str(folder / "files")) as address:
        yield address, folder / "files"


@pytest.fixture(params=["sqlite", pytest.param("server", marks=pytest.mark.services)])
def backend(request: pytest.FixtureRequest, tmp_path: Path, migrated_database: Path) -> Backend:
    """Give an MLflow of each kind, with names that no other test uses."""
    folder = tmp_path / "models"
    token = uuid4().hex[:8]
    names = {"model_name": f"examples.colour_model_{token}", "asset": f"examples_{token}/colour_model"}
    if request.param == "server":
        uri, file_root = request.getfixturevalue("mlflow_server")
        return Backend(uri, folder, file_root, **names)
    shutil.copy(migrated_database, tmp_path / "mlflow.db")
    return Backend(f"sqlite:///{tmp_path}/mlflow.db", folder, folder, **names)


@pytest.fixture(scope="session")
def bundle() -> ModelBundle:
    """Give one fitted bundle, trained on January 2024."""
    return tiny_bundle()


def trained_until(month: int, fingerprint: str) -> ModelBundle:
    """Return a bundle whose training window ends with the first day of a month of 2024."""
    return tiny_bundle(training_end_at=datetime(2024, month, 1, tzinfo=timezone.utc), fingerprint=fingerprint)


class TestSaving:
    """A save leaves one version, one finished run with its trials, and files."""

    def test_saved_version_is_found_again(self, backend: Backend, bundle: ModelBundle) -> None:
        """What `save` returns is what the registry finds by number and by partition, in another process too."""
        version = backend.save(bundle)
        registry = backend.registry()
        assert version == registry.version(backend.model_name, 1) == registry.version_for_partition(backend.model_name, "2024-01")
        assert registry.versions(backend.model_name) == [version]
        assert (version.version, version.partition, version.fingerprint) == (1, "2024-01", "a" * 64)
        assert version.training_end_at == bundle.training_end_at
        assert registry.version_for_partition(backend.model_name, "2024-02") is None

    def test_run_holds_params_metrics_tags_and_files(self, backend: Backend, bundle: ModelBundle) -> None:
        """The version's run carries the partition's name, the Dagster run, settings, metrics beside baselines, and plots."""
        version = backend.save(bundle)
        client = backend.client()
        run = client.get_run(version.run_id)
        assert (run.info.run_name, run.info.status) == ("2024-01", "FINISHED")
        assert (run.info.start_time, run.info.end_time) == (int(NOW.timestamp() - 5) * 1000, int(NOW.timestamp()) * 1000)
        expected = {"asset": backend.asset, "partition": "2024-01", "fingerprint": "a" * 64, "dagster_run_id": "run-1"}
        assert expected.items() <= run.data.tags.items()
        assert run.data.metrics == {
            "validation/auc": 1.0,
            "validation/mcc": 0.5,
            "baseline/always_no/auc": 0.5,
            "baseline/always_no/mcc": 0.0,
        }
        assert {"estimator": "logistic_regression", "months": "12", "seed": "7"}.items() <= run.data.params.items()
        assert [file.path for file in client.list_artifacts(version.run_id, "figures")] == ["figures/roc.png"]
        assert [file.path for file in client.list_artifacts(version.run_id, "scores")] == ["scores/features.csv"]
        assert client.get_experiment(version.experiment_id).name == backend.asset
        assert "Validation: auc 1, mcc 0.5." in client.get_model_version(version.name, "1").description

    def test_trials_are_child_runs(self, backend: Backend, bundle: ModelBundle) -> None:
        """Every trial is a finished run below the version's run, one after the other, with its settings and metrics."""
        version = backend.save(bundle)
        children = [run for run in backend.runs() if run.data.tags.get("mlflow.parentRunId") == version.run_id]
        children.sort(key=lambda run: run.info.start_time)
        assert [run.data.params["rows"] for run in children] == ["natural", "balanced"]
        assert [run.data.metrics for run in children] == [
            {"validation/auc": 0.9, "fit_seconds": 2.0},
            {"validation/auc": 0.8, "fit_seconds": 3.0},
        ]
        assert {run.info.status for run in children} == {"FINISHED"}
        assert children[0].info.end_time == children[1].info.start_time
        assert children[1].info.end_time == int(NOW.timestamp() * 1000)

    def test_any_number_of_params_and_metrics_is_recorded(self, backend: Backend) -> None:
        """What MLflow takes in one request is no limit."""
        version = backend.registry().save(
            tiny_bundle(metrics={f"m{number}": float(number) for number in range(1000)}),
            model_name=backend.model_name,
            asset=backend.asset,
            partition="2024-01",
            now=NOW,
            params={f"p{number}": number for number in range(250)},
        )
        data = backend.client().get_run(version.run_id).data
        assert sum(name.startswith("validation/m") for name in data.metrics) == 1000
        assert {name: value for name, value in data.params.items() if name[1:].isdigit()} == {
            f"p{number}": str(number) for number in range(250)
        }

    def test_same_fingerprint_and_partition_is_saved_once(self, backend: Backend, bundle: ModelBundle) -> None:
        """Saving the same model of the same partition again writes nothing and returns the first version."""
        version = backend.save(bundle)
        runs = {run.info.run_id for run in backend.runs()}
        assert backend.save(bundle) == version
        assert {run.info.run_id for run in backend.runs()} == runs

    def test_other_fingerprint_or_partition_is_a_new_version(self, backend: Backend, bundle: ModelBundle) -> None:
        """Another model or another partition is registered beside the first; the newest of a partition is found."""
        backend.save(bundle)
        backend.save(bundle, "2024-02")
        retrained = backend.save(tiny_bundle(fingerprint="b" * 64))
        registry = backend.registry()
        assert [version.version for version in registry.versions(backend.model_name)] == [3, 2, 1]
        assert registry.version_for_partition(backend.model_name, "2024-01") == retrained

    @pytest.mark.parametrize("damage", ["truncated", "deleted"])
    def test_damaged_files_are_written_again(self, backend: Backend, bundle: ModelBundle, damage: str) -> None:
        """A version whose files are damaged says so when loaded, and is whole again after a save, under the same number."""
        version = backend.save(bundle)
        (pipeline,) = [path for path in backend.files() if path.name == "bundle.joblib"]
        if damage == "deleted":
            pipeline.unlink()
        else:
            pipeline.write_bytes(pipeline.read_bytes()[:100])
        with pytest.raises(PermanentError, match=r"examples\.colour_model_.* version 1"):
            backend.registry().load(version)
        assert backend.save(bundle) == version
        assert backend.registry().load(version).fingerprint == bundle.fingerprint

    def test_failed_save_leaves_a_failed_run_that_the_next_save_removes(self, backend: Backend, bundle: ModelBundle) -> None:
        """An error while saving marks the run FAILED; the next save of the partition replaces it."""
        unreadable = Trial("logistic_regression", "natural", {}, {"auc": "high"}, 1.0)
        with pytest.raises(TypeError, match="must be real number"):
            backend.registry().save(
                bundle, model_name=backend.model_name, asset=backend.asset, partition="2024-01", now=NOW, trials=[unreadable]
            )
        assert [run.info.status for run in backend.runs()] == ["FAILED", "FAILED"], "the run and its trial"
        version = backend.save(bundle)
        assert_only_this_is_left(backend, version)

    def test_nothing_is_written_to_the_current_folder(
        self, backend: Backend, bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """MLflow's habit of using the current folder as its default store does not show."""
        current = tmp_path / "current"
        current.mkdir()
        monkeypatch.chdir(current)
        backend.registry().load(backend.save(bundle))
        assert not list(current.iterdir())


class TestLoading:
    """A loaded bundle is the saved bundle."""

    def test_loaded_bundle_predicts_the_same(self, backend: Backend, bundle: ModelBundle) -> None:
        """The model that comes out of the registry gives the probabilities of the one that went in."""
        loaded = backend.registry().load(backend.save(bundle))
        np.testing.assert_array_equal(loaded.predict_probability(things()), bundle.predict_probability(things()))

    def test_last_bundles_stay_in_memory(self, backend: Backend, bundle: ModelBundle) -> None:
        """Champion and challenger are read once; the one unused longest makes room."""
        versions = [backend.save(bundle, f"2024-0{month}") for month in (1, 2, 3)]
        registry = backend.registry()
        first, second = registry.load(versions[0]), registry.load(versions[1])
        assert registry.load(versions[0]) is first
        registry.load(versions[2])
        assert registry.load(versions[0]) is first
        assert registry.load(versions[1]) is not second

    def test_mlflow_loads_it_as_pyfunc(self, backend: Backend, bundle: ModelBundle) -> None:
        """Any MLflow tool can load the model and score records as the lake gives them."""
        version = backend.save(bundle)
        import mlflow.pyfunc  # after the save, which keeps the import from warning
        from mlflow.artifacts import download_artifacts

        model = mlflow.pyfunc.load_model(download_artifacts(version.artifact_uri, tracking_uri=backend.uri))
        predicted = model.predict(things())
        np.testing.assert_array_equal(predicted["probability"], bundle.predict_probability(things()))
        assert [column.name for column in model.metadata.signature.inputs] == bundle.input_contract.column_names

    def test_missing_models_are_named(self, backend: Backend) -> None:
        """A model that was never saved has no versions, and asking for one by number is an error that names it."""
        registry = backend.registry()
        assert registry.versions(backend.model_name) == []
        assert registry.version_by_alias(backend.model_name, "champion") is None
        assert registry.champion_for(backend.model_name, NOW) is None
        with pytest.raises(MissingModelError, match=rf"version 3 of {backend.model_name}"):
            registry.version(backend.model_name, 3)


class TestPromotion:
    """Aliases move so that there is always a champion, and the way back stays open."""

    def test_promotion_keeps_the_former_champion(self, backend: Backend, bundle: ModelBundle) -> None:
        """The new champion stops being challenger; the former one is one alias away."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        assert registry.promote(first, now=NOW).aliases == ("champion",)
        registry.mark_challenger(second)
        promoted = registry.promote(second, now=LATER)
        assert (promoted.aliases, promoted.promoted_at) == (("champion",), LATER)
        assert [version.aliases for version in registry.versions(backend.model_name)] == [("champion",), ("previous_champion",)]
        assert registry.version_by_alias(backend.model_name, "challenger") is None

    def test_promoting_the_champion_changes_nothing(self, backend: Backend, bundle: ModelBundle) -> None:
        """A repeated promotion neither loses the former champion nor moves the time of promotion."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.promote(first, now=NOW)
        registry.promote(second, now=NOW)
        before = registry.versions(backend.model_name)
        registry.promote(second, now=LATER)
        registry.mark_challenger(second)
        assert registry.versions(backend.model_name) == before

    @pytest.mark.parametrize("calls", [1, 2, 3, 4])
    def test_interrupted_promotion_has_a_champion_and_can_be_repeated(
        self, backend: Backend, bundle: ModelBundle, calls: int
    ) -> None:
        """After any write of a promotion there is a champion; repeating the promotion completes it."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.promote(first, now=NOW)
        registry.mark_challenger(second)
        with pytest.raises(KeyboardInterrupt):
            _interrupted(backend.uri, backend.artifact_folder, ("", calls), _raise).promote(second, now=NOW)
        assert registry.version_by_alias(backend.model_name, "champion") is not None
        registry.promote(second, now=NOW)
        versions = registry.versions(backend.model_name)
        assert [version.aliases for version in versions] == [("champion",), ("previous_champion",)]
        assert [version.promoted_at for version in versions] == [NOW, NOW]

    def test_rollback_swaps_champion_and_previous_champion(self, backend: Backend, bundle: ModelBundle) -> None:
        """A rollback restores the former champion, and a second one takes it back."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.promote(first, now=NOW)
        registry.promote(second, now=NOW)
        restored = registry.rollback(backend.model_name, now=LATER)
        assert (restored.version, restored.aliases) == (1, ("champion",))
        rolled_back = registry.version(backend.model_name, 2)
        assert (rolled_back.aliases, rolled_back.rolled_back_at) == (("previous_champion",), LATER)
        again = registry.rollback(backend.model_name, now=LATER)
        assert (again.version, again.rolled_back_at) == (2, None)

    def test_rollback_without_previous_champion_is_refused(self, backend: Backend, bundle: ModelBundle) -> None:
        """With nothing to go back to, the champion stays, and the error says what to do."""
        registry = backend.registry()
        version = backend.save(bundle)
        for champion in ("None", "1"):
            with pytest.raises(MissingModelError, match=f"champion is version {champion}, previous champion is version None"):
                registry.rollback(backend.model_name, now=NOW)
            registry.promote(version, now=NOW)
        assert registry.version(backend.model_name, 1).aliases == ("champion",)

    def test_interrupted_rollback_leaves_the_restored_champion(self, backend: Backend, bundle: ModelBundle) -> None:
        """When the swap stops half way the restored version is in charge, and repeating does not undo it."""
        registry = backend.registry()
        registry.promote(backend.save(bundle), now=NOW)
        registry.promote(backend.save(bundle, "2024-02"), now=NOW)
        interrupted = _interrupted(backend.uri, backend.artifact_folder, ("set_registered_model_alias", 1), _raise)
        with pytest.raises(KeyboardInterrupt):
            interrupted.rollback(backend.model_name, now=NOW)
        assert registry.version(backend.model_name, 1).aliases == ("champion", "previous_champion")
        with pytest.raises(MissingModelError, match="champion is version 1, previous champion is version 1"):
            registry.rollback(backend.model_name, now=NOW)

    def test_any_alias_can_be_set(self, backend: Backend, bundle: ModelBundle) -> None:
        """A free alias names one version at a time."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.set_alias(first, "audited")
        registry.set_alias(second, "audited")
        assert registry.version_by_alias(backend.model_name, "audited") == registry.version(backend.model_name, 2)
        assert registry.version(backend.model_name, 1).aliases == ()

    def test_champion_for_a_month_has_not_seen_it(self, backend: Backend) -> None:
        """A backfilled month is scored by the champion if it was trained before, else by the latest promoted one that was."""
        registry = backend.registry()
        until_march, until_april, until_may, challenger = (
            backend.save(trained_until(month, digit * 64), f"2024-0{month}")
            for month, digit in ((3, "3"), (4, "4"), (5, "5"), (2, "2"))
        )
        for version in (until_april, until_march, until_may):
            registry.promote(version, now=NOW)
        registry.mark_challenger(challenger)

        def champion(month: int) -> int | None:
            found = registry.champion_for(backend.model_name, datetime(2024, month, 1, tzinfo=timezone.utc))
            return None if found is None else found.version

        assert [champion(month) for month in (2, 3, 4, 5, 6)] == [None, 1, 2, 3, 3]
        registry.rollback(backend.model_name, now=NOW)
        assert [champion(month) for month in (2, 3, 4, 5, 6)] == [None, 1, 1, 1, 1], "the champion of March is in charge again"
        registry.promote(until_april, now=NOW)
        assert [champion(month) for month in (3, 4, 5, 6)] == [1, 2, 2, 2], "a rolled back version is no candidate"


class TestEvaluation:
    """An evaluation belongs to the run of the version it judges."""

    def test_metrics_and_figures_join_the_run(self, backend: Backend, bundle: ModelBundle) -> None:
        """Test metrics stand beside the validation metrics; a later evaluation supersedes, even with lower values."""
        version = backend.save(bundle)
        registry, client = backend.registry(), backend.client()
        registry.log_evaluation(version, {"auc": 0.9, "lift": None, "mcc": float("nan")}, FIGURES, now=NOW)
        registry.log_evaluation(version, {"auc": 0.7}, {}, now=LATER)
        run = client.get_run(version.run_id)
        tested = {name: value for name, value in run.data.metrics.items() if name.startswith("test/")}
        assert tested == {"test/auc": 0.7}
        assert run.info.status == "FINISHED"
        assert [file.path for file in client.list_artifacts(version.run_id, "evaluation")] == ["evaluation/roc.png"]


class DyingClient:
    """MLflow's client, whose process dies or whose caller is interrupted right after a certain writing call."""

    def __init__(self, client: Any, moment: tuple[str, int], die: Callable[[], None]) -> None:
        """Pass all calls on to `client` and die after the n-th writing one whose name begins like this."""
        self._client, self._die = client, die
        self._prefix, self._calls = moment

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not name.startswith(("create_", "log_", "set_", "finalize_", "delete_")) or not name.startswith(self._prefix):
            return attribute

        def call(*arguments: Any, **options: Any) -> Any:
            result = attribute(*arguments, **options)
            self._calls -= 1
            if self._calls == 0:
                self._die()
            return result

        return call


def _raise() -> None:
    raise KeyboardInterrupt


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupted(uri: str, artifact_folder: Path, moment: tuple[str, int], die: Callable[[], None]) -> ModelRegistry:
    connection = Connection(uri, artifact_folder)
    connection.client = DyingClient(connection.client, moment, die)  # type: ignore[assignment]
    return ModelRegistry(connection)


def _save_and_die(uri: str, artifact_folder: Path, model_name: str, asset: str, moment: tuple[str, int]) -> None:
    _save(_interrupted(uri, artifact_folder, moment, _kill), tiny_bundle(), model_name, asset, "2024-01")


def _kill_while_saving(backend: Backend, moment: tuple[str, int]) -> None:
    arguments = (backend.uri, backend.artifact_folder, backend.model_name, backend.asset, moment)
    process = _PROCESSES.Process(target=_save_and_die, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def _prepare(uri: str, artifact_folder: Path, start: Any) -> None:
    start.wait()
    registry = open_model_registry(uri, artifact_folder)
    registry.prepare()
    assert registry.versions("examples.colour_model") == []


def _prepare_and_die(uri: str, artifact_folder: Path) -> None:
    Path.replace = lambda *_: _kill()  # type: ignore[assignment, method-assign]
    open_model_registry(uri, artifact_folder).prepare()


def assert_only_this_is_left(backend: Backend, version: ModelVersion) -> None:
    """Assert that one version, its run, its trials and its files are all there is."""
    assert backend.registry().versions(backend.model_name) == [version]
    runs = backend.runs()
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == 1 + len(TRIALS)
    assert {run.data.tags.get("mlflow.parentRunId", run.info.run_id) for run in runs} == {version.run_id}
    models = backend.client().search_logged_models([version.experiment_id])
    assert [model.model_id for model in models] == [version.model_id]
    assert all(version.run_id in path.parts or version.model_id in path.parts for path in backend.files())
    assert not (backend.artifact_folder / ".scratch").exists()


# The process from which children start reads MLflow's settings when it comes up: the registry must have set them by then.
@pytest.mark.usefixtures("migrated_database")
class TestKilledProcesses:
    """SIGKILL at any moment, followed by the same work again, leaves what an undisturbed save leaves."""

    @pytest.mark.parametrize(
        "moment",
        [
            pytest.param(("create_run", 1), id="run"),
            pytest.param(("log_model_artifacts", 1), id="model-files"),
            pytest.param(("log_artifacts", 1), id="run-files"),
            pytest.param(("create_run", 3), id="second-trial"),
            pytest.param(("create_registered_model", 1), id="registered-model"),
            pytest.param(("create_model_version", 1), id="version"),
        ],
    )
    def test_killed_save_is_completed_by_the_next(
        self, backend: Backend, bundle: ModelBundle, tmp_path: Path, moment: tuple[str, int]
    ) -> None:
        """After the rerun there is exactly one version, no unfinished run, no orphaned file, and the very same bundle."""
        _kill_while_saving(backend, moment)
        version = backend.save(bundle)
        assert_only_this_is_left(backend, version)
        bundle.save(tmp_path / "undisturbed")
        stored = {path.name: path.read_bytes() for path in backend.files() if path.name.startswith("bundle.")}
        assert stored == {path.name: path.read_bytes() for path in (tmp_path / "undisturbed").iterdir()}

    @pytest.mark.parametrize("deletions", [1, 2, 3])
    def test_interrupted_clearing_is_completed_by_the_next_save(
        self, backend: Backend, bundle: ModelBundle, deletions: int
    ) -> None:
        """What was left behind is deleted from the inside out, so that half of it is still recognized."""
        names = (backend.model_name, backend.asset, "2024-01")
        for moment in (("create_registered_model", 1), ("delete_", deletions)):
            with pytest.raises(KeyboardInterrupt):
                _save(_interrupted(backend.uri, backend.artifact_folder, moment, _raise), bundle, *names)
        assert_only_this_is_left(backend, backend.save(bundle))

    def test_leftovers_of_a_changed_model_are_cleared_too(self, backend: Backend) -> None:
        """A save killed between registering and finishing is finished, and the changed model is registered beside it."""
        _kill_while_saving(backend, ("create_model_version", 1))
        backend.save(tiny_bundle(fingerprint="b" * 64))
        assert len(backend.registry().versions(backend.model_name)) == 2
        assert {run.info.status for run in backend.runs()} == {"FINISHED"}
        assert len(backend.runs()) == 2 * (1 + len(TRIALS))

    def test_four_processes_create_one_database(self, tmp_path: Path) -> None:
        """A database that does not exist yet is created once, whoever comes first, and the others wait for it."""
        uri, folder = f"sqlite:///{tmp_path}/new/mlflow.db", tmp_path / "new" / "models"
        start = _PROCESSES.Barrier(4)
        processes = [_PROCESSES.Process(target=_prepare, args=(uri, folder, start)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0, 0, 0]
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["mlflow.db", "mlflow.db.lock"]

    def test_killed_creation_leaves_no_half_database(self, tmp_path: Path) -> None:
        """A database is there completely or not at all."""
        uri, folder = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "models"
        process = _PROCESSES.Process(target=_prepare_and_die, args=(uri, folder))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        assert not (tmp_path / "mlflow.db").exists()
        assert open_model_registry(uri, folder).versions("examples.colour_model") == []
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.lock"]


class TestErrors:
    """What may be tried again and what not, and never a password in a message."""

    @pytest.fixture(autouse=True)
    def _no_retries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
            monkeypatch.setenv(name, "")

    def test_unreachable_server_is_transient(self, tmp_path: Path) -> None:
        """A refused connection may be over soon; the message names the server without the password."""
        registry = open_model_registry("http://joe:s3cret@127.0.0.1:1", tmp_path)
        with pytest.raises(TransientError, match=r"list the versions of m in MLflow at http://127\.0\.0\.1:1") as caught:
            registry.versions("m")
        assert "s3cret" not in _whole_text(caught.value)

    @pytest.mark.parametrize(("status", "error"), [(500, TransientError), (503, TransientError), (429, TransientError)])
    def test_busy_server_is_transient(self, tmp_path: Path, status: int, error: type[Exception]) -> None:
        """A server's own failures may be over soon."""
        with _answering(status) as (uri, _), pytest.raises(error, match=str(status)):
            open_model_registry(uri, tmp_path).versions("m")

    @pytest.mark.parametrize("status", [401, 403])
    def test_refused_credentials_are_permanent(self, tmp_path: Path, status: int) -> None:
        """Wrong credentials stay wrong; those of the URI were sent, and are not repeated."""
        with _answering(status) as (uri, seen):
            with pytest.raises(PermanentError) as caught:
                open_model_registry(uri.replace("http://", "http://joe:s3cret@"), tmp_path).versions("m")
            assert seen == ["Basic am9lOnMzY3JldA=="], "joe:s3cret in base 64"
        assert "s3cret" not in _whole_text(caught.value)

    def test_other_scheme_is_a_settings_error(self, tmp_path: Path) -> None:
        """A URI that nothing understands is refused with the legal ones, and without its password."""
        with pytest.raises(SettingsError, match=r"postgresql://joe:\*\*\*@host.*use sqlite:///") as caught:
            open_model_registry("postgresql://joe:s3cret@host/db", tmp_path)
        assert "s3cret" not in str(caught.value)

    def test_other_file_in_place_of_the_database_is_refused_at_once(self, tmp_path: Path) -> None:
        """A file that is no SQLite database is named, instead of being tried for a minute."""
        (tmp_path / "mlflow.db").write_text("not a database")
        with pytest.raises(PermanentError, match=r"mlflow\.db.* is not a SQLite file"):
            open_model_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path).prepare()

    def test_database_of_another_mlflow_says_how_to_upgrade(self, tmp_path: Path, migrated_database: Path) -> None:
        """A database of an older MLflow is left alone, with the command that upgrades it."""
        import sqlite3

        shutil.copy(migrated_database, tmp_path / "mlflow.db")
        connection = sqlite3.connect(tmp_path / "mlflow.db")
        with connection:
            connection.execute("UPDATE alembic_version SET version_num = 'older'")
        connection.close()
        with pytest.raises(PermanentError, match="mlflow db upgrade"):
            open_model_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path).prepare()

    def test_held_lock_is_transient(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who waits too long for another writer is told which lock it holds."""
        monkeypatch.setattr(connection_module, "_LOCK_TIMEOUT_S", 0.05)
        uri = f"sqlite:///{tmp_path}/mlflow.db"
        with (
            Connection(uri, tmp_path).exclusive(),
            pytest.raises(TransientError, match=r"mlflow\.db\.lock"),
        ):
            open_model_registry(uri, tmp_path).prepare()


def test_urls_lead_to_run_and_version() -> None:
    """Links are those of MLflow's own pages."""
    version = ModelVersion("examples.m", 3, "r1", "7", "m-1", "", "2024-01", "f", NOW, NOW, (), NOW)
    assert version.run_url("http://localhost:5000/") == "http://localhost:5000/#/experiments/7/runs/r1"
    assert version.model_url("http://localhost:5000") == "http://localhost:5000/#/models/examples.m/versions/3"


def _whole_text(error: BaseException) -> str:
    """Return the messages of an error and of all errors behind it."""
    behind = error.__cause__ or error.__context__
    return f"{error} {'' if behind is None else _whole_text(behind)}"


class _answering:  # noqa: N801 (used like a function)
    """A server that gives one status to every request, and notes the credentials it was sent."""

    def __init__(self, status: int) -> None:
        seen: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.headers.get("Authorization"))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"no")

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._seen = seen
        self._server = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> tuple[str, list[str | None]]:
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}", self._seen

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
