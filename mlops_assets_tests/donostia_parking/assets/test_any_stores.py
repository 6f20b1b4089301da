"""The graph on a bucket and a database, by other URLs alone: the same tables, to the last value."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.definition import CONTRACTS
from mlops_assets.donostia_parking.sources.landing import snapshot_names
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.platforms import QUICK_FORECASTS, Platform, recorded_snapshots, whole_table, with_registry
from mlops_assets_tests.services.buckets import fresh_prefix

FIRST, LAST = "2022-03-26", "2022-03-27"


def run_everything(platform: Platform) -> dict[str, pd.DataFrame]:
    """Land and read two days, train a model of the first, forecast on both, and return all tables."""
    snapshots = recorded_snapshots("2022-03-25T23:00", "2022-03-27T22:00")
    platform.run("read_donostia_parking", days=(FIRST, LAST), ops=snapshots)
    platform.run("train_forecast_model", day=FIRST, ops=QUICK_FORECASTS)
    for day in (FIRST, LAST):
        platform.run("forecast_donostia_parking", day=day)
    return {contract.name: whole_table(platform.stores, contract, "day") for contract in CONTRACTS}


@pytest.mark.services
def test_bucket_and_database_hold_what_a_laptop_holds(
    s3_url: str, postgres_url: str, tmp_path: Path, instance: dg.DagsterInstance, mlflow_database: Path
) -> None:
    """Snapshots as objects of a bucket, forecasts in PostgreSQL; the registry knows the model, which was made of equal rows."""
    parking = {"sample_as_of": utc("2022-04-01")}
    laptop = Platform(with_registry(tmp_path / "laptop", mlflow_database), instance, parking=parking)
    urls = {"lake_url": fresh_prefix(s3_url), "warehouse_url": postgres_url}
    urls |= {"mlflow_tracking_uri": laptop.settings.mlflow_tracking_uri}
    server = Platform(tmp_path / "server", instance, stores=urls, parking=parking)
    expected, tables = run_everything(laptop), run_everything(server)
    assert not (tmp_path / "server").exists()
    assert set(tables["forecasts"]["model_version"]) == {1}
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, expected[name], check_exact=True, obj=name)
    assert len(tables["forecast_accuracy"]) == 17 * 23
    landed = [list(of.stores.landing(DOMAIN, "snapshots").names(snapshot_names(DONOSTIA).series)) for of in (laptop, server)]
    assert landed[0] == landed[1]
    assert len(landed[0]) > 40
