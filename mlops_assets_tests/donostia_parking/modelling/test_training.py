"""Training chooses a method for each car park, says why, reports only what it did not learn from, and repeats itself."""

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECAST_METRICS
from mlops_assets.donostia_parking.modelling.backtesting import FIGURE_NAMES
from mlops_assets.donostia_parking.modelling.training import metrics_table, train_forecast_model
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.training import TrainedModel, trials_table
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, ZONE, conformed, hourly_rows
from mlops_assets_tests.donostia_parking.snapshots import require_contract
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, daily_wave, without

NAN = float("nan")
_QUICK = ("weekly_naive", "hour_of_day_mean", "seasonal_profile", "profile_regression")


def end_of(rows: pd.DataFrame) -> datetime:
    return rows["hour_at"].max().to_pydatetime() + timedelta(hours=1)


def three_weeks() -> pd.DataFrame:
    """Return a lively car park and one that never changes."""
    return hourly_rows(a=busy_weekends(21, noise=10) + 300, dead=np.zeros(21 * 24))


def trained(rows: pd.DataFrame, **changes: Any) -> TrainedModel:
    return train_forecast_model(rows, **{"time_zone": ZONE, "end_at": end_of(rows), "names": _QUICK, **changes})


def test_each_car_park_has_the_method_with_the_smallest_error() -> None:
    """The lively one that with the regression; the dead one the simplest, because all are right about it."""
    car_parks = trained(three_weeks()).bundle.predictor.car_parks
    assert car_parks["a"].method == car_parks[CITY_TOTAL_ID].method == "profile_regression"
    assert car_parks["dead"].method == "seasonal_naive"
    assert "mean absolute error in forecasts from 384 past hours" in car_parks["a"].reason
    assert "of seasonal_naive" in car_parks["a"].reason


def test_original_model_is_fitted_where_it_is_chosen_only() -> None:
    """It wins where the level wanders; the others need no slow fit."""
    wandering = 500 + np.random.default_rng(4).normal(0, 12, 14 * 24).cumsum() + daily_wave(14)
    bundle = trained(hourly_rows(a=wandering, dead=np.zeros(14 * 24)), names=["sarimax"]).bundle
    assert bundle.predictor.car_parks["a"].method == "sarimax"
    assert set(bundle.predictor.forecasters["sarimax"].params) == {"a", CITY_TOTAL_ID}


def test_each_candidate_is_a_trial() -> None:
    """With its own figures, time, and for how many car parks it was chosen; choosing among them, which is better, is none."""
    model = trained(three_weeks())
    assert [trial.labels["family"] for trial in model.trials] == ["seasonal_naive", *_QUICK]
    assert [trial.params["car_park_count"] for trial in model.trials] == [1, 0, 0, 0, 2]
    assert all(set(trial.metrics) == set(FIGURE_NAMES) and trial.fit_seconds > 0 for trial in model.trials)
    assert model.bundle.provenance.metrics["city_mae_spaces"] < 0.5 * model.trials[0].metrics["city_mae_spaces"]
    assert trials_table(model)["family"].iloc[0] == "profile_regression"


def test_metrics_are_those_of_rolling_forecasts() -> None:
    """What a candidate reached by itself stands beside what choosing among them reached."""
    bundle = trained(three_weeks()).bundle
    assert set(bundle.provenance.baseline_metrics) == {"seasonal_naive", *_QUICK}
    assert bundle.provenance.metrics["city_skill"] == pytest.approx(
        1 - bundle.provenance.metrics["city_mae_spaces"] / bundle.provenance.baseline_metrics["seasonal_naive"]["city_mae_spaces"]  # type: ignore[operator]
    )
    assert bundle.provenance.metrics["city_coverage_80"] == pytest.approx(0.8, abs=0.15)
    assert bundle.provenance.baseline_metrics["seasonal_naive"]["city_coverage_80"] is None


def test_metrics_table_keeps_its_contract() -> None:
    """One row per car park over all horizons, and one for each horizon."""
    rows = three_weeks()
    bundle = trained(rows, horizon_hours=6).bundle
    table = _with_issue(metrics_table(bundle.predictor, end_of(rows)))
    require_contract(table, FORECAST_METRICS)
    city = table[table["car_park_id"] == CITY_TOTAL_ID]
    assert city["horizon_hours"].tolist() == list(range(7))
    assert (table["training_point_count"] == 21 * 24).all()
    assert city["skill"].gt(0.3).all()
    assert table.loc[table["car_park_id"] == "dead", "skill"].isna().all()
    assert city["model_description"].iloc[0].startswith("usual value of the hour of the week, plus a ridge regression")


@pytest.mark.parametrize("hours", [1, 23, 24, 25])
def test_short_history_is_forecast_by_all_alike_and_says_so(hours: int) -> None:
    """The mean of all that have something to say; the original failed at 24 points and reported an error of 0 below."""
    rows = hourly_rows(a=np.arange(hours) + 100.0)
    bundle = trained(rows, names=()).bundle
    assert bundle.predictor.car_parks["a"].method == "weighted_mean"
    weights = bundle.predictor.forecasters["weighted_mean"].weights["a"]
    assert weights.max() < 2 * weights.min()
    assert "too few to compare methods" in bundle.predictor.car_parks["a"].reason
    table = _with_issue(metrics_table(bundle.predictor, end_of(rows)))
    require_contract(table, FORECAST_METRICS)
    forecast = bundle.predict(rows, created_at=end_of(rows))
    assert forecast["forecast_spaces"].notna().all()
    assert set(forecast["method"]) == {"weighted_mean"}


