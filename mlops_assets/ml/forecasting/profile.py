"""What is usual at an hour: the mean of the same hour of the week, leaning on that of similar hours while it is little known."""

from __future__ import annotations

import numpy as np

from mlops_assets.ml.forecasting.candidates import NOTHING_TO_FIT_HOURS
from mlops_assets.ml.forecasting.panel import DAY_HOURS, Panel
from mlops_assets.ml.forecasting.slots import SLOT_COUNTS, SeasonalIndex, SlotSums, by_origin, pair_up

HALF_LIFE_HOURS = 28 * DAY_HOURS
"""A value counts half as much as one that is four weeks younger: seasons change."""

_PRIOR_WEIGHT = 0.5
"""The mean of similar hours counts as half a value: it decides where there is none, and hardly matters where there are several."""


_AROUND = (-1, 0, 1)
_STEPS = (
    ("all", (0,)),
    ("hour_of_day", _AROUND),
    ("hour_of_day_kind", _AROUND),
    ("hour_of_day", (0,)),
    ("hour_of_day_kind", (0,)),
    ("hour_of_week", (0,)),
)
"""From coarse to fine: which hours are alike, and whether those just before and after them count, too. An hour at which the
collector never comes round is so taken to be like its neighbours."""


class ProfileTable:
    """The usual value of every target hour, as it could be known at every origin.

    It is the mean of the same hour of the week, leaning on that of the hour on this kind of day (working day, Saturday, Sunday),
    which leans on that of the hour of the day, and so on.
    """

    def __init__(self, panel: Panel, horizon: int) -> None:
        """Prepare look-ups for the hours of `panel` and `horizon` more."""
        slots = SeasonalIndex(panel, horizon)
        # Weights grow instead of fading with age, so that they are the same at every origin.
        self._growth = 2.0 ** (np.arange(len(panel) + 1) / HALF_LIFE_HOURS)
        self._slots = {"all": np.zeros(len(panel) + horizon, dtype=int), **{name: getattr(slots, name) for name in SLOT_COUNTS}}
        self._sums = {
            name: SlotSums(panel, of_hour[: len(panel)], SLOT_COUNTS.get(name, 1), self._growth[:-1])
            for name, of_hour in self._slots.items()
        }

    def at(self, origins: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the usual value of each target hour by what was known before its origin, for every series.

        NaN where nothing was known at all.
        """
        prior = _PRIOR_WEIGHT * self._growth[origins][:, None]
        mean = np.full((1, 1), np.nan)
        for name, offsets in _STEPS:
            values, weights = np.zeros((2, *prior.shape))
            for offset in offsets:
                more_values, more_weights = self._sums[name].before(origins, _shift(self._slots[name][targets], offset))
                values, weights = values + more_values, weights + more_weights
            leaning = np.where(np.isnan(mean), 0.0, prior)
            with np.errstate(invalid="ignore"):
                mean = (values + leaning * np.nan_to_num(mean)) / (weights + leaning)
        return mean


def _shift(slots: np.ndarray, hours: int) -> np.ndarray:
    """Return the slots of an hour of the same day some hours later, round the clock."""
    hour = slots % DAY_HOURS
    return slots - hour + (hour + hours) % DAY_HOURS if hours else slots


class SeasonalProfile:
    """Candidate: the usual value of the hour."""

    name = "seasonal_profile"
    description = "mean of the hour of the week, leaning on that of the hour of similar days; recent weeks count more"
    refit_hours = NOTHING_TO_FIT_HOURS
    is_fitted_alone = False

    def fit(self, history: Panel) -> SeasonalProfile:
        """There is nothing to fit: the means are taken from what is known at each origin."""
        return self

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        usual = ProfileTable(panel, horizon).at(*pair_up(origins, horizon))
        return by_origin(usual, origins, horizon)
