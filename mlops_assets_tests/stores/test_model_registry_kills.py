"""The model registry when its process is killed or interrupted: the next save completes or clears what was begun."""

import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.stores.models import open_model_registry
from mlops_assets_tests.stores.dying_registry import dying_registry, interrupt, kill_this_process
from mlops_assets_tests.stores.registry_backends import TRIALS, Backend, assert_only_this_is_left, save_trained
from mlops_assets_tests.tiny_bundle import TinyBundle, tiny_bundle

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


def _save_and_die(uri: str, artifact_folder: Path, model_name: str, asset: str, moment: tuple[str, int]) -> None:
    save_trained(dying_registry(uri, artifact_folder, moment, kill_this_process), tiny_bundle(), model_name, asset, "2024-01")


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
    Path.replace = lambda *_: kill_this_process()  # type: ignore[assignment, method-assign]
    open_model_registry(uri, artifact_folder).prepare()


# The process from which children start reads MLflow's settings when it comes up: the registry must have set them by then.
@pytest.mark.usefixtures("mlflow_database")
class TestKilledProcesses:
    """SIGKILL at any moment, followed by the same work again, leaves what an undisturbed save leaves."""

    @pytest.mark.parametrize(
        "moment",
        [
            pytest.param(("create_run", 1), id="run"),
            pytest.param(("store_folder", 1), id="model-files"),
            pytest.param(("store_folder", 2), id="run-files"),
            pytest.param(("create_run", 3), id="second-trial"),
            pytest.param(("create_registered_model", 1), id="registered-model"),
            pytest.param(("create_model_version", 1), id="version"),
        ],
    )
    def test_killed_save_is_completed_by_the_next(
        self, backend: Backend, bundle: TinyBundle, tmp_path: Path, moment: tuple[str, int]
    ) -> None:
        """After the rerun there is exactly one version, no unfinished run, no orphaned file, and the very same bundle."""
        _kill_while_saving(backend, moment)
        version = backend.save(bundle)
        assert_only_this_is_left(backend, version)
        bundle.save(tmp_path / "undisturbed")
        stored = {path.name: path.read_bytes() for path in backend.files() if path.name.startswith("bundle.")}
        assert stored == {path.name: path.read_bytes() for path in (tmp_path / "undisturbed").iterdir()}

    @pytest.mark.parametrize("deletions", [1, 2, 3])
    def test_interrupted_clearing_is_completed_by_the_next_save(self, backend: Backend, bundle: TinyBundle, deletions: int) -> None:
        """What was left behind is deleted from the inside out, so that half of it is still recognized."""
        names = (backend.model_name, backend.asset, "2024-01")
        for moment in (("create_registered_model", 1), ("delete_", deletions)):
            with pytest.raises(KeyboardInterrupt):
                save_trained(dying_registry(backend.uri, backend.artifact_folder, moment, interrupt), bundle, *names)
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
