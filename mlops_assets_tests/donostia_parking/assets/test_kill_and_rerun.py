"""A run that is killed while it lands, reads or forecasts, and is run again, leaves what an undisturbed run leaves."""

import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECASTS
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.kills import FSYNC, IN_TRANSACTION, bytes_of, kill_stage
from mlops_assets_tests.platforms import QUICK_FORECASTS, Platform, recorded_snapshots, with_registry

FIRST, LAST = "2022-03-01", "2022-03-02"
SNAPSHOTS = recorded_snapshots("2022-02-26T23:00", "2022-03-02T23:00")


def run_stage(stage: str, folder: Path) -> None:
    """Land four days, compact them, read the last two, train a model of the first of these, or forecast, on stores in `folder`."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(folder, instance, parking={"sample_as_of": utc("2022-04-01")})
        if stage == "land":
            platform.materialize("snapshots", domain=DOMAIN, ops=SNAPSHOTS)
        elif stage == "compact":
            platform.run("compact_donostia_parking")
        elif stage == "read":
            tables = ("readings", "rejected_readings", "car_park_sightings", "hourly_free")
            platform.materialize(*tables, domain=DOMAIN, days=(FIRST, LAST))
        elif stage == "train":
            platform.run("train_forecast_model", day=FIRST, ops=QUICK_FORECASTS)
        else:
            for day in (FIRST, LAST):
                platform.run("forecast_donostia_parking", day=day)


def rows_of(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables that forecasting writes."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(folder, instance)
        return {contract.name: platform.table(contract) for contract in (FORECASTS, FORECAST_ACCURACY)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Path:
    """Give a folder in which two days were landed and read."""
    folder = with_registry(tmp_path_factory.mktemp("undisturbed"), mlflow_database)
    run_stage("land", folder)
    run_stage("read", folder)
    return folder


def test_landing_and_reading_are_finished_by_doing_them_again(tmp_path: Path, undisturbed: Path) -> None:
    """Killed when a temporary file is written but has not got its name; the same bytes in the end, and no file besides."""
    kill_stage(__name__, "land", tmp_path, FSYNC, 20)
    assert 0 < len(bytes_of(tmp_path)) < 48
    run_stage("land", tmp_path)
    kill_stage(__name__, "read", tmp_path, FSYNC, 4)
    run_stage("read", tmp_path)
    assert bytes_of(tmp_path) == bytes_of(undisturbed)


def test_compacted_snapshots_give_the_same_tables(tmp_path: Path, undisturbed: Path) -> None:
    """Compaction that was killed among the removals and done again leaves an object per day, and readings are the same bytes."""
    shutil.copytree(undisturbed / "lake", tmp_path / "lake")
    kill_stage(__name__, "compact", tmp_path, "mlops_assets.stores.objects.files.FileStorage.delete", 10)
    run_stage("compact", tmp_path)
    run_stage("read", tmp_path)
    before, after = (
        {path: digest for path, digest in bytes_of(folder).items() if "/snapshots/" not in path}
        for folder in (undisturbed, tmp_path)
    )
    assert after == before
    assert len(bytes_of(tmp_path)) - len(after) == len(
        {name.split("/")[3] for name in bytes_of(undisturbed) if "/snapshots/" in name}
    )


def test_killed_forecast_is_finished_by_doing_it_again(tmp_path: Path, undisturbed: Path) -> None:
    """Killed in the middle of the transaction there are no rows; done again, none is missing or there twice."""
    run_stage("train", undisturbed)
    # The same model for both: whether trainings are the same is for other tests.
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    run_stage("forecast", undisturbed)
    kill_stage(__name__, "forecast", tmp_path, IN_TRANSACTION, 1)
    assert rows_of(tmp_path)[FORECASTS.name].empty
    run_stage("forecast", tmp_path)
    expected = rows_of(undisturbed)
    assert len(expected[FORECAST_ACCURACY.name]) > 0
    for name, rows in rows_of(tmp_path).items():
        pd.testing.assert_frame_equal(rows, expected[name])
