"""The graph on a feed in trouble: stale, silent, new, and on the day when clocks go back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.contracts import (
    CAR_PARK_SIGHTINGS,
    CITY_TOTAL_ID,
    HOURLY_FREE,
    READINGS,
    REJECTED_READINGS,
)
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_CHAMPION, FORECAST_METRICS, FORECASTS
from mlops_assets.errors import MissingModelError, MissingPartitionError, NotEnoughDataError, SettingsError
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.platforms import QUICK_FORECASTS, Platform, failed_checks, recorded_snapshots, with_registry

MODEL = "donostia_parking.forecast_model"
FROZEN_DAY = "2022-05-12"
NOTHING = recorded_snapshots("2021-01-01", "2021-01-02")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Platform]:
    """A model of the feed's first day, four months of silence, and a week in May whose feed went stale on Wednesday morning."""
    folder = with_registry(tmp_path_factory.mktemp("platform"), mlflow_database)
    with dg.DagsterInstance.ephemeral() as instance:
        small = Platform(folder, instance, parking={"sample_as_of": utc("2022-11-05")})
        small.run("read_donostia_parking", day="2022-01-01", ops=recorded_snapshots("2022-01-01", "2022-01-01T23:00"))
        small.run("train_forecast_model", day="2022-01-01")
        week = recorded_snapshots("2022-05-05T22:00Z", "2022-05-13T22:00Z")
        small.run("read_donostia_parking", days=("2022-05-06", "2022-05-14"), ops=week)
        yield small


def of_day(platform: Platform, contract: Any, day: str) -> pd.DataFrame:
    return read_partition(platform.stores.lake(DOMAIN), contract, Partition("day", day))


def forecasts_of(platform: Platform, day: str) -> pd.DataFrame:
    return platform.stores.warehouse(DOMAIN).read(FORECASTS, [Partition("day", day)])


def versions(platform: Platform) -> set[int]:
    return {version.version for version in platform.stores.models().versions(MODEL)}


@pytest.mark.parametrize(("day", "hours"), [("2022-01-01", 23), ("2022-08-11", 24)])
def test_first_day_of_a_feed_is_enough_for_a_model(platform: Platform, day: str, hours: int) -> None:
    """Its methods count the same, it says why, and forecasts every car park."""
    if hours == 24:
        whole_day = DONOSTIA.day(day)
        snapshots = recorded_snapshots(whole_day.start.isoformat(), whole_day.end.isoformat())
        platform.run("read_donostia_parking", day=day, ops=snapshots)
        platform.run("train_forecast_model", day=day)
    metrics = platform.stores.warehouse(DOMAIN).read(FORECAST_METRICS, [Partition("day", day)])
    city = metrics[metrics["car_park_id"] == CITY_TOTAL_ID].iloc[0]
    assert (city["training_point_count"], city["method"]) == (hours, "weighted_mean")
    assert "so weighted_mean is kept" in city["model_description"]
    platform.run("forecast_donostia_parking", day=day)
    forecasts = forecasts_of(platform, day)
    assert len(forecasts) == 24 * metrics["car_park_id"].nunique()
    assert forecasts["forecast_spaces"].notna().all()


def test_hours_of_a_frozen_feed_are_flagged(platform: Platform) -> None:
    """The check warns and does not stop the run: the readings are what the feed said."""
    result = platform.materialize("hourly_free", domain=DOMAIN, day=FROZEN_DAY)
    assert result.success
    [evaluation] = [check for check in result.get_asset_check_evaluations() if check.check_name == "feed_is_not_stale"]
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert evaluation.description == "2022-05-12: 23 of 24 hours from a stale feed, 1 without a value"
    alive = platform.materialize("hourly_free", domain=DOMAIN, day="2022-05-10")
    assert failed_checks(alive) == []


def test_no_model_learns_from_a_frozen_feed(platform: Platform) -> None:
    """The training is stopped before there is a version, and the old champion goes on forecasting."""
    before = versions(platform)
    result = platform.run("train_forecast_model", day=FROZEN_DAY, ops=QUICK_FORECASTS, raise_on_error=False)
    assert not result.success
    assert failed_checks(result) == ["donostia_parking/training_window:feed_is_fresh"]
    assert versions(platform) == before
    platform.run("forecast_donostia_parking", day=FROZEN_DAY)
    forecasts = forecasts_of(platform, FROZEN_DAY)
    assert set(forecasts["model_version"]) == {1}
    assert forecasts["forecast_spaces"].notna().all()


def test_model_worse_than_the_day_before_does_not_take_charge(platform: Platform) -> None:
    """Five days teach these candidates less than repeating one; the gate says so with both figures."""
    result = platform.run("train_forecast_model", day="2022-05-10", ops=QUICK_FORECASTS, raise_on_error=False)
    assert failed_checks(result) == ["donostia_parking/forecast_metrics:passes_quality_gate"]
    platform.materialize("forecast_champion", domain=DOMAIN)
    version = platform.stores.models().version_for_partition(MODEL, "2022-05-10")
    assert version is not None
    decision = platform.table(FORECAST_CHAMPION).set_index("challenger_version").loc[version.version]
    assert decision["decision"] == "rejected_by_gate"
    assert decision["mae_spaces"] > decision["seasonal_naive_mae_spaces"]
    assert "champion" not in version.aliases


