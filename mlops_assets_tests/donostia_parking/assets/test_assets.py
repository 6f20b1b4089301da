"""The whole graph on three weeks of a simulated city: what a person sees after the jobs have run."""

from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.contracts import CAR_PARKS, CITY_TOTAL_ID, HOURLY_FREE, READINGS, REJECTED_READINGS
from mlops_assets.donostia_parking.days import issued_at
from mlops_assets.donostia_parking.model_contracts import (
    FORECAST_ACCURACY,
    FORECAST_CHAMPION,
    FORECAST_METRICS,
    FORECASTS,
    TRAINING_WINDOW,
)
from mlops_assets.donostia_parking.sources.landing import snapshot_names
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import LakeAddress
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.kills import bytes_of
from mlops_assets_tests.platforms import QUICK_FORECASTS, Platform, failed_checks, recorded_snapshots, with_registry

MODEL = "donostia_parking.forecast_model"
FIRST, MODEL_DAY, LAST = "2022-03-13", "2022-04-01", "2022-04-02"
DAYS = [day.strftime("%Y-%m-%d") for day in pd.date_range(FIRST, LAST)]
DAILY_LAKE_TABLES = ("readings", "rejected_readings", "car_park_sightings", "hourly_free")
SNAPSHOTS = recorded_snapshots("2022-03-12T23:00", "2022-04-02T22:00")
# Its feed never freezes in these weeks, and has a web page, empty lists and missing fields in them.
SEED = 34


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Platform]:
    """Three weeks landed and read in one run, a model trained for a day, forecasts issued on that day and the next."""
    folder = with_registry(tmp_path_factory.mktemp("platform"), mlflow_database)
    with dg.DagsterInstance.ephemeral() as instance:
        parking = {"sample_seed": SEED, "sample_as_of": utc("2022-05-01")}
        small = Platform(folder, instance, parking=parking)
        small.run("read_donostia_parking", days=(FIRST, LAST), ops=SNAPSHOTS)
        small.run("train_forecast_model", day=MODEL_DAY, ops=QUICK_FORECASTS)
        for day in (MODEL_DAY, LAST):
            small.run("forecast_donostia_parking", day=day)
        yield small


def of_day(platform: Platform, contract: Any, day: str) -> pd.DataFrame:
    return read_partition(platform.stores.lake(DOMAIN), contract, Partition("day", day))


def test_one_run_reads_a_range_of_days(platform: Platform) -> None:
    """Three weeks in one run leave a partition per day and table, each with its own row count."""
    for asset in DAILY_LAKE_TABLES:
        assert sorted(platform.instance.get_materialized_partitions(dg.AssetKey([DOMAIN, asset]))) == DAYS
    for day in DAYS:
        assert platform.metadata("readings", day, domain=DOMAIN)["dagster/row_count"] == len(of_day(platform, READINGS, day))
    assert len({platform.metadata("readings", day, domain=DOMAIN)["dagster/row_count"] for day in DAYS}) > 1


def test_landing_twice_lands_once(platform: Platform) -> None:
    """The same recording has the same names, so nothing is written again."""
    first = platform.metadata("snapshots", domain=DOMAIN)
    before = list(platform.stores.landing(DOMAIN, "snapshots").names(snapshot_names(DONOSTIA).series))
    assert (first["new_count"], first["known_count"]) == (len(before), 0)
    platform.materialize("snapshots", domain=DOMAIN, ops=SNAPSHOTS)
    again = platform.metadata("snapshots", domain=DOMAIN)
    assert (again["new_count"], again["known_count"]) == (0, len(before))
    assert list(platform.stores.landing(DOMAIN, "snapshots").names(snapshot_names(DONOSTIA).series)) == before
    assert "seed 34" in again["source"]


def test_rejects_are_kept_with_reason_and_text(platform: Platform) -> None:
    """A web page, empty lists and missing fields: each with its text, and with the object it came from."""
    rejects = pd.concat([of_day(platform, REJECTED_READINGS, day) for day in DAYS])
    assert set(rejects["reason_code"]) == {"malformed_snapshot", "empty_snapshot", "missing_value"}
    landed = set(platform.stores.landing(DOMAIN, "snapshots").names(snapshot_names(DONOSTIA).series))
    assert set(rejects["source_name"]) <= landed
    page = rejects[rejects["reason_code"] == "malformed_snapshot"].iloc[0]
    assert page["raw_text"].startswith("<!DOCTYPE html>")
    assert rejects["reason"].str.len().min() > 10


