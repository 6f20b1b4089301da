"""A damped forecast is the naive one plus its newest error, of which a tenth is lost every hour."""

import numpy as np

from mlops_assets.ml.forecasting.candidates import daily_naive
from mlops_assets.ml.forecasting.damping import Damped
from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets_tests.ml.forecasting.panels import panel_of, without


def test_newest_error_fades() -> None:
    """The day before said 100 where 150 were free: the next hours are expected to have 45 and 40.5 more than the day before."""
    values = np.append(np.full(2 * DAY_HOURS, 100.0), 150.0)
    said = Damped(daily_naive()).predict(panel_of(values), np.array([len(values)]), 2)
    np.testing.assert_allclose(said, [[[145.0, 140.5]]])


def test_silence_lets_it_fade_further() -> None:
    """Two silent hours later, the next hour is the third after the error."""
    values = np.append(np.full(2 * DAY_HOURS, 100.0), [150.0, 0, 0])
    silent = without(values, len(values) - 2, len(values) - 1)
    said = Damped(daily_naive()).predict(panel_of(silent), np.array([len(values)]), 1)
    np.testing.assert_allclose(said, 100 + 50 * 0.9**3)


def test_unknown_error_moves_nothing() -> None:
    """On the first day there is no forecast to compare with."""
    values = np.arange(DAY_HOURS, dtype=float)
    said = Damped(daily_naive()).predict(panel_of(values), np.array([DAY_HOURS]), 3)
    np.testing.assert_array_equal(said, [[[0.0, 1.0, 2.0]]])
