"""Rolling-origin backtests: what every candidate would have said at every origin, knowing only what lay before it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.ml.forecasting.candidates import daily_naive, fill_gaps
from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets.ml.forecasting.profile import SeasonalProfile
from mlops_assets.ml.forecasting.slots import LocalSlots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_assets.ml.forecasting.candidates import Candidate
    from mlops_assets.ml.forecasting.panel import Panel

LONGEST_SILENCE_HOURS = DAY_HOURS
"""Origins before which nothing was known for so long are left out: their errors are those of an outage, not of a method."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts of several candidates from the same origins.

    Attributes:
        panel: the series.
        origins: numbers of hours of the panel, ascending.
        horizon: hours forecast from each origin.
        forecasts: by candidate, in order of preference: origins, series, horizon. Where a candidate has nothing to say, it is
            given what the fallbacks say.
        seconds: time that each candidate took to fit and to forecast.
    """

    panel: Panel
    origins: np.ndarray
    horizon: int
    forecasts: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]

    @property
    def candidates(self) -> list[str]:
        """The names of the candidates, in order of preference."""
        return list(self.forecasts)

    @cached_property
    def targets(self) -> np.ndarray:
        """The hour that each forecast is about: horizon, origin."""
        return self.origins + np.arange(self.horizon)[:, None]

    @cached_property
    def target_slots(self) -> np.ndarray:
        """The local hour of the day of each target hour: horizon, origin."""
        return LocalSlots(self.panel, self.horizon).hour_of_day[self.targets]

    @cached_property
    def errors(self) -> np.ndarray:
        """Forecast minus what happened: candidate, series, horizon, origin; NaN where it is unknown what happened."""
        beyond = np.full((self.horizon, len(self.panel.names)), np.nan)
        happened = np.moveaxis(np.vstack([self.panel.numbers, beyond])[self.targets], 2, 0)
        return np.stack([np.moveaxis(forecast, 0, 2) - happened for forecast in self.forecasts.values()])

    @cached_property
    def is_known(self) -> np.ndarray:
        """Where errors are known: series, horizon, origin; for every candidate the same."""
        return ~np.isnan(self.errors[0])

    @cached_property
    def absolute_errors(self) -> np.ndarray:
        """Sizes of `errors`, 0 where they are unknown."""
        return np.abs(np.nan_to_num(self.errors))


def fallback_candidates() -> list[Candidate]:
    """Return what answers when a candidate has nothing to say: the day before, or else what is usual.

    Only a series of which nothing was ever known is left without a forecast.
    """
    return [daily_naive(), SeasonalProfile()]


def run_backtest(
    panel: Panel,
    candidates: Sequence[Candidate],
    *,
    first_origin: int,
    horizon: int,
    history_hours: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Backtest:
    """Let every candidate forecast from every hour of a panel, from `first_origin` on.

    Each is fitted anew every `refit_hours` of its own, on the hours before, and filtered over the origins in between. Origins
    within long outages are left out.

    Args:
        panel: the series.
        candidates: in order of preference.
        first_origin: the first hour to forecast; those before it are history.
        horizon: hours to forecast from each origin.
        history_hours: how far back a fit looks.
        clock: seconds since any fixed moment.
    """
    origins = np.arange(first_origin, len(panel))
    newest = panel.last_known[origins].max(axis=1)
    origins = origins[(newest >= 0) & (origins - newest <= LONGEST_SILENCE_HOURS)]

    def roll(candidate: Candidate) -> np.ndarray:
        parts = [np.empty((0, len(panel.names), horizon))]
        for block in _blocks(origins, candidate.refit_hours):
            start = max(0, int(block[0]) - history_hours)
            forecaster = candidate.fit(panel.window(start, int(block[0])))
            parts.append(forecaster.predict(panel.window(start, int(block[-1])), block - start, horizon))
        return np.concatenate(parts)

    fallbacks = [roll(candidate) for candidate in fallback_candidates()]
    forecasts, seconds = {}, {}
    for candidate in candidates:
        started_at = clock()
        forecasts[candidate.name] = fill_gaps(roll(candidate), fallbacks)
        seconds[candidate.name] = clock() - started_at
    return Backtest(panel, origins, horizon, forecasts, seconds)


def _blocks(origins: np.ndarray, hours: int) -> list[np.ndarray]:
    """Split origins where so many hours have passed since the first one, and again, and again."""
    if not len(origins):
        return []
    return np.split(origins, np.flatnonzero(np.diff((origins - origins[0]) // hours)) + 1)
