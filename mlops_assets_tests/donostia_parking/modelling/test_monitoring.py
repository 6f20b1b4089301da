"""Forecasts beside what happened: hand-checked errors, none without a trusted reading, and retraining where they are large."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.contracts.frames import to_arrow
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY
from mlops_assets.donostia_parking.modelling.monitoring import compare_with_actual, decide_retraining, summarize_accuracy
from mlops_assets_tests.donostia_parking.hours import FIRST_HOUR, conformed, hourly_rows
from mlops_assets_tests.donostia_parking.snapshots import require_contract

NAN = float("nan")


def forecast_rows(expected: list[float], first: pd.Timestamp = FIRST_HOUR, **changes: Any) -> pd.DataFrame:
    """Return forecasts of car park a for consecutive hours, 2 spaces to each side at 80 %, 5 at 95 %."""
    places = np.array(expected)
    rows = {
        "issue_date": date(2022, 1, 2),
        "created_at": first,
        "city_code": "donostia",
        "car_park_id": "a",
        "is_city_total": False,
        "hour_at": pd.date_range(first, periods=len(expected), freq="h", unit="us"),
        "horizon_hours": np.arange(1, len(expected) + 1, dtype=np.int8),
        "forecast_spaces": places,
        "low_80_spaces": places - 2,
        "high_80_spaces": places + 2,
        "low_95_spaces": places - 5,
        "high_95_spaces": places + 5,
        "capacity": pd.array([1000] * len(expected), dtype="Int32"),
        "method": "seasonal_naive",
        "seasonal_naive_spaces": places + 10,
        "model_version": 3,
        "model_run_id": "run",
    }
    return pd.DataFrame({**rows, **changes})


def metrics_rows(**mae: float) -> pd.DataFrame:
    """Return what errors were to be expected of each car park."""
    return pd.DataFrame({"car_park_id": list(mae), "horizon_hours": 0, "mae_spaces": list(mae.values())})


def test_errors_are_forecast_minus_actual() -> None:
    """The ends of an interval belong to it."""
    accuracy = compare_with_actual(forecast_rows([10, 10, 10]), hourly_rows(a=[8, 13, 16]))
    require_contract(accuracy, FORECAST_ACCURACY)
    assert accuracy["actual_spaces"].tolist() == [8, 13, 16]
    assert accuracy["error_spaces"].tolist() == [2, -3, -6]
    assert accuracy["seasonal_naive_error_spaces"].tolist() == [12, 7, 4]
    assert accuracy["is_within_80"].tolist() == [True, False, False]
    assert accuracy["is_within_95"].tolist() == [True, True, False]
    assert accuracy["local_date"].tolist() == [date(2022, 1, 3)] * 3


def test_hours_without_trusted_reading_have_no_error() -> None:
    """Neither a gap nor a stale feed says what happened; the rows stay."""
    rows = hourly_rows(a=[8, NAN, 8])
    accuracy = compare_with_actual(forecast_rows([10, 10, 10]), conformed(rows, is_stale=np.tile([False, False, True], 2)))
    require_contract(accuracy, FORECAST_ACCURACY)
    assert accuracy["error_spaces"].isna().tolist() == [False, True, True]
    assert accuracy["is_within_80"].isna().tolist() == [False, True, True]


def test_forecast_without_interval_is_not_said_to_be_within() -> None:
    """Where nobody could say how far off it may be."""
    accuracy = compare_with_actual(forecast_rows([10], high_95_spaces=[NAN]), hourly_rows(a=[10]))
    assert accuracy["is_within_80"].tolist() == [True]
    assert accuracy["is_within_95"].isna().all()


def test_other_hours_are_left_out() -> None:
    """Forecasts reach into the next day; its own partition judges those."""
    accuracy = compare_with_actual(forecast_rows([10] * 5), hourly_rows(a=[8, 8]))
    assert accuracy["hour_at"].tolist() == list(pd.date_range(FIRST_HOUR, periods=2, freq="h"))


def test_two_issues_about_an_hour_are_two_rows() -> None:
    """A forecast of the day before and one of the same day."""
    two = pd.concat([forecast_rows([10]), forecast_rows([9], issue_date=date(2022, 1, 1))])
    accuracy = compare_with_actual(two, hourly_rows(a=[8]))
    require_contract(accuracy, FORECAST_ACCURACY)
    assert accuracy["error_spaces"].tolist() == [1, 2]


def test_no_forecasts_give_no_rows() -> None:
    """The first day has none of the day before."""
    accuracy = compare_with_actual(forecast_rows([10]).iloc[:0], hourly_rows(a=[8]))
    assert len(to_arrow(accuracy, FORECAST_ACCURACY)) == 0
    assert summarize_accuracy(accuracy, metrics_rows(a=1.0)).empty


def test_summary_compares_with_what_was_to_be_expected() -> None:
    """Mean error, its sign, and its ratio to the backtest's."""
    accuracy = compare_with_actual(forecast_rows([10, 10, 10]), hourly_rows(a=[8, 13, 16]))
    (row,) = summarize_accuracy(accuracy, metrics_rows(a=2.0)).to_dict("records")
    assert row["hour_count"] == 3
    assert row["mae_spaces"] == pytest.approx(11 / 3)
    assert row["bias_spaces"] == pytest.approx(-7 / 3)
    assert row["seasonal_naive_mae_spaces"] == pytest.approx(23 / 3)
    assert row["coverage_80"] == pytest.approx(1 / 3)
    assert row["coverage_95"] == pytest.approx(2 / 3)
    assert row["error_ratio"] == pytest.approx(11 / 6)


