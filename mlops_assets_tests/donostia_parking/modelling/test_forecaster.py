"""The bundle turns recent rows into forecasts: in the future, within what a car park holds, with nested intervals."""

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECASTS, MODEL_INPUT
from mlops_assets.donostia_parking.modelling.forecaster import NO_METHOD, CarParkForecaster
from mlops_assets.donostia_parking.modelling.training import train_forecast_model
from mlops_assets.errors import ContractError, NotEnoughDataError, PermanentError
from mlops_assets.ml.bundle import Bundle
from mlops_assets_tests.donostia_parking.former_release import write_former_bundle
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, ZONE, conformed, hourly_rows
from mlops_assets_tests.donostia_parking.snapshots import require_contract
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, without

NAN = float("nan")
DAYS = 28
END = FIRST_HOUR.to_pydatetime() + timedelta(days=DAYS)


@lru_cache(maxsize=1)
def rows() -> pd.DataFrame:
    """Return four weeks of a lively car park, a dead one, and one that is always nearly full and nearly empty in turn."""
    extreme = np.tile([2.0] * 12 + [398.0] * 12, DAYS)
    return hourly_rows(a=busy_weekends(DAYS, noise=10), dead=np.zeros(DAYS * 24), extreme=extreme, total=400)


@lru_cache(maxsize=1)
def bundle() -> Bundle[CarParkForecaster]:
    names = ["seasonal_profile", "profile_regression"]
    return train_forecast_model(rows(), time_zone=ZONE, end_at=END, names=names).bundle


def forecast_from(recent: pd.DataFrame, created_at: datetime) -> pd.DataFrame:
    return bundle().predict(recent, created_at=created_at)


def of(car_park: str, forecast: pd.DataFrame) -> pd.DataFrame:
    return forecast[forecast["car_park_id"] == car_park].reset_index(drop=True)


def width(forecast: pd.DataFrame, level: int) -> pd.Series:
    return forecast[f"high_{level}_spaces"] - forecast[f"low_{level}_spaces"]


def test_forecast_keeps_its_contract() -> None:
    """With what the asset adds: the day of the issue and the model."""
    forecast = forecast_from(rows(), END).assign(issue_date=date(2022, 1, 30), model_version=1, model_run_id="run")
    require_contract(forecast[FORECASTS.column_names], FORECASTS)
    assert forecast.groupby("car_park_id").size().to_dict() == {"a": 24, "dead": 24, "extreme": 24, CITY_TOTAL_ID: 24}
    assert of(CITY_TOTAL_ID, forecast)["is_city_total"].all()
    assert of("a", forecast)["method"].unique().tolist() == ["profile_regression"]


@pytest.mark.parametrize(("minutes", "first_hour"), [(0, 0), (1, 1), (59, 1), (60, 1)])
def test_forecast_is_about_hours_to_come(minutes: int, first_hour: int) -> None:
    """The first one begins when or after the forecast is made, not a moment before."""
    created_at = END + timedelta(minutes=minutes)
    forecast = of("a", forecast_from(rows(), created_at))
    assert (forecast["hour_at"] >= created_at).all()
    assert forecast["hour_at"].tolist() == list(pd.date_range(END + timedelta(hours=first_hour), periods=24, freq="h"))
    assert forecast["horizon_hours"].tolist() == list(range(1, 25))
    assert (forecast["created_at"] == created_at).all()


def test_later_rows_never_change_a_forecast() -> None:
    """What happened from the moment of the forecast on is not looked at."""
    created_at = END - timedelta(days=3)
    is_later = (rows()["hour_at"] >= created_at).to_numpy()
    changed = conformed(rows(), free_spaces=rows()["free_spaces"].where(~is_later, 399))
    before, after = forecast_from(rows(), created_at), forecast_from(changed, created_at)
    pd.testing.assert_frame_equal(before, after)
    assert not before.equals(forecast_from(changed, END))


def test_forecast_stays_within_the_car_park() -> None:
    """And so do both intervals, at both ends."""
    forecast = forecast_from(rows(), END)
    columns = ["forecast_spaces", "low_80_spaces", "high_80_spaces", "low_95_spaces", "high_95_spaces"]
    assert (forecast[columns].to_numpy() >= 0).all()
    assert (forecast[columns].le(forecast["capacity"].astype(float), axis=0)).all(axis=None)
    small = conformed(rows(), capacity=250)
    assert of("a", forecast_from(small, END))[columns].to_numpy().max() == 250


def test_intervals_nest() -> None:
    """The wider one holds the narrower one, which holds the forecast."""
    forecast = forecast_from(rows(), END)
    ends = forecast[["low_95_spaces", "low_80_spaces", "forecast_spaces", "high_80_spaces", "high_95_spaces"]].to_numpy()
    assert (np.diff(ends, axis=1) >= 0).all()
    assert width(of("a", forecast), 95).gt(width(of("a", forecast), 80)).all()


def test_dead_car_park_is_known_exactly() -> None:
    """It has been 0 for four weeks."""
    forecast = of("dead", forecast_from(rows(), END))
    assert forecast[["forecast_spaces", "low_95_spaces", "high_95_spaces"]].eq(0).all(axis=None)


def test_forecast_follows_what_was_seen_last() -> None:
    """A car park that is unusually empty is expected to stay so for some hours, and not for ever."""
    last = (rows()["hour_at"] == END - timedelta(hours=1)).to_numpy()
    fuller = conformed(rows(), free_spaces=rows()["free_spaces"].where(~last, 0))
    before, after = (of("a", forecast_from(recent, END))["forecast_spaces"] for recent in (rows(), fuller))
    difference = before - after
    assert difference[0] > 50
    assert abs(difference[22]) < 0.5 * difference[0]