def test_car_parks_have_versions(platform: Platform) -> None:
    """A new sponsor's name begins a version; what did not change has one. Reading a day again keeps the others."""
    versions = platform.stores.lake(DOMAIN).read(LakeAddress((DOMAIN, CAR_PARKS.name))).to_pandas()
    stadium = versions[versions["car_park_name"].str.startswith("Estadio")]
    assert stadium["car_park_name"].tolist() == ["Estadio", "Estadio Itsaso"]
    assert stadium["valid_to_at"].iloc[0] == stadium["valid_from_at"].iloc[1] >= utc("2022-03-31 22:00")
    assert stadium["is_current"].tolist() == [False, True]
    assert (len(versions), versions["car_park_id"].nunique()) == (17, 16)
    metadata = platform.metadata("car_parks", domain=DOMAIN)
    assert (metadata["car_park_count"], metadata["version_count"]) == (16, 17)


def test_days_have_their_hours(platform: Platform) -> None:
    """16 car parks and the city, in each of 24 hours; 23 on the Sunday when clocks go forward."""
    for day in DAYS:
        hourly = of_day(platform, HOURLY_FREE, day)
        hours = hourly.groupby("car_park_id")["hour_at"].nunique()
        assert len(hours) == 17
        assert set(hours) == {23 if day == "2022-03-27" else 24}
    sunday = of_day(platform, HOURLY_FREE, "2022-03-27")
    city = sunday[sunday["is_city_total"]]
    assert city["local_hour"].tolist() == [0, 1, *range(3, 24)]
    summed = sunday[~sunday["is_city_total"]].groupby("hour_at")["free_spaces"].sum()
    assert city["free_spaces"].tolist() == summed.tolist()


def test_training_window_ends_with_the_day(platform: Platform) -> None:
    """All that is known, up to the last hour of the day, and nothing of the next."""
    window = of_day(platform, TRAINING_WINDOW, MODEL_DAY)
    end = DONOSTIA.day(MODEL_DAY).end
    assert (window["hour_at"].min(), window["hour_at"].max()) == (DONOSTIA.day(FIRST).start, end - pd.Timedelta("1h"))
    assert platform.metadata("training_window", MODEL_DAY, domain=DOMAIN)["last_hour_at"] == "2022-04-01 21:00:00+00:00"


def test_first_model_becomes_champion(platform: Platform) -> None:
    """The decision, its evidence and the registry agree."""
    decision = platform.table(FORECAST_CHAMPION).iloc[0]
    champion = platform.stores.models().version_by_alias(MODEL, "champion")
    assert champion is not None
    assert (champion.version, champion.partition) == (decision["challenger_version"], MODEL_DAY)
    assert champion.training_end_at == DONOSTIA.day(MODEL_DAY).end
    assert decision["decision"] == "promote_first"
    assert decision["mae_spaces"] < decision["seasonal_naive_mae_spaces"]
    metrics = platform.table(FORECAST_METRICS)
    overall = metrics[(metrics["car_park_id"] == CITY_TOTAL_ID) & (metrics["horizon_hours"] == 0)].iloc[0]
    assert overall["mae_spaces"] == decision["mae_spaces"]
    assert (overall["model_version"], overall["model_run_id"]) == (champion.version, champion.run_id)


def test_forecasts_are_about_hours_to_come(platform: Platform) -> None:
    """The 24 hours after the day, for every car park and the city, by the champion."""
    champion = platform.stores.models().version_by_alias(MODEL, "champion")
    assert champion is not None
    forecasts = platform.table(FORECASTS)
    assert sorted(set(forecasts["issue_date"])) == [date(2022, 4, 1), date(2022, 4, 2)]
    for day in (MODEL_DAY, LAST):
        rows = forecasts[forecasts["issue_date"] == date.fromisoformat(day)]
        end = DONOSTIA.day(day).end
        assert set(rows["created_at"]) == {end}
        assert rows.groupby("car_park_id").size().to_dict() == dict.fromkeys(rows["car_park_id"], 24)
        assert ((rows["hour_at"] - end) / pd.Timedelta("1h") + 1).tolist() == rows["horizon_hours"].tolist()
        assert rows["car_park_id"].nunique() == 17
        assert rows["is_city_total"].sum() == 24
    assert set(forecasts["model_version"]) == {champion.version}
    assert set(forecasts["model_run_id"]) == {champion.run_id}


