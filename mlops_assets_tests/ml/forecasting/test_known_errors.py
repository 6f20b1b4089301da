"""Means over known errors are those of the textbook, and never look beyond their moment."""

import numpy as np
import pytest

from mlops_assets.ml.forecasting.backtest import Backtest
from mlops_assets.ml.forecasting.known_errors import HALF_LIFE_HOURS
from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets_tests.ml.forecasting.panels import panel_of, without


def backtest_of(errors: np.ndarray, values: np.ndarray) -> Backtest:
    """Return a backtest of one candidate with these errors (origin, horizon) from every hour of a series on."""
    targets = np.arange(len(errors))[:, None] + np.arange(errors.shape[1])
    happened = np.append(values, np.zeros(errors.shape[1]))[targets]
    return Backtest(panel_of(values), np.arange(len(errors)), errors.shape[1], {"a": (happened + errors)[:, None]}, {})


def test_error_is_known_once_its_hour_has_passed() -> None:
    """Two horizons: after an hour one error is known, after two hours three."""
    mae = backtest_of(np.array([[1.0, 2.0], [6.0, 4.0], [9.0, 9.0]]), np.zeros(3)).known_mae[0, 0]
    assert np.isnan(mae[0])
    assert mae[1:3] == pytest.approx([1.0, (1 + 2 + 6) / 3], rel=5e-3)


def test_error_counts_half_after_two_weeks() -> None:
    """One of 3 spaces two weeks before one of 0: a third of the weight."""
    errors = np.zeros((HALF_LIFE_HOURS + 1, 1))
    errors[0] = 3.0
    values = np.zeros(len(errors))
    known = backtest_of(errors, values).known_errors
    weights = 0.5 ** (np.arange(1, len(errors) + 1) / HALF_LIFE_HOURS)
    assert known.days[0, -1] == pytest.approx(weights.sum() / DAY_HOURS)
    assert known.mean(np.abs(errors.T[None]))[0, -1] == pytest.approx(3 * weights[-1] / weights.sum())


def test_unknown_hours_have_no_weight() -> None:
    """What nobody saw is no error of 0."""
    backtest = backtest_of(np.full((4, 1), 2.0), without(np.zeros(4), 1, 2))
    assert backtest.known_mae[0, 0, 1:] == pytest.approx([2, 2, 2, 2])


def test_spread_of_an_hour_leans_on_that_of_the_day() -> None:
    """Many days of errors at noon decide about noon; an hour without one has the mean of all."""
    noon = np.where(np.arange(40 * DAY_HOURS) % DAY_HOURS == 12, 24.0, 0.0)
    spread = backtest_of(noon[:, None], np.zeros(len(noon))).known_spread[0, 0]
    assert 15 < spread[12, -1] < 24
    assert spread[3, -1] < 1
    assert spread[:, 0].tolist() == [0] * DAY_HOURS
