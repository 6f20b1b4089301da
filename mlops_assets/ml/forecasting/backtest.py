"""Rolling-origin backtests: what every candidate would have said at every origin, knowing only what lay before it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.ml.forecasting.candidates import daily_naive, fill_gaps
from mlops_assets.ml.forecasting.combination import combine
from mlops_assets.ml.forecasting.known_errors import KnownErrors
from mlops_assets.ml.forecasting.panel import DAY_HOURS
from mlops_assets.ml.forecasting.profile import SeasonalProfile
from mlops_assets.ml.forecasting.slots import SeasonalIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_assets.ml.forecasting.candidates import Candidate
    from mlops_assets.ml.forecasting.combination import Combination
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
        forecasts: by candidate, the simplest first, combinations last: origins, series, horizon. Where a candidate has nothing to
            say, it is given what the fallbacks say.
        seconds: time that each candidate took to fit and to forecast; that of a combination is without its members'.
        preferred: the candidate that is taken unless another is clearly better; without one, it is that with the smallest error,
            or the first where too little is known.
    """

    panel: Panel
    origins: np.ndarray
    horizon: int
    forecasts: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]
    preferred: str | None = None

    @property
    def candidates(self) -> list[str]:
        """The names of the candidates, the simplest first, combinations last."""
        return list(self.forecasts)

    @property
    def preferred_number(self) -> int:
        """Which of the candidates is taken where too little is known to choose."""
        return 0 if self.preferred is None else self.candidates.index(self.preferred)

    @cached_property
    def targets(self) -> np.ndarray:
        """The hour that each forecast is about: horizon, origin."""
        return self.origins + np.arange(self.horizon)[:, None]

    @cached_property
    def target_slots(self) -> np.ndarray:
        """The local hour of the day of each target hour: horizon, origin."""
        return self.slots[self.targets]

    @cached_property
    def slots(self) -> np.ndarray:
        """The local hour of the day of each hour of the panel, and of those that are forecast after it."""
        return SeasonalIndex(self.panel, self.horizon).hour_of_day

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

    @cached_property
    def known_errors(self) -> KnownErrors:
        """Means over the errors that are known at a moment."""
        return KnownErrors(self)

    @cached_property
    def known_mae(self) -> np.ndarray:
        """Mean absolute error known at every moment: candidate, series, moment; NaN where none is known."""
        return self.known_errors.mean(self.absolute_errors)

    @cached_property
    def known_spread(self) -> np.ndarray:
        """Mean absolute error known at every moment, by local hour of the day: candidate, series, hour of the day, moment."""
        return np.stack([self.known_errors.mean_by_hour_of_day(absolute) for absolute in self.absolute_errors])

    @cached_property
    def known_lead(self) -> tuple[np.ndarray, np.ndarray]:
        """By how much each candidate is better than the preferred one, by the errors known at every moment, and its standard error.

        Both: candidate, series, moment. The errors of one day repeat each other, so that only days are counted.
        """
        leads = self.absolute_errors[self.preferred_number] - self.absolute_errors
        mean, mean_square = self.known_errors.mean(leads), self.known_errors.mean(leads**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            return mean, np.sqrt(np.maximum(mean_square - mean**2, 0.0) / self.known_errors.days)

    def weights(self, combination: Combination) -> np.ndarray:
        """Return the weights of a combination by the errors known at every moment: member, series, moment."""
        members = [self.candidates.index(name) for name in combination.members]
        return combination.weights(self.known_mae[members], self.known_errors.days)


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
    combinations: Sequence[Combination] = (),
    clock: Callable[[], float] = time.perf_counter,
) -> Backtest:
    """Let every candidate forecast from every hour of a panel, from `first_origin` on.

    Each is fitted anew every `refit_hours` of its own, on the hours before, and filtered over the origins in between. Origins
    within long outages are left out.

    Args:
        panel: the series.
        candidates: the simplest first.
        first_origin: the first hour to forecast; those before it are history.
        horizon: hours to forecast from each origin.
        history_hours: how far back a fit looks.
        combinations: of these candidates, weighted at each origin by the errors known there; the last one is preferred.
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
    if not combinations:
        return Backtest(panel, origins, horizon, forecasts, seconds)
    alone = Backtest(panel, origins, horizon, dict(forecasts), dict(seconds))
    for combination in combinations:
        started_at = clock()
        members = [forecasts[name] for name in combination.members]
        forecasts[combination.name] = combine(members, alone.weights(combination)[..., origins])
        seconds[combination.name] = clock() - started_at
    return Backtest(panel, origins, horizon, forecasts, seconds, preferred=combinations[-1].name)


def _blocks(origins: np.ndarray, hours: int) -> list[np.ndarray]:
    """Split origins where so many hours have passed since the first one, and again, and again."""
    if not len(origins):
        return []
    return np.split(origins, np.flatnonzero(np.diff((origins - origins[0]) // hours)) + 1)
