"""What a candidate is, and the naive ones that every other has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS
from mlops_assets.ml.forecasting.slots import SeasonalIndex, SlotSums, by_origin, pair_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_assets.ml.forecasting.panel import Panel


NOTHING_TO_FIT_HOURS = 28 * DAY_HOURS
"""How many hours a candidate that is not fitted may forecast from at once: only memory sets a limit."""


class FittedCandidate(Protocol):
    """A fitted candidate. It can be pickled, and equal fits give equal bytes."""

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast the `horizon` hours from each origin on, for every series.

        Args:
            panel: recent hours; the forecast of an origin uses only those before it.
            origins: numbers of hours of the panel, at most its length, ascending.
            horizon: how many hours to forecast.

        Returns:
            Array of origins, series, horizon; NaN where the method has nothing to say.
        """
        ...


class Candidate(Protocol):
    """A way to forecast that competes with others.

    Attributes:
        name: names it in tables.
        description: what it does, for people.
        refit_hours: how long a fit serves in a backtest.
        is_fitted_alone: whether a series is fitted without looking at the others, so that it can be left out.
    """

    name: str
    description: str
    refit_hours: int
    is_fitted_alone: bool

    def fit(self, history: Panel) -> FittedCandidate:
        """Learn from past hours. Little, missing or constant data give a forecaster that says less, never an error."""
        ...


class SeasonalNaive:
    """Candidate: what was known of the same hour one period ago, or else of the one before, for up to `periods` of them."""

    refit_hours = NOTHING_TO_FIT_HOURS
    is_fitted_alone = False

    def __init__(self, name: str, period_hours: int, periods: int) -> None:
        """Repeat values every `period_hours`."""
        self.name = name
        self.description = f"the value {period_hours} hours before, or of the nearest earlier such hour that is known"
        self._period_hours = period_hours
        self._periods = periods

    def fit(self, history: Panel) -> SeasonalNaive:
        """There is nothing to fit."""
        return self

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        starts, targets = pair_up(origins, horizon)
        sources = targets - self._period_hours * ((targets - starts) // self._period_hours + 1)
        found = np.full((len(targets), len(panel.names)), np.nan)
        for _ in range(self._periods):
            values = np.where((sources >= 0)[:, None], panel.numbers[np.maximum(sources, 0)], np.nan)
            found = np.where(np.isnan(found), values, found)
            sources = sources - self._period_hours
        return by_origin(found, origins, horizon)


class HourOfDayMean:
    """Candidate: the mean of the same local hour over the last days."""

    name = "hour_of_day_mean"
    refit_hours = NOTHING_TO_FIT_HOURS
    is_fitted_alone = False

    def __init__(self, days: int) -> None:
        """Look back `days` days."""
        self.description = f"mean of the same local hour over the last {days} days"
        self._hours = days * DAY_HOURS

    def fit(self, history: Panel) -> HourOfDayMean:
        """There is nothing to fit."""
        return self

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        slots = SeasonalIndex(panel, horizon).hour_of_day
        sums = SlotSums(panel, slots[: len(panel)], DAY_HOURS, np.ones(len(panel)))
        starts, targets = pair_up(origins, horizon)
        values, counts = sums.before(starts, slots[targets])
        earlier_values, earlier_counts = sums.before(np.maximum(starts - self._hours, 0), slots[targets])
        with np.errstate(invalid="ignore"):
            mean = (values - earlier_values) / (counts - earlier_counts)
        return by_origin(mean, origins, horizon)


def daily_naive() -> SeasonalNaive:
    """Return the seasonal naive forecast of a day ago, against which skill is measured."""
    return SeasonalNaive("seasonal_naive", DAY_HOURS, periods=7)


def weekly_naive() -> SeasonalNaive:
    """Return the seasonal naive forecast of a week ago."""
    return SeasonalNaive("weekly_naive", WEEK_HOURS, periods=4)


def fill_gaps(forecast: np.ndarray, fallbacks: Sequence[np.ndarray]) -> np.ndarray:
    """Return a forecast with its gaps filled from the first fallback that says something."""
    for fallback in fallbacks:
        forecast = np.where(np.isnan(forecast), fallback, forecast)
    return forecast
