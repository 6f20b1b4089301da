"""Hours that are alike, such as all Mondays at eight, and what was known of them before any origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops_assets.ml.forecasting.panel import DAY_HOURS, WEEK_HOURS

if TYPE_CHECKING:
    from mlops_assets.ml.forecasting.panel import Panel

_SATURDAY = 5
_DAY_KINDS = 3
"""Working days, Saturdays, Sundays."""


class SeasonalIndex:
    """Which hours of a panel, and of the hours that follow it, are alike by the clocks of its time zone.

    Attributes:
        hour_of_day: 0 to 23.
        hour_of_day_kind: 0 to 71: the hours of working days, then of Saturdays, then of Sundays.
        hour_of_week: 0 to 167, from Monday's first hour on.
    """

    def __init__(self, panel: Panel, horizon: int) -> None:
        """Look at the hours of `panel` and at `horizon` more."""
        hours = pd.date_range(panel.start_at, periods=len(panel) + horizon, freq="h").tz_convert(panel.time_zone)
        weekday = hours.dayofweek.to_numpy()
        self.hour_of_day = hours.hour.to_numpy()
        self.hour_of_day_kind = np.maximum(0, weekday - _SATURDAY + 1) * DAY_HOURS + self.hour_of_day
        self.hour_of_week = weekday * DAY_HOURS + self.hour_of_day


SLOT_COUNTS = {"hour_of_day": DAY_HOURS, "hour_of_day_kind": _DAY_KINDS * DAY_HOURS, "hour_of_week": WEEK_HOURS}


class SlotSums:
    """Running weighted sums of the known values of each slot: one look-up gives the sum over all hours before an origin."""

    def __init__(self, panel: Panel, slots: np.ndarray, slot_count: int, weights: np.ndarray) -> None:
        """Add up.

        Args:
            panel: the series.
            slots: the slot of each hour of the panel.
            slot_count: how many slots there are.
            weights: of each hour of the panel.
        """
        weighted = np.where(panel.is_known, weights[:, None], 0.0)
        values = weighted * np.nan_to_num(panel.numbers)
        # One row more, of zeros, for slots that have not occurred yet: index -1 finds it.
        self._weights = np.zeros((len(panel) + 1, len(panel.names)))
        self._values = np.zeros_like(self._weights)
        self._last = np.full((len(panel) + 1, slot_count), -1)
        # Slot by slot: a running sum across slots would let later values of others into the rounding of earlier sums.
        for slot in range(slot_count):
            hours = np.flatnonzero(slots == slot)
            self._weights[hours] = np.cumsum(weighted[hours], axis=0)
            self._values[hours] = np.cumsum(values[hours], axis=0)
            self._last[hours + 1, slot] = hours
        np.maximum.accumulate(self._last, axis=0, out=self._last)

    def before(self, origins: np.ndarray, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums of weighted values and of weights, for pairs of an origin and a slot, for every series."""
        rows = self._last[origins, slots]
        return self._values[rows], self._weights[rows]


def pair_up(origins: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every origin with each of its target hours, as two arrays of the same length."""
    return np.repeat(origins, horizon), (origins[:, None] + np.arange(horizon)).ravel()


def by_origin(values: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """Return values for the pairs of `pair_up`, one column per series, as an array of origins, series, horizon."""
    return values.reshape(len(origins), horizon, values.shape[1]).swapaxes(1, 2)