def test_forecasts_are_possible_and_their_intervals_nested(platform: Platform) -> None:
    """Nothing below no places or above all, the narrow interval in the wide one, the forecast in both."""
    forecasts = platform.table(FORECASTS)
    ends = forecasts[["low_95_spaces", "low_80_spaces", "forecast_spaces", "high_80_spaces", "high_95_spaces"]]
    assert (ends["low_95_spaces"] >= 0).all()
    assert (ends["high_95_spaces"] <= forecasts["capacity"]).all()
    assert (ends.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert set(forecasts["method"]) <= {"seasonal_naive", "hour_of_day_mean", "seasonal_profile"}


def test_accuracy_compares_forecasts_with_what_happened(platform: Platform) -> None:
    """Yesterday's forecasts beside today's hours; on the first day there is nothing to compare."""
    accuracy, forecasts = platform.table(FORECAST_ACCURACY), platform.table(FORECASTS)
    assert set(accuracy["local_date"]) == {date(2022, 4, 2)}
    assert set(accuracy["issue_date"]) == {date(2022, 4, 1)}
    hourly = of_day(platform, HOURLY_FREE, LAST)
    keys = ["car_park_id", "hour_at"]
    happened = hourly.set_index(keys)["free_spaces"].astype("float64").where(~hourly.set_index(keys)["is_filled"])
    expected = forecasts[forecasts["issue_date"] == date(2022, 4, 1)].set_index(keys)["forecast_spaces"]
    rows = accuracy.set_index(keys)
    of_car_parks = rows[~rows["is_city_total"]].index
    pd.testing.assert_series_equal(
        rows.loc[of_car_parks, "error_spaces"], (expected - happened)[of_car_parks], check_names=False, check_dtype=False
    )
    assert len(rows) == 17 * 24
    assert 0.5 < rows["is_within_80"].mean() < rows["is_within_95"].mean()


def test_accuracy_says_whether_to_train(platform: Platform) -> None:
    """The retraining sensor reads these; on a day like those before there is no reason."""
    metadata = platform.metadata("forecast_accuracy", LAST, domain=DOMAIN)
    assert metadata["is_retraining_due"] is False
    assert metadata["reasons"] == ""
    assert "city_total" in metadata["by_car_park"]
    assert "expected_mae_spaces" in metadata["by_car_park"]


def test_assets_show_plots_methods_and_links(platform: Platform) -> None:
    """What the UI shows: pictures to look at, which methods spoke, and where model and run are."""
    metrics = platform.metadata("forecast_metrics", MODEL_DAY, domain=DOMAIN)
    forecasts = platform.metadata("forecasts", MODEL_DAY, domain=DOMAIN)
    for name, metadata in (("skill_by_horizon", metrics), ("city_forecast", forecasts)):
        assert metadata[name].startswith(f"![{name}](data:image/png;base64,")
        assert "#/experiments/" in metadata["mlflow_run"]
        assert metadata["model_version"] == 1
    assert "seasonal_profile" in forecasts["methods"]
    assert forecasts["created_at"] == "2022-04-01T22:00:00+00:00"
    assert metrics["city_mae_spaces"] > 0
    candidates = platform.metadata("forecast_model", MODEL_DAY, domain=DOMAIN)["candidates"]
    assert all(name in candidates for name in ("seasonal_naive", "hour_of_day_mean", "seasonal_profile"))


def test_second_materialization_changes_nothing(platform: Platform) -> None:
    """A day read alone gives the bytes that the range gave; model, forecasts and accuracy are the same rows of the same version."""
    tables = (FORECAST_METRICS, FORECAST_CHAMPION, FORECASTS, FORECAST_ACCURACY)
    folder = platform.settings.data_dir
    before, rows = bytes_of(folder), [platform.table(table) for table in tables]
    result = platform.materialize(*DAILY_LAKE_TABLES, domain=DOMAIN, day=LAST)
    assert failed_checks(result) == []
    platform.run("train_forecast_model", day=MODEL_DAY, ops=QUICK_FORECASTS)
    platform.run("forecast_donostia_parking", day=LAST)
    assert bytes_of(folder) == before
    for table, expected in zip(tables, rows, strict=True):
        pd.testing.assert_frame_equal(platform.table(table), expected)
    assert [version.version for version in platform.stores.models().versions(MODEL)] == [1]
    assert platform.metadata("hourly_free", LAST, domain=DOMAIN)["feed_health"].startswith("![feed_health](data:image/png;base64,")


def test_newer_model_takes_charge_until_it_is_rolled_back(platform: Platform) -> None:
    """The next day's model replaces the champion, forecasts of the day before stay with theirs, and a rollback restores it."""
    registry = platform.stores.models()
    platform.run("train_forecast_model", day=LAST, ops=QUICK_FORECASTS)
    decision = platform.table(FORECAST_CHAMPION).set_index("challenger_version").loc[2]
    assert (decision["decision"], decision["champion_version"]) == ("promote", 1)
    assert "It has seen newer days than version 1" in decision["reason"]
    for day in (MODEL_DAY, LAST):
        platform.run("forecast_donostia_parking", day=day)
    forecasts = platform.table(FORECASTS)
    assert forecasts.groupby("issue_date")["model_version"].unique().map(list).to_dict() == {
        date(2022, 4, 1): [1],
        date(2022, 4, 2): [2],
    }
    platform.run("rollback_donostia_parking_forecast_model")
    restored = registry.version_by_alias(MODEL, "champion")
    assert restored is not None
    assert restored.version == 1


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2022-04-01 13:59:59", "2022-04-01 13:00"),
        ("2022-04-01 21:59:59", "2022-04-01 21:00"),
        ("2022-04-01 22:07", "2022-04-01 22:00"),
        ("2022-05-01", "2022-04-01 22:00"),
    ],
)
def test_forecasts_are_issued_at_the_last_full_hour_or_the_end_of_the_day(now: str, expected: str) -> None:
    """A day of Donostia in summer ends at 22:00 UTC."""
    assert issued_at(DONOSTIA.day(MODEL_DAY), utc(now)) == datetime.fromisoformat(expected).replace(tzinfo=timezone.utc)


