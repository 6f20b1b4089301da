"""A backtest lets candidates forecast from past origins, with what was known there and no more."""

from itertools import count

import numpy as np

from mlops_assets.ml.forecasting.backtest import Backtest, run_backtest
from mlops_assets.ml.forecasting.candidates import Candidate, daily_naive
from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS, Panel
from mlops_assets.ml.forecasting.regression import ProfileRegression
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, daily_wave, panel_of, without


class Witness:
    """A candidate that remembers what it was shown, and says nothing."""

    name = "witness"
    description = "says nothing"
    is_fitted_alone = False

    def __init__(self, refit_hours: int) -> None:
        self.refit_hours = refit_hours
        self.fitted_until: list[int] = []
        self.asked: list[tuple[int, list[int]]] = []

    def fit(self, history: Panel) -> "Witness":
        self.fitted_until.append(len(history))
        return self

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        self.asked.append((len(panel), origins.tolist()))
        return np.full((len(origins), len(panel.names), horizon), np.nan)


def backtest_of(panel: Panel, *candidates: Candidate, first_origin: int, horizon: int = 2, history_hours: int = 10_000) -> Backtest:
    return run_backtest(
        panel, candidates, first_origin=first_origin, horizon=horizon, history_hours=history_hours, clock=count().__next__
    )


def test_every_hour_is_an_origin_and_fits_are_renewed() -> None:
    """Of five origins, three are answered by the first fit and two by the next; no fit sees an hour that it answers for."""
    witness = Witness(refit_hours=3)
    backtest = backtest_of(panel_of(np.arange(30.0)), witness, first_origin=25)
    assert backtest.origins.tolist() == [25, 26, 27, 28, 29]
    assert witness.fitted_until == [25, 28]
    assert witness.asked == [(27, [25, 26, 27]), (29, [28, 29])]


def test_history_is_as_long_as_asked_for() -> None:
    """A fit looks back no further; origins are counted from where it begins."""
    witness = Witness(refit_hours=100)
    backtest_of(panel_of(np.arange(30.0)), witness, first_origin=25, history_hours=10)
    assert witness.fitted_until == [10]
    assert witness.asked == [(14, [10, 11, 12, 13, 14])]


def test_errors_are_forecast_minus_what_happened() -> None:
    """Arranged by candidate, series, horizon and origin; unknown beyond the end and where nothing is known."""
    values = without(np.arange(28.0), 26)
    backtest = backtest_of(panel_of(values), daily_naive(), first_origin=25)
    np.testing.assert_array_equal(backtest.errors[0, 0], [[-24, np.nan, -24], [np.nan, -24, np.nan]])
    np.testing.assert_array_equal(backtest.is_known[0], [[True, False, True], [False, True, False]])
    assert backtest.absolute_errors[0, 0].tolist() == [[24, 0, 24], [0, 24, 0]]
    assert backtest.targets.tolist() == [[25, 26, 27], [26, 27, 28]]
    assert backtest.target_slots.tolist() == [[1, 2, 3], [2, 3, 4]]


def test_silent_candidate_is_given_what_fallbacks_say() -> None:
    """So all candidates are compared on the same hours; a first day has no day before, and is expected to be usual."""
    backtest = backtest_of(panel_of(np.full(30, 7.0)), Witness(100), daily_naive(), first_origin=2)
    assert backtest.candidates == ["witness", "seasonal_naive"]
    np.testing.assert_allclose(backtest.forecasts["witness"], 7)


def test_origins_within_outages_are_left_out() -> None:
    """A day after the last known hour, errors are those of the outage; the first hour behind it counts again."""
    values = without(np.tile(np.arange(24.0), 5), slice(30, 80))
    backtest = backtest_of(panel_of(values), daily_naive(), first_origin=28)
    assert backtest.origins.tolist() == [*range(28, 54), *range(81, 120)]


def test_nothing_known_gives_no_origins() -> None:
    """An empty series has an empty backtest."""
    backtest = backtest_of(panel_of(np.full(50, np.nan)), daily_naive(), first_origin=0)
    assert backtest.errors.shape == (1, 1, 2, 0)


def test_time_of_each_candidate_is_kept() -> None:
    """By a clock that ticks once whenever it is looked at."""
    backtest = backtest_of(panel_of(daily_wave(2)), Witness(100), daily_naive(), first_origin=30)
    assert backtest.seconds == {"witness": 1, "seasonal_naive": 1}


def test_backtest_never_looks_ahead() -> None:
    """Later values change neither forecasts nor errors of earlier origins, although one fit serves for a week."""
    values = busy_weekends(28, noise=10)
    changed = np.concatenate([values[: 24 * DAY_HOURS], values[24 * DAY_HOURS :] * 3 + 50])
    first = 14 * DAY_HOURS
    before, after = (backtest_of(panel_of(x), ProfileRegression(), first_origin=first, horizon=24) for x in (values, changed))
    same = 24 * DAY_HOURS - first
    np.testing.assert_array_equal(
        before.forecasts["profile_regression"][: same + 1], after.forecasts["profile_regression"][: same + 1]
    )
    assert (before.forecasts["profile_regression"][same + 2] != after.forecasts["profile_regression"][same + 2]).any()
    assert first + WEEK_HOURS < 24 * DAY_HOURS
