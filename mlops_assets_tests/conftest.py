"""Fixtures that every test may use."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

# Servers, started when a test asks for one by its fixture.
from mlops_assets_tests.services.bigquery import bigquery_url  # noqa: F401
from mlops_assets_tests.services.gcs import gcs_url  # noqa: F401
from mlops_assets_tests.services.kafka import kafka_url, own_cluster  # noqa: F401
from mlops_assets_tests.services.mongodb import mongodb_url  # noqa: F401
from mlops_assets_tests.services.mysql import mysql_database_url, mysql_server_url, mysql_url  # noqa: F401
from mlops_assets_tests.services.postgres import postgres_server_url, postgres_url  # noqa: F401
from mlops_assets_tests.services.s3_ceph import ceph_url  # noqa: F401
from mlops_assets_tests.services.s3_moto import s3_url  # noqa: F401

# Console logging of every event at DEBUG costs more than most of the tests, and hides their failures.
_QUIET = {"python_logs": {"python_log_level": "WARNING"}}


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
