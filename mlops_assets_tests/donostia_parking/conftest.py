"""Fixtures of this domain's tests."""

from pathlib import Path

import pytest

from mlops_assets.stores.models import open_model_registry


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a fresh MLflow database to copy, because making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_model_registry(f"sqlite:///{path}", path.parent / "artifacts").prepare()
    return path