def test_silence_widens_the_intervals() -> None:
    """The hours of a feed that went stale six hours ago do not count, and forecasts know less."""
    recent = (rows()["hour_at"] >= END - timedelta(hours=6)).to_numpy()
    silent = of("a", forecast_from(conformed(rows(), is_stale=recent), END))
    fresh = of("a", forecast_from(rows(), END))
    assert silent["forecast_spaces"].notna().all()
    assert width(silent, 80)[0] > width(fresh, 80)[0]


def test_after_a_day_of_silence_anything_is_possible() -> None:
    """The forecast is what is usual, and the interval the whole car park."""
    recent = (rows()["hour_at"] >= END - timedelta(hours=24)).to_numpy()
    forecast = of("a", forecast_from(conformed(rows(), is_stale=recent), END))
    assert forecast["low_80_spaces"].eq(0).all()
    assert forecast["high_80_spaces"].eq(400).all()


def test_car_park_that_appears_today_is_forecast_by_fallbacks() -> None:
    """The method says so, and nobody claims to know how far off it is."""
    new = hourly_rows(FIRST_HOUR + pd.Timedelta(days=DAYS - 1), a=without(np.full(24, 40.0), slice(0, 21)), total=None)
    new = new[new["car_park_id"] == "a"].assign(car_park_id="new")
    forecast = of("new", forecast_from(pd.concat([rows(), new], ignore_index=True), END))
    assert forecast["method"].tolist() == ["seasonal_profile"] * 21 + ["seasonal_naive"] * 3
    assert forecast["forecast_spaces"].to_numpy() == pytest.approx(40)
    assert forecast["low_80_spaces"].eq(0).all()
    assert forecast["high_80_spaces"].isna().all()


def test_car_park_of_which_nothing_is_known_has_rows_without_forecast() -> None:
    """It is not left out silently."""
    unknown = conformed(rows(), is_stale=(rows()["car_park_id"] == "dead").to_numpy())
    forecast = of("dead", forecast_from(unknown, END))
    assert (forecast["method"] == NO_METHOD).all()
    assert forecast["forecast_spaces"].isna().all()
    assert forecast["low_80_spaces"].isna().all()


def test_unknown_places_leave_the_upper_end_open() -> None:
    """Historical files do not say how many places there are; intervals from errors are known all the same."""
    forecast = forecast_from(conformed(rows(), capacity=pd.array([None] * len(rows()), dtype="Int32")), END)
    assert forecast["capacity"].isna().all()
    assert of("a", forecast)["high_95_spaces"].notna().all()


def test_few_recent_rows_do() -> None:
    """A day of rows gives forecasts, if worse ones."""
    recent = rows()[rows()["hour_at"] >= END - timedelta(days=1)]
    forecast = forecast_from(recent, END)
    assert forecast["forecast_spaces"].notna().all()


def test_day_of_the_clock_change_has_23_hours_and_a_forecast() -> None:
    """On 27 March 2022 two o'clock is missing in Donostia; hours are counted in UTC, and what is usual goes by the clocks."""
    first = pd.Timestamp("2022-02-27 23:00", tz="UTC")
    by_clock = np.tile([10.0] * 8 + [200.0] * 16, 27)
    spring = hourly_rows(first, a=by_clock)
    created_at = datetime(2022, 3, 26, 23, tzinfo=timezone.utc)
    forecast = of("a", forecast_from(spring, created_at))
    local = forecast["hour_at"].dt.tz_convert(ZONE).dt.hour
    # The usual value of eight o'clock, an hour earlier by UTC than on all days before.
    assert local[7] == 8
    assert forecast["forecast_spaces"][7] > 150
    assert forecast["forecast_spaces"][6] < 60


def test_only_the_columns_of_the_input_contract_are_needed() -> None:
    """Others, and the order of rows and columns, do not matter."""
    shuffled = rows()[MODEL_INPUT.column_names[::-1]].sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(forecast_from(shuffled, END), forecast_from(rows(), END))


def test_rows_that_do_not_fit_are_refused() -> None:
    """Missing columns, another city, a moment without zone, nothing recent."""
    with pytest.raises(ContractError, match="columns missing: free_spaces"):
        forecast_from(rows().drop(columns="free_spaces"), END)
    with pytest.raises(ContractError, match="knows donostia, and the rows are of birmingham"):
        forecast_from(conformed(rows(), city_code="birmingham"), END)
    with pytest.raises(PermanentError, match="needs a time zone"):
        forecast_from(rows(), END.replace(tzinfo=None))
    with pytest.raises(NotEnoughDataError, match="no rows"):
        forecast_from(rows(), END + timedelta(days=100))


@pytest.mark.parametrize("module", ["forecast_bundle", "modelling.forecaster"])
def test_bundle_of_the_former_release_forecasts_the_same(module: str, tmp_path: Path) -> None:
    """Its classes have moved, and it pickled twelve attributes that the envelope says now."""
    write_former_bundle(tmp_path / "former", bundle(), module)
    former = Bundle.load(tmp_path / "former")
    pd.testing.assert_frame_equal(former.predict(rows(), created_at=END), forecast_from(rows(), END))
    assert former.provenance == bundle().provenance
    assert vars(former.predictor).keys() == vars(bundle().predictor).keys()
    former.save(tmp_path / "again")
    pd.testing.assert_frame_equal(Bundle.load(tmp_path / "again").predict(rows(), created_at=END), forecast_from(rows(), END))
