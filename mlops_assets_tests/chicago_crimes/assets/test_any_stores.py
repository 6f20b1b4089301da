"""The whole graph on other stores, by other URLs alone: the same tables, to the last value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.chicago_crimes.definition import CONTRACTS
from mlops_assets.stores.registry import Stores
from mlops_assets_tests.platforms import QUICK_MODEL, Platform, whole_table
from mlops_assets_tests.services.buckets import fresh_prefix

MONTHS = ("2023-07", "2023-12")
MODEL_MONTH = "2024-01"
SMALL_CITY = 12_000
# MLflow chooses the ids of its runs at random, and a promotion is decided at the moment it is decided.
NEVER_THE_SAME = ["model_run_id", "decided_at"]


def run_everything(platform: Platform) -> None:
    """Read half a year, train a model and score the month after, as the demo does."""
    platform.stores.models().prepare()
    platform.run("read_chicago_crimes", months=MONTHS)
    platform.run("train_arrest_model", month=MODEL_MONTH, ops=QUICK_MODEL)
    platform.run("read_chicago_crimes", month=MODEL_MONTH)
    platform.run("score_chicago_crimes", month=MODEL_MONTH)


def all_tables(stores: Stores) -> dict[str, pd.DataFrame]:
    """Return every table of the domain with all its partitions."""
    return {contract.name: whole_table(stores, contract).drop(columns=NEVER_THE_SAME, errors="ignore") for contract in CONTRACTS}


@pytest.fixture(scope="module")
def embedded_tables(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pd.DataFrame]:
    """Give the tables of a run on the embedded stores."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(tmp_path_factory.mktemp("embedded"), instance, crimes_per_year=SMALL_CITY)
        run_everything(platform)
    return all_tables(platform.stores)


@pytest.mark.services
@pytest.mark.parametrize(
    ("lake", "warehouse"), [("s3_url", "postgres_url"), ("s3_url", "mysql_database_url"), ("gcs_url", "bigquery_url")]
)
def test_graph_gives_equal_tables_on_every_store(
    lake: str,
    warehouse: str,
    embedded_tables: Mapping[str, pd.DataFrame],
    tmp_path: Path,
    instance: dg.DagsterInstance,
    request: pytest.FixtureRequest,
) -> None:
    """MinIO and a database, or Google Cloud: nothing but two URLs differs from the laptop."""
    urls = {"lake_url": fresh_prefix(request.getfixturevalue(lake)), "warehouse_url": request.getfixturevalue(warehouse)}
    platform = Platform(tmp_path, instance, crimes_per_year=SMALL_CITY, stores=urls)
    run_everything(platform)
    assert not (tmp_path / "lake").exists()
    assert not (tmp_path / "warehouse.duckdb").exists()
    tables = all_tables(platform.stores)
    assert {name: len(table) for name, table in tables.items()} == {name: len(table) for name, table in embedded_tables.items()}
    assert len(tables["arrest_predictions"]) > 500
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, embedded_tables[name], check_exact=True, obj=name)
