"""Choose a candidate for each series, and the width of its intervals, by the errors known at a moment.

Both look at out-of-sample errors of a backtest whose target hours lay before the moment, and at no others. Errors count less the
older they are, in hours in which anything was observed: an outage does not age them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.ml.forecasting.backtest import LONGEST_SILENCE_HOURS
from mlops_assets.ml.forecasting.panel import DAY_HOURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_assets.ml.forecasting.backtest import Backtest

LEVELS = (0.80, 0.95)
"""Shares of what happens that intervals are to hold."""

_HALF_LIFE_HOURS = 14 * DAY_HOURS
"""An error counts half as much as one that is two weeks younger: methods get better as they learn, and habits change."""
MIN_ORIGINS = 2 * DAY_HOURS
"""With errors of fewer origins the first candidate is kept: a day or less says little about the next."""
_PRIOR_DAYS = 7
"""The spread of errors at an hour of the day leans on that of all hours with the weight of so many days: a day has one error of
each horizon about the hour."""


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
class Judgement:
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


def judge(backtest: Backtest, moment: int, *, candidate: str | None = None) -> Judgement:
    """Judge by the errors known at an hour.

    Args:
        backtest: forecasts with what happened.
        moment: number of an hour of the panel; only target hours before it are looked at.
        candidate: take this one for all series instead of choosing.
    """
    count = int(np.searchsorted(backtest.origins, moment))
    absolute, is_known = backtest.absolute_errors[..., :count], backtest.is_known[..., :count]
    weights = _weights(backtest, count, moment)
    known_weight = np.where(is_known, weights, 0.0)
    with np.errstate(invalid="ignore"):
        mae = np.einsum("csho,ho->cs", absolute, weights) / known_weight.sum(axis=(1, 2))
    origin_counts = (known_weight > 0).any(axis=1).sum(axis=1)
    if candidate is None:
        choice = np.where(origin_counts >= MIN_ORIGINS, np.nan_to_num(mae, nan=np.inf).argmin(axis=0), 0)
    else:
        choice = np.full(len(backtest.panel.names), backtest.candidates.index(candidate))
    chosen = absolute[choice, np.arange(len(choice))]
    slots = backtest.target_slots[:, :count]
    spread = _spread_by_hour(chosen * known_weight, known_weight, slots)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Where all errors of an hour are 0, so is their ratio to the spread.
        scores = np.where(chosen == 0, 0.0, chosen / spread[:, slots])
    return Judgement(choice, origin_counts, mae, IntervalWidths(spread, conformal_factors(scores, known_weight, LEVELS)))


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
    return np.where(targets < moment, 0.5 ** (age / _HALF_LIFE_HOURS), 0.0)


def _spread_by_hour(weighted: np.ndarray, weights: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Return the mean absolute error by series and local hour of the day of the target."""
    sums, counts = _sum_by_slot(weighted, slots), _sum_by_slot(weights, slots)
    total = counts.sum(axis=1, keepdims=True)
    overall = sums.sum(axis=1, keepdims=True) / np.where(total > 0, total, 1.0)
    prior = _PRIOR_DAYS * len(slots)
    return (sums + prior * overall) / (counts + prior)


def _sum_by_slot(values: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Sum values (series, horizon, origin) by series and slot (of horizon, origin)."""
    cells = np.arange(len(values))[:, None] * DAY_HOURS + slots.ravel()
    return np.bincount(cells.ravel(), values.ravel(), minlength=len(values) * DAY_HOURS).reshape(-1, DAY_HOURS)
