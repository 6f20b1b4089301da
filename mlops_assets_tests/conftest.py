"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import hypothesis
import pytest

from mlops_assets.environment import ENV_FILE_VARIABLE

# A browser, for tests that skip without one.
from mlops_assets_tests.browser import chromium  # noqa: F401
from mlops_assets_tests.isolation import process_kept

# Servers, started when a test asks for one by its fixture.
from mlops_assets_tests.services.bigquery import bigquery_url  # noqa: F401
from mlops_assets_tests.services.gcs import gcs_url  # noqa: F401
from mlops_assets_tests.services.kafka import kafka_url, own_cluster  # noqa: F401
from mlops_assets_tests.services.kafka_tansu import broker_url  # noqa: F401
from mlops_assets_tests.services.mongodb import mongodb_url  # noqa: F401
from mlops_assets_tests.services.mysql import mysql_database_url, mysql_server_url, mysql_url  # noqa: F401
from mlops_assets_tests.services.postgres import postgres_server_url, postgres_url  # noqa: F401
from mlops_assets_tests.services.s3_ceph import ceph_url  # noqa: F401
from mlops_assets_tests.services.s3_moto import s3_url  # noqa: F401

# A machine that is busy with something else is slow, and no test is about that. Strategies that are slow by themselves still show.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

# Console logging of every event at DEBUG costs more than most of the tests, and hides their failures.
_QUIET = {"python_logs": {"python_log_level": "WARNING"}}


@pytest.fixture(scope="session", autouse=True)
def _settings_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the settings of the person who runs the tests out of them and their processes: variables, and any `.env`."""
    from mlops_assets.settings import setting_variables

    env_file = tmp_path_factory.mktemp("project") / ".env"
    env_file.touch()
    with pytest.MonkeyPatch.context() as environment:
        for name in {*os.environ} & {*setting_variables()}:
            environment.delenv(name)
        environment.setenv(ENV_FILE_VARIABLE, str(env_file))
        yield


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Let a test leave nothing to the next."""
    with process_kept():
        yield


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that is the current one and, by its empty `.env`, a project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENV_FILE_VARIABLE)
    (tmp_path / ".env").touch()
    return tmp_path


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Give a fresh Dagster instance that lives in memory and logs warnings only."""
    with dg.DagsterInstance.ephemeral(settings=_QUIET) as fresh_instance:
        yield fresh_instance


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a fresh MLflow database to copy, because making one takes seconds."""
    from mlops_assets.stores.models import open_model_registry

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_model_registry(f"sqlite:///{path}", path.parent / "artifacts").prepare()
    return path