def test_recording_of_another_city_has_the_days_of_its_clocks(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """What somebody recorded in Birmingham lands line by line; its day begins at midnight in London, 23:00 UTC in autumn."""
    (tmp_path / "birmingham.csv").write_text(
        "SystemCodeNumber,Capacity,Occupancy,LastUpdated\n"
        "Bull Ring,3053,61,2016-10-04 07:59:42\n"
        "Bull Ring,3053,64,2016-10-04 08:25:42\n"
    )
    parking = {"source": "export", "city": "birmingham", "export_path": tmp_path / "birmingham.csv"}
    platform = Platform(tmp_path / "data", instance, parking=parking)
    everything = {"donostia_parking__snapshots": {"config": {"mode": "replay"}}}
    assert failed_checks(platform.run("read_donostia_parking", day="2016-10-04", ops=everything)) == []
    readings, hourly = of_day(platform, READINGS, "2016-10-04"), of_day(platform, HOURLY_FREE, "2016-10-04")
    assert readings["free_spaces"].tolist() == [3053 - 61, 3053 - 64]
    assert set(hourly["city_code"]) == {"birmingham"}
    assert hourly["hour_at"].min() == utc("2016-10-03 23:00")
    assert platform.metadata("snapshots", domain=DOMAIN)["new_count"] == 2


def test_assets_declare_what_they_read(platform: Platform) -> None:
    """The graph shows where each asset's rows come from: nothing is read from a store without being depended on."""
    stores = platform.watched_stores
    assert stores.read_by("donostia_parking__forecast_accuracy") == {"forecast_metrics", "forecast_model"}
    assert stores.read_by("readings") == {"snapshots"}
    assert "forecast_model" in stores.read_by("donostia_parking__forecasts")
    assert stores.hidden_reads({"forecast_model": "forecast_champion"}) == set()
