"""The MLflows that the model registry is tested on: a local SQLite file and a server. Fixtures of all tests in this folder."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mlops_assets.ml.search import Trial
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.connection import Connection
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.models.versions import ModelVersion
from mlops_assets_tests.services.mlflow_server import mlflow_serving
from mlops_assets_tests.tiny_bundle import TinyBundle, tiny_bundle

NOW = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
LATER = datetime(2024, 4, 1, tzinfo=timezone.utc)
TRIALS = [
    Trial({"family": "logistic_regression", "features": "encoded"}, {"C": 1.0}, {"auc": 0.9, "lift": None}, 2.0),
    Trial({"family": "logistic_regression", "features": "native"}, {"C": 0.1}, {"auc": 0.8, "lift": None}, 3.0),
]
FIGURES = {"roc.png": b"\x89PNG roc"}


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

    def save(self, bundle: TinyBundle, partition: str = "2024-01") -> ModelVersion:
        """Save a bundle with two trials, a figure and a file."""
        return save_trained(self.registry(), bundle, self.model_name, self.asset, partition)

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


def save_trained(registry: ModelRegistry, bundle: TinyBundle, model_name: str, asset: str, partition: str) -> ModelVersion:
    """Save a bundle with two trials, a figure and a file."""
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
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Give the address and the artifact folder of a real MLflow server."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_serving(folder, str(folder / "files")) as address:
        yield address, folder / "files"


@pytest.fixture(params=["sqlite", pytest.param("server", marks=pytest.mark.services)])
def backend(request: pytest.FixtureRequest, tmp_path: Path, mlflow_database: Path) -> Backend:
    """Give an MLflow of each kind, with names that no other test uses."""
    folder = tmp_path / "models"
    token = uuid4().hex[:8]
    names = {"model_name": f"examples.colour_model_{token}", "asset": f"examples_{token}/colour_model"}
    if request.param == "server":
        uri, file_root = request.getfixturevalue("mlflow_server")
        return Backend(uri, folder, file_root, **names)
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    return Backend(f"sqlite:///{tmp_path}/mlflow.db", folder, folder, **names)


@pytest.fixture(scope="session")
def bundle() -> TinyBundle:
    """Give one fitted bundle, trained on January 2024."""
    return tiny_bundle()


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
