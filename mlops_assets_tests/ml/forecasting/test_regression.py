"""The regression learns how long deviations from the usual last, and stays with the usual where there is nothing to learn."""

import numpy as np

from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS
from mlops_assets.ml.forecasting.profile import SeasonalProfile
from mlops_assets.ml.forecasting.regression import FEATURE_NAMES, FITTED_LEADS, FittedProfileRegression, ProfileRegression
from mlops_assets_tests.ml.forecasting.panels import busy_weekends, daily_wave, panel_of, without


def _mean_errors(values: np.ndarray, first: int, horizon: int) -> tuple[float, float]:
    """Return the mean absolute errors of the regression and of the usual value, from an hour on."""
    panel = panel_of(values)
    origins = np.arange(first, len(panel) - horizon, 5)
    happened = values[origins[:, None] + np.arange(horizon)]
    history = panel.window(0, first)
    regression, usual = (
        np.abs(candidate.fit(history).predict(panel, origins, horizon)[:, 0] - happened).mean()
        for candidate in (ProfileRegression(), SeasonalProfile())
    )
    return float(regression), float(usual)


def test_lasting_deviations_are_carried_forward() -> None:
    """Where a deviation loses a tenth every hour, the next hours are much better known than by what is usual."""
    regression, usual = _mean_errors(busy_weekends(70, noise=20), first=42 * DAY_HOURS, horizon=4)
    assert regression < 0.7 * usual


def test_what_does_not_last_is_not_carried_forward() -> None:
    """Pure noise says nothing about the next hour, and the regression knows it."""
    values = busy_weekends(70, noise=0) + np.random.default_rng(3).normal(0, 20, 70 * DAY_HOURS)
    regression, usual = _mean_errors(values, first=42 * DAY_HOURS, horizon=4)
    assert regression < 1.1 * usual


def test_nothing_to_learn_from_lets_deviations_fade() -> None:
    """Three days of history, a constant series: nine tenths of the last deviation are left an hour later, and 0.9² after two."""
    for values in (daily_wave(3), np.full(600, 5.0)):
        coefficients = ProfileRegression().fit(panel_of(values)).coefficients
        np.testing.assert_allclose(coefficients[:3, 0], [0.9, 0.81, 0.729])
        assert not coefficients[:, 1:].any()


def test_silent_feed_is_answered_by_longer_leads() -> None:
    """After three silent hours, the coefficient of the fourth hour applies to the next one."""
    coefficients = np.zeros((len(FITTED_LEADS), len(FEATURE_NAMES)))
    coefficients[:4, 0] = [0.9, 0.7, 0.5, 0.3]
    values = np.concatenate([np.full(2 * WEEK_HOURS, 100.0), [180.0, np.nan, np.nan, np.nan]])
    panel = panel_of(values)
    origins = np.array([len(values) - 3, len(values)])
    usual = SeasonalProfile().predict(panel, origins, 1)[:, 0, 0]
    said = FittedProfileRegression(coefficients).predict(panel, origins, 1)[:, 0, 0]
    np.testing.assert_allclose((said - usual) / 80, [0.9, 0.3])


def test_old_deviations_say_nothing() -> None:
    """Two days after the last reading only the usual value is left."""
    fitted = ProfileRegression().fit(panel_of(busy_weekends(28, noise=20)))
    assert np.abs(fitted.coefficients).max() > 0.1
    silent = panel_of(without(busy_weekends(31, noise=20), slice(28 * DAY_HOURS, None)))
    origins = np.array([len(silent)])
    np.testing.assert_array_equal(fitted.predict(silent, origins, DAY_HOURS), SeasonalProfile().predict(silent, origins, DAY_HOURS))


def test_series_learn_from_each_other() -> None:
    """A series that the fit has never seen is forecast with what the others taught."""
    fitted = ProfileRegression().fit(panel_of(busy_weekends(42, noise=20)))
    known = busy_weekends(21, noise=20, seed=5)
    origins = np.array([len(known)])
    alone = fitted.predict(panel_of(known), origins, 3)[0, 0]
    beside = fitted.predict(panel_of(known / 3, known), origins, 3)
    np.testing.assert_array_equal(beside[0, 1], alone)
    np.testing.assert_allclose(beside[0, 0], alone / 3)
