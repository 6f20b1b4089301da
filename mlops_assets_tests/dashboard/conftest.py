"""An empty platform and a small one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_assets.settings import Settings
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.dashboard.small_platform import fill


@pytest.fixture(scope="package")
def small_data(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Path:
    """Give a data directory with a little of everything; nobody changes it."""
    folder = tmp_path_factory.mktemp("dashboard") / "data"
    (folder / "mlflow").mkdir(parents=True)
    shutil.copy(mlflow_database, folder / "mlflow" / "mlflow.db")
    fill(Settings(data_dir=folder, _env_file=None))
    return folder


@pytest.fixture
def small(small_data: Path) -> Stores:
    """Give the stores of the small platform."""
    return Settings(data_dir=small_data, _env_file=None).build_stores()


@pytest.fixture
def empty(tmp_path: Path) -> Stores:
    """Give stores in a folder that is not even there."""
    return Settings(data_dir=tmp_path / "none", _env_file=None).build_stores()


@pytest.fixture
def _forgotten() -> Iterator[None]:
    """Let pages read anew what they remember of other stores."""
    import streamlit as st

    for memory in (st.cache_data, st.cache_resource):
        memory.clear()
    yield
    for memory in (st.cache_data, st.cache_resource):
        memory.clear()
