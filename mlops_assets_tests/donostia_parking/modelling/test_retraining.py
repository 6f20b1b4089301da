"""Retraining is due when live errors are much larger than those of the backtest, and not for a small car park's whims."""

import numpy as np
import pandas as pd
import pytest

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.modelling.retraining import AccuracyLimits, is_retraining_due


def live(**errors: float) -> pd.DataFrame:
    """Return a day of hours for each car park, with the same error in each."""
    parts = [
        pd.DataFrame(
            {
                "car_park_id": name,
                "is_city_total": name == CITY_TOTAL_ID,
                "error_places": np.full(24, error),
                "seasonal_naive_error_places": np.full(24, 1.0),
                "is_within_80": pd.array([True] * 24, dtype="boolean"),
                "is_within_95": pd.array([True] * 24, dtype="boolean"),
            }
        )
        for name, error in errors.items()
    ]
    return pd.concat(parts, ignore_index=True)


def expected(**mae: float) -> pd.DataFrame:
    """Return the backtest's errors; for one hour ahead they are others."""
    overall = pd.DataFrame({"car_park_id": list(mae), "horizon_hours": 0, "mae_places": np.array(list(mae.values()), dtype=float)})
    return pd.concat([overall, overall.assign(horizon_hours=1, mae_places=0.001)])


@pytest.mark.parametrize(("error", "is_due"), [(100.0, False), (-199.0, False), (-201.0, True)])
def test_city_with_twice_the_expected_error_is_enough(error: float, is_due: bool) -> None:
    """Too much or too little, the size counts."""
    verdict = is_retraining_due(live(city_total=error), expected(city_total=100.0))
    assert bool(verdict) == is_due
    assert verdict.reasons == (
        ("over 24 hours the city's mean error is 201 places, against 100 in the backtest",) if is_due else ()
    )


def test_many_car_parks_are_enough() -> None:
    """More than three in ten."""
    metrics = expected(a=10.0, b=10.0, c=10.0, city_total=100.0)
    one = is_retraining_due(live(a=50.0, b=9.0, c=9.0, city_total=100.0), metrics, AccuracyLimits(max_car_park_share=0.4))
    two = is_retraining_due(live(a=50.0, b=50.0, c=9.0, city_total=100.0), metrics, AccuracyLimits(max_car_park_share=0.4))
    assert not one
    assert two.reasons == ("2 of 3 car parks have mean errors over 2 times those of the backtest",)


def test_small_errors_are_not_judged_by_their_ratio() -> None:
    """Three places instead of one are no reason, nor is a single place where none was expected."""
    assert not is_retraining_due(live(a=3.0, b=1.0), expected(a=1.0, b=0.0))


def test_dead_sensor_that_comes_alive_counts() -> None:
    """No error was expected; now there are large ones."""
    assert is_retraining_due(live(a=80.0), expected(a=0.0))


def test_few_hours_and_unknown_expectations_are_not_judged() -> None:
    """Chance alone would cross the limit."""
    assert not is_retraining_due(live(a=80.0).head(11), expected(a=1.0))
    assert not is_retraining_due(live(a=80.0), expected(a=np.nan))
    assert not is_retraining_due(live(a=80.0), expected())


def test_nothing_compared_is_no_reason() -> None:
    """A day of a frozen feed says nothing about the model."""
    assert not is_retraining_due(live(a=np.nan), expected(a=1.0))