def test_day_without_snapshots_is_empty(platform: Platform) -> None:
    """No rows, and no failure: a day of silence happened, too."""
    result = platform.run("read_donostia_parking", day="2022-09-20", ops=NOTHING)
    assert failed_checks(result) == []
    for contract in (READINGS, REJECTED_READINGS, CAR_PARK_SIGHTINGS, HOURLY_FREE):
        table = of_day(platform, contract, "2022-09-20")
        assert table.empty
        assert list(table.columns) == contract.column_names


def test_first_silent_day_has_hours_without_values(platform: Platform) -> None:
    """Car parks of the day before are still expected, and their hours say that nothing was read."""
    hourly = of_day(platform, HOURLY_FREE, "2022-05-14")
    assert of_day(platform, READINGS, "2022-05-14").empty
    later = hourly[hourly["hour_at"] >= utc("2022-05-14 02:00")]
    assert len(later) == 17 * 20
    assert later["free_spaces"].isna().all()
    assert not later["is_complete"].any()


def test_eight_silent_weeks_leave_nothing_to_forecast_from(platform: Platform) -> None:
    """Neither a model nor a forecast is made of nothing, and the errors name the day."""
    platform.run("read_donostia_parking", day="2022-07-20", ops=NOTHING)
    with pytest.raises(NotEnoughDataError, match=r"forecasts, day 2022-07-20: there are no rows to forecast from; materialize"):
        platform.run("forecast_donostia_parking", day="2022-07-20")
    with pytest.raises(NotEnoughDataError, match=r"training_window, day 2022-07-20: there is no hour from 2022-05-25 22:00"):
        platform.run("train_forecast_model", day="2022-07-20")


def test_where_nothing_is_known_nothing_is_forecast(platform: Platform) -> None:
    """Of eight weeks only the first day was looked at, in vain: forecasts are empty and say so, and no model is trained."""
    platform.materialize("forecasts", domain=DOMAIN, day="2022-07-08")
    forecasts = forecasts_of(platform, "2022-07-08")
    assert len(forecasts) == 17 * 24
    assert set(forecasts["method"]) == {"none"}
    assert forecasts[["forecast_spaces", "low_95_spaces", "high_80_spaces"]].isna().all(axis=None)
    result = platform.run("train_forecast_model", day="2022-07-08", raise_on_error=False)
    assert failed_checks(result) == ["donostia_parking/training_window:feed_is_fresh"]


def test_day_of_25_hours(platform: Platform) -> None:
    """When clocks go back every series has the hour from two to three twice, and forecasts count hours as they pass."""
    start = DONOSTIA.day("2022-10-29").start
    snapshots = recorded_snapshots(start.isoformat(), DONOSTIA.day("2022-10-30").end.isoformat())
    platform.run("read_donostia_parking", days=("2022-10-29", "2022-10-30"), ops=snapshots)
    hourly = of_day(platform, HOURLY_FREE, "2022-10-30")
    assert set(hourly.groupby("car_park_id").size()) == {25}
    assert hourly[hourly["is_city_total"]]["local_hour"].tolist() == [0, 1, 2, 2, *range(3, 24)]
    for day in ("2022-10-29", "2022-10-30"):
        platform.run("forecast_donostia_parking", day=day)
    issued = forecasts_of(platform, "2022-10-29")
    assert issued["hour_at"].max() - issued["hour_at"].min() == pd.Timedelta("23h")
    compared = platform.stores.warehouse(DOMAIN).read(FORECAST_ACCURACY, [Partition("day", "2022-10-30")])
    assert set(compared.groupby("car_park_id").size()) == {24}
    assert compared["actual_spaces"].notna().mean() > 0.9


def test_forecast_without_a_champion_names_the_model(platform: Platform) -> None:
    """No model may speak about days that it has learned from."""
    with pytest.raises(MissingModelError, match=r"forecast_model has no champion whose training ended by 2021-12-31 23:00 UTC"):
        platform.run("forecast_donostia_parking", day="2021-12-31")


def test_hours_need_the_readings_of_their_day(platform: Platform) -> None:
    """A day that nobody has read is not taken for a silent one."""
    with pytest.raises(MissingPartitionError, match=r"hourly_free, day 2022-05-15 is made from the day's readings; materialize"):
        platform.materialize("hourly_free", domain=DOMAIN, day="2022-05-15")


@pytest.mark.parametrize("text", ["yesterday", "2022-02-30"])
def test_unreadable_moment_is_refused(tmp_path: Path, instance: dg.DagsterInstance, text: str) -> None:
    """The error shows how a moment is written."""
    with pytest.raises(SettingsError, match=rf"^'{text}' is not a moment; write it like 2022-03-27"):
        Platform(tmp_path, instance).materialize("snapshots", domain=DOMAIN, ops=recorded_snapshots(text, "2022-03-27"))


@pytest.mark.parametrize("config", [{"every_seconds": 0}, {"poll_seconds": -1}])
def test_impossible_burst_is_refused(tmp_path: Path, instance: dg.DagsterInstance, config: dict[str, float]) -> None:
    """The error names the setting."""
    ops = {"donostia_parking__snapshots": {"config": config}}
    with pytest.raises(SettingsError, match=next(iter(config))):
        Platform(tmp_path, instance).materialize("snapshots", domain=DOMAIN, ops=ops)
