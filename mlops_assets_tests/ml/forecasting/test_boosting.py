"""The trees learn what the regression cannot, from all series, and leave it alone where they know too little."""

import pickle

import numpy as np

from mlops_assets.ml.forecasting.boosting import ProfileBoosting
from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets.ml.forecasting.regression import ProfileRegression
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, daily_wave, panel_of


def evening_surges(days: int) -> np.ndarray:
    """Return days of which some have a busy evening, announced by a small deviation at noon that the regression cannot tell."""
    hours, random = np.arange(days * DAY_HOURS), np.random.default_rng(2)
    is_busy = np.repeat(random.random(days) < 0.5, DAY_HOURS)
    hour = hours % DAY_HOURS
    announced = np.where(is_busy & (hour >= 10) & (hour < 14), 20.0, 0.0)
    return (
        daily_wave(days) - announced - np.where(is_busy & (hour >= 17) & (hour < 22), 60.0, 0.0) + random.normal(0, 2, len(hours))
    )


def test_trees_learn_what_the_regression_cannot() -> None:
    """That a deviation at noon means an evening three times as busy."""
    values = evening_surges(60)
    panel = panel_of(values, values * 2)
    history, origins = panel.window(0, 42 * DAY_HOURS), np.arange(43 * DAY_HOURS + 13, 59 * DAY_HOURS, DAY_HOURS)
    happened = values[origins[:, None] + np.arange(9)]
    boosting, regression = (
        np.abs(candidate.fit(history).predict(panel, origins, 9)[:, 0] - happened).mean()
        for candidate in (ProfileBoosting(), ProfileRegression())
    )
    assert boosting < 0.9 * regression


def test_less_than_a_week_leaves_the_regression() -> None:
    """Nothing is learned from so few days."""
    panel = panel_of(busy_weekends(6, noise=10))
    origins = np.array([100, 144])
    boosting, regression = (
        candidate.fit(panel).predict(panel, origins, 24) for candidate in (ProfileBoosting(), ProfileRegression())
    )
    np.testing.assert_array_equal(boosting, regression)


def test_unknown_series_is_left_to_the_regression() -> None:
    """Nobody knows its level and spread; the others are forecast as before."""
    lively = busy_weekends(28, noise=20)
    fitted = ProfileBoosting().fit(panel_of(lively, lively[::-1].copy()))
    stranger = panel_of(busy_weekends(21, noise=20, seed=5), names="z")
    origins = np.array([21 * DAY_HOURS])
    np.testing.assert_array_equal(fitted.predict(stranger, origins, 24), fitted.regression.predict(stranger, origins, 24))


def test_same_hours_give_the_same_bytes() -> None:
    """However often it is fitted."""
    panel = panel_of(busy_weekends(28, noise=20), busy_weekends(28, noise=20, seed=5))
    assert ProfileBoosting().fit(panel).trees is not None
    assert pickle.dumps(ProfileBoosting().fit(panel)) == pickle.dumps(ProfileBoosting().fit(panel))
