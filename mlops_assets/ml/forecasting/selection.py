"""Choose a candidate for each series, and the width of its intervals, by the errors known at a moment.

Both look at out-of-sample errors of a backtest whose target hours lay before the moment, and at no others. Errors count less the
older they are, in hours in which anything was observed: an outage does not age them.

On a few days of history the smallest error is mostly luck. So where there is a combination to prefer, it stays unless another
candidate is better by more than one standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.ml.forecasting.backtest import LONGEST_SILENCE_HOURS
from mlops_assets.ml.forecasting.known_errors import HALF_LIFE_HOURS
from mlops_assets.ml.forecasting.panel import DAY_HOURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_assets.ml.forecasting.backtest import Backtest

LEVELS = (0.80, 0.95)
"""Shares of what happens that intervals are to hold."""

MIN_ORIGINS = 2 * DAY_HOURS
"""With errors of fewer origins the preferred candidate is kept: a day or less says little about the next."""

_MOST_MEASURED, _SPACING = 10 * DAY_HOURS, 5
"""From more origins, every fifth makes the intervals: neighbouring hours repeat each other, and because five hours do not divide a
day, each horizon is measured at every hour of it."""


@dataclass(frozen=True, eq=False)
class IntervalWidths:
    """How wide the intervals of one series, or of several, are.

    Attributes:
        spread: mean absolute error by local hour of the day of the target; for several series, one row each.
        factors: by level, how many spreads lie between a forecast and the ends of its interval, by horizon; infinite where too few
            errors are known to say. For several series, one row each.
    """

    spread: np.ndarray
    factors: Mapping[float, np.ndarray]

    def half_widths(self, level: float, slots: np.ndarray, *, delay: int = 0) -> np.ndarray:
        """Return the distance between forecasts and the ends of their intervals, by horizon; infinite where it is not known.

        Args:
            level: one of `LEVELS`.
            slots: local hours of the day of the target hours.
            delay: hours for which a series has been silent: its forecasts are as wide as those of that much longer horizons.
        """
        if delay >= LONGEST_SILENCE_HOURS:
            return np.full(self.factors[level].shape, np.inf)
        factors = self.factors[level][..., np.minimum(np.arange(len(slots)) + delay, len(slots) - 1)]
        with np.errstate(invalid="ignore"):
            widths = factors * self.spread[..., slots]
        # Also beside a spread of 0: nothing is known, not even that the next error will be 0.
        return np.where(np.isinf(factors), np.inf, widths)

    def of_series(self, column: int) -> IntervalWidths:
        """Return the widths of one of several series."""
        return IntervalWidths(
            self.spread[column].copy(), {level: factors[column].copy() for level, factors in self.factors.items()}
        )


@dataclass(frozen=True, eq=False)
class MethodSelection:
    """What a moment's known errors say.

    Attributes:
        choice: for each series, the number of its candidate.
        origin_counts: for each series, from how many origins errors are known.
        mae: mean absolute error by candidate and series; NaN where none is known.
        widths: how wide the intervals of the chosen candidates are.
    """

    choice: np.ndarray
    origin_counts: np.ndarray
    mae: np.ndarray
    widths: IntervalWidths


def select_methods(backtest: Backtest, moment: int, *, candidate: str | None = None) -> MethodSelection:
    """Judge by the errors known at an hour.

    Args:
        backtest: forecasts with what happened.
        moment: number of an hour of the panel; only target hours before it are looked at.
        candidate: take this one for all series instead of choosing.
    """
    count = int(np.searchsorted(backtest.origins, moment))
    is_known, weights = backtest.is_known[..., :count], _weights(backtest, count, moment)
    known_weight = np.where(is_known, weights, 0.0)
    mae = backtest.known_mae[..., moment]
    origin_counts = (known_weight > 0).any(axis=1).sum(axis=1)
    if candidate is None:
        choice = np.where(origin_counts >= MIN_ORIGINS, _clearly_best(backtest, moment), backtest.preferred_number)
    else:
        choice = np.full(len(backtest.panel.names), backtest.candidates.index(candidate))
    measured = np.arange(0, count, _SPACING if count > _MOST_MEASURED else 1)
    scores, spread = _scores(backtest, choice, measured, moment)
    factors = conformal_factors(scores, known_weight[..., measured], LEVELS)
    return MethodSelection(choice, origin_counts, mae, IntervalWidths(spread, factors))


def _scores(backtest: Backtest, choice: np.ndarray, measured: np.ndarray, moment: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the absolute errors of the chosen candidates in spreads, and the spread that is known now by hour of the day.

    The unit lies half-way between the spread that is known now and the one that was known when the forecast was made. In units of
    the first, a method that errs less and less, as it learns, has intervals that are too wide, and too narrow ones when it errs
    more and more; in units of the second, intervals follow every turn.

    Args:
        backtest: forecasts with what happened.
        choice: the candidate of each series.
        measured: positions of origins.
        moment: number of an hour of the panel.
    """
    series = np.arange(len(choice))
    spread = backtest.known_spread[choice, series]
    slots, origins = backtest.target_slots[:, measured], backtest.origins[measured]
    now, then = spread[..., moment][:, slots], spread[:, slots, origins]
    horizons = np.arange(backtest.horizon)[:, None]
    absolute = backtest.absolute_errors[choice[:, None, None], series[:, None, None], horizons, measured]
    with np.errstate(invalid="ignore", divide="ignore"):
        # Where all errors of an hour are 0, so is their ratio to the spread. Nothing was known before the first error.
        scores = np.where(absolute == 0, 0.0, absolute / np.sqrt(now * np.where(then > 0, then, now)))
    return scores, spread[..., moment]


