"""The model registry in a SQLite file whose disk refuses."""

import shutil
from pathlib import Path

import pytest

from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets_tests.stores.disk_contract import DiskContract
from mlops_assets_tests.stores.registry_backends import NOW
from mlops_assets_tests.tiny_bundle import tiny_bundle


class TestModelRegistryOnDisks(DiskContract):
    @pytest.fixture(autouse=True)
    def _fresh_database(self, mlflow_database: Path) -> None:
        self._fresh = mlflow_database

    def write(self, folder: Path, number: int) -> None:
        if number == 1 and folder.name != "new":
            shutil.copy(self._fresh, folder / "mlflow.db")
        self._registry(folder).save(
            tiny_bundle(fingerprint=str(number)),
            model_name="examples.colour_model",
            asset="examples/colour_model",
            partition="2024-01",
            now=NOW,
            files={"large.bin": bytes(1_000_000)},
        )

    def read(self, folder: Path) -> list[str]:
        registry = self._registry(folder)
        return [registry.load(version).provenance.fingerprint for version in registry.versions("examples.colour_model")]

    def _registry(self, folder: Path) -> ModelRegistry:
        return open_model_registry(f"sqlite:///{folder}/mlflow.db", folder / "artifacts")
