"""What the errors of a backtest say at every moment: running means over the errors that were known by then.

An error is known once its target hour has passed. It counts less the older it is, in hours in which anything was observed: an
outage does not age it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.ml.forecasting.panel import DAY_HOURS

if TYPE_CHECKING:
    from mlops_assets.ml.forecasting.backtest import Backtest

_PRIOR_DAYS = 7
"""The spread of errors at an hour of the day leans on that of all hours with the weight of so many days: a day has one error of
each horizon about the hour."""
HALF_LIFE_HOURS = 14 * DAY_HOURS
"""An error counts half as much as one that is two weeks younger: methods get better as they learn, and habits change."""


class KnownErrors:
    """Running means over known errors, at every moment: the number of an hour of the panel, or the end of the last.

    Attributes:
        days: weight of the known errors in days' worth of errors of every horizon: series, moment.
    """

    def __init__(self, backtest: Backtest) -> None:
        """Look at the errors of a backtest."""
        self._targets = backtest.targets
        self._slots = backtest.slots
        observed = backtest.panel.observed_hours
        # Weights grow instead of fading with age, so that they are the same at every moment.
        self._growth = 2.0 ** (observed / HALF_LIFE_HOURS)
        self._weight_of_hours = self._by_target(backtest.is_known.astype(float))
        self._weights = _running(self._weight_of_hours)
        self.days = self._weights / self._growth / (DAY_HOURS * backtest.horizon)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of values at every moment; NaN where none is known.

        Args:
            values: any dimensions, then series, horizon, origin, as in a backtest; 0 where the error is unknown.

        Returns:
            The same without horizon, and moments instead of origins.
        """
        with np.errstate(invalid="ignore"):
            return _running(self._by_target(values)) / self._weights

    def mean_by_hour_of_day(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of values at every moment for each local hour of the day of the target, leaning on that of all hours.

        Args:
            values: series, horizon, origin; 0 where the error is unknown.

        Returns:
            Series, hour of the day, moment; 0 where none is known.
        """
        of_hours = self._by_target(values)
        overall = np.nan_to_num(self.mean(values))
        prior = _PRIOR_DAYS * len(self._targets) * self._growth
        means = np.empty((len(values), DAY_HOURS, len(self._growth)))
        for slot in range(DAY_HOURS):
            is_alike = self._slots[: of_hours.shape[-1]] == slot
            sums, weights = (_running(np.where(is_alike, numbers, 0.0)) for numbers in (of_hours, self._weight_of_hours))
            means[:, slot] = (sums + prior * overall) / (weights + prior)
        return means

    def _by_target(self, values: np.ndarray) -> np.ndarray:
        """Return weighted sums over the horizons by target hour."""
        sums = np.zeros((*values.shape[:-2], len(self._growth) - 1))
        for horizon, targets in enumerate(self._targets):
            is_past = targets < sums.shape[-1]
            # No two origins have one target at the same horizon, so that no value is lost.
            sums[..., targets[is_past]] += values[..., horizon, is_past] * self._growth[targets[is_past]]
        return sums


def _running(of_hours: np.ndarray) -> np.ndarray:
    """Return sums over the hours before each moment."""
    sums = np.zeros((*of_hours.shape[:-1], of_hours.shape[-1] + 1))
    np.cumsum(of_hours, axis=-1, out=sums[..., 1:])
    return sums