def _clearly_best(backtest: Backtest, moment: int) -> np.ndarray:
    """Return for each series the candidate with the smallest error, or the preferred one if that is hardly worse.

    Hardly means by no more than a standard error. If the two are equally good, as where nobody ever errs, the simplest is taken.
    """
    mae = np.nan_to_num(backtest.known_mae[..., moment], nan=np.inf)
    best, series = mae.argmin(axis=0), np.arange(mae.shape[1])
    if backtest.preferred is None:
        return best
    lead, standard_error = (figures[best, series, moment] for figures in backtest.known_lead)
    return np.where((lead > standard_error) | (lead == 0), best, backtest.preferred_number)


def conformal_factors(scores: np.ndarray, weights: np.ndarray, levels: Sequence[float]) -> dict[float, np.ndarray]:
    """Return, by level, the score that the next one will not exceed with that probability (split conformal, weighted).

    The next score itself counts as an infinite one of weight 1; so with few scores, or old ones, high levels are infinite.

    Args:
        scores: absolute errors in any unit, along the last axis.
        weights: of the same shape; 1 for the newest, 0 for those that are unknown or to be ignored.
        levels: probabilities.

    Returns:
        By level, without the last axis. A higher level never has a smaller score.
    """
    order = np.argsort(scores, axis=-1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1)
    # One score more, that of the next error: infinite.
    ordered = np.concatenate([np.take_along_axis(scores, order, axis=-1), np.full((*scores.shape[:-1], 1), np.inf)], axis=-1)
    total = weights.sum(axis=-1, keepdims=True) + 1.0
    factors = {}
    for level in levels:
        rank = (reached < level * total).sum(axis=-1, keepdims=True)
        factors[level] = np.take_along_axis(ordered, rank, axis=-1)[..., 0]
    return factors


def _weights(backtest: Backtest, count: int, moment: int) -> np.ndarray:
    """Return the weights of the errors of the first origins, by horizon and origin; 0 for target hours from the moment on."""
    targets = np.minimum(backtest.targets[:, :count], len(backtest.panel))
    observed = backtest.panel.observed_hours
    age = observed[moment] - observed[targets]
    return np.where(targets < moment, 0.5 ** (age / HALF_LIFE_HOURS), 0.0)