@pytest.mark.parametrize(("actual", "expected_mae", "ratio"), [(10, 0.0, 0.0), (8, 0.0, np.inf), (8, NAN, NAN), (10, 4.0, 0.0)])
def test_ratio_is_defined_where_it_can_be(actual: float, expected_mae: float, ratio: float) -> None:
    """A car park that never changed and now does is infinitely worse than expected; one of no history is not known."""
    accuracy = compare_with_actual(forecast_rows([10]), hourly_rows(a=[actual]))
    (row,) = summarize_accuracy(accuracy, metrics_rows(a=expected_mae)).to_dict("records")
    assert row["error_ratio"] == pytest.approx(ratio, nan_ok=True)


def test_city_is_told_from_car_parks() -> None:
    """It is summed up by itself."""
    rows = hourly_rows(a=[8, 9])
    city = forecast_rows([10, 10], car_park_id=CITY_TOTAL_ID, is_city_total=True)
    summary = summarize_accuracy(compare_with_actual(pd.concat([forecast_rows([8, 8]), city]), rows), metrics_rows())
    assert summary[["car_park_id", "is_city_total", "mae_spaces"]].to_numpy().tolist() == [
        ["a", False, 0.5],
        [CITY_TOTAL_ID, True, 1.5],
    ]


def live(**errors: float) -> pd.DataFrame:
    """Return a day of hours for each car park, with the same error in each."""
    parts = [
        pd.DataFrame(
            {
                "car_park_id": name,
                "is_city_total": name == CITY_TOTAL_ID,
                "error_spaces": np.full(24, error),
                "seasonal_naive_error_spaces": np.full(24, 1.0),
                "is_within_80": pd.array([True] * 24, dtype="boolean"),
                "is_within_95": pd.array([True] * 24, dtype="boolean"),
            }
        )
        for name, error in errors.items()
    ]
    return pd.concat(parts, ignore_index=True)


def expected(**mae: float) -> pd.DataFrame:
    """Return the backtest's errors; for one hour ahead they are others."""
    overall = pd.DataFrame({"car_park_id": list(mae), "horizon_hours": 0, "mae_spaces": np.array(list(mae.values()), dtype=float)})
    return pd.concat([overall, overall.assign(horizon_hours=1, mae_spaces=0.001)])


@pytest.mark.parametrize(("error", "is_due"), [(100.0, False), (-199.0, False), (-201.0, True)])
def test_city_with_twice_the_expected_error_is_enough(error: float, is_due: bool) -> None:
    """Too much or too little, the size counts."""
    decision = decide_retraining(live(city_total=error), expected(city_total=100.0))
    assert bool(decision) == is_due
    assert decision.reasons == (
        ("over 24 hours the city's mean error is 201 spaces, against 100 in the backtest",) if is_due else ()
    )


def test_many_car_parks_are_enough() -> None:
    """More than three in ten."""
    metrics = expected(a=10.0, b=10.0, c=10.0, city_total=100.0)
    one = decide_retraining(live(a=50.0, b=9.0, c=9.0, city_total=100.0), metrics, max_car_park_share=0.4)
    two = decide_retraining(live(a=50.0, b=50.0, c=9.0, city_total=100.0), metrics, max_car_park_share=0.4)
    assert not one
    assert two.reasons == ("2 of 3 car parks have mean errors over 2 times those of the backtest",)


def test_small_errors_are_not_judged_by_their_ratio() -> None:
    """Three places instead of one are no reason, nor is a single place where none was expected."""
    assert not decide_retraining(live(a=3.0, b=1.0), expected(a=1.0, b=0.0))


def test_dead_sensor_that_comes_alive_counts() -> None:
    """No error was expected; now there are large ones."""
    assert decide_retraining(live(a=80.0), expected(a=0.0))


def test_few_hours_and_unknown_expectations_are_not_judged() -> None:
    """Chance alone would cross the limit."""
    assert not decide_retraining(live(a=80.0).head(11), expected(a=1.0))
    assert not decide_retraining(live(a=80.0), expected(a=np.nan))
    assert not decide_retraining(live(a=80.0), expected())


def test_nothing_compared_is_no_reason() -> None:
    """A day of a stale feed says nothing about the model."""
    assert not decide_retraining(live(a=np.nan), expected(a=1.0))