def test_in_sample_errors_are_never_reported() -> None:
    """Of a day of history nothing can be measured, so nothing is."""
    rows = hourly_rows(a=np.arange(3) + 100.0)
    metrics = trained(rows).bundle.provenance.metrics
    assert metrics["city_coverage_80"] is None
    table = metrics_table(trained(hourly_rows(a=[5.0])).bundle.predictor, end_of(rows))
    assert table["forecast_count"].tolist() == [0, 0]
    assert table["mae_spaces"].isna().all()


@pytest.mark.parametrize(
    "values",
    [
        np.full(500, 77.0),
        np.full(500, NAN),
        without(busy_weekends(21, noise=10), slice(100, 400)),
        np.concatenate([np.zeros(400), np.full(104, 50.0)]),
        without(busy_weekends(21, noise=10), slice(0, 503)),
    ],
    ids=["constant", "unknown", "hole", "comes alive", "appears today"],
)
def test_strange_series_beside_a_lively_one(values: np.ndarray) -> None:
    """Each is described, has rows, and harms no other."""
    lively = busy_weekends(21, noise=10)
    rows = hourly_rows(a=lively[: len(values)], strange=values)
    bundle = trained(rows).bundle
    forecast = bundle.predict(rows, created_at=end_of(rows))
    assert forecast.groupby("car_park_id").size().to_dict() == {"a": 24, "strange": 24, CITY_TOTAL_ID: 24}
    assert forecast.loc[forecast["car_park_id"] == "a", "forecast_spaces"].notna().all()
    assert np.isfinite(forecast["forecast_spaces"].dropna()).all()
    require_contract(_with_issue(metrics_table(bundle.predictor, end_of(rows))), FORECAST_METRICS)


def test_gap_of_112_days_is_survived() -> None:
    """What was usual before still says something; intervals wait until errors are known again."""
    before = hourly_rows(a=busy_weekends(14, noise=10))
    after = hourly_rows(FIRST_HOUR + pd.Timedelta(days=126), a=busy_weekends(2, noise=10))
    rows = pd.concat([before, after], ignore_index=True)
    bundle = trained(rows, history_days=200).bundle
    forecast = bundle.predict(rows, created_at=end_of(rows))
    assert forecast["forecast_spaces"].notna().all()


def test_frozen_hours_are_not_learned_from() -> None:
    """A week of a stale feed leaves the model as it would be without it."""
    values = busy_weekends(21, noise=10)
    stale = np.arange(21 * 24) >= 14 * 24
    stuck = conformed(hourly_rows(a=np.where(stale, 7.0, values)), is_stale=np.tile(stale, 2))
    silent = hourly_rows(a=np.where(stale, NAN, values))
    by_stuck, by_silent = trained(stuck).bundle, trained(silent).bundle
    assert by_stuck.provenance.training_rows == by_silent.provenance.training_rows == 2 * 14 * 24
    assert by_stuck.provenance.metrics == by_silent.provenance.metrics
    expected, again = by_stuck.predict(stuck, created_at=end_of(stuck)), by_silent.predict(silent, created_at=end_of(silent))
    np.testing.assert_array_equal(expected["forecast_spaces"], again["forecast_spaces"])


def test_rows_outside_the_window_are_not_looked_at() -> None:
    """Neither older ones nor what happened after the end."""
    rows = three_weeks()
    end_at = end_of(rows) - timedelta(days=3)
    window = rows[(rows["hour_at"] >= end_at - timedelta(days=10)) & (rows["hour_at"] < end_at)]
    of_all, of_window = (trained(x, end_at=end_at, history_days=10).bundle for x in (rows, window))
    assert of_all.predictor.dump() == of_window.predictor.dump()
    assert of_all.provenance.training_end_at == end_at
    assert of_all.provenance.training_start_at == end_at - timedelta(days=10)


def test_same_rows_give_the_same_bytes() -> None:
    """In whatever order they come; other rows, windows and seeds have other fingerprints."""
    rows = three_weeks()
    bundle = trained(rows).bundle
    assert trained(rows.sample(frac=1, random_state=1)).bundle.predictor.dump() == bundle.predictor.dump()
    others = [
        trained(conformed(rows, free_spaces=rows["free_spaces"] + 1)).bundle,
        trained(rows, history_days=20).bundle,
        trained(rows, seed=1).bundle,
        trained(rows, horizon_hours=23).bundle,
        trained(rows, names=["weekly_naive"]).bundle,
    ]
    assert len({other.provenance.fingerprint for other in [bundle, *others]}) == 6


def test_bundle_says_what_it_was_made_with() -> None:
    """For people who look at it years later."""
    bundle = trained(three_weeks()).bundle
    assert {"python", "numpy", "statsmodels", "scipy"} <= set(bundle.provenance.library_versions)
    assert bundle.provenance.estimator_name == "profile_regression (2), seasonal_naive (1)"
    assert bundle.provenance.training_rows == 3 * 21 * 24
    assert (bundle.predictor.city_code, bundle.predictor.time_zone, bundle.provenance.seed) == ("donostia", ZONE, 0)


def test_no_rows_in_the_window_are_refused() -> None:
    """There is not even a car park."""
    with pytest.raises(NotEnoughDataError, match="no rows to forecast from"):
        trained(three_weeks(), end_at=datetime(2021, 1, 1, tzinfo=timezone.utc))


def _with_issue(table: pd.DataFrame) -> pd.DataFrame:
    """Return metrics as the asset completes them."""
    completed = table.assign(issue_date=datetime(2022, 1, 23, tzinfo=timezone.utc).date(), model_version=1, model_run_id="run")
    return completed[FORECAST_METRICS.column_names]
