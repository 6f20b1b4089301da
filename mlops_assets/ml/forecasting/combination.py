"""Combinations of candidates: a mean is rarely the best of them, and never far from it.

Which of several methods is best on a few days of history is mostly luck. So weights begin equal, lean on what all series together
say of a method, and become sharper with every day that is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from mlops_assets.ml.forecasting.candidates import fill_gaps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_assets.ml.forecasting.candidates import FittedCandidate
    from mlops_assets.ml.forecasting.panel import Panel

SHARPEST = 8
"""Weights are the inverse errors to the power of the days that are known, and at most of this: then a method that errs a tenth
more than another has less than half its weight."""

_PRIOR_DAYS = 3
"""What all series together say of a method counts as much as so many days of the series itself."""


class Combination(Protocol):
    """A way to weigh the forecasts of other candidates.

    Attributes:
        name: names it in tables.
        description: what it does, for people.
        members: the candidates that are combined.
    """

    name: str
    description: str
    members: tuple[str, ...]

    def weights(self, mae: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return the weight of each member.

        Args:
            mae: mean absolute errors known at a moment: member, series, moment; NaN where none is known.
            days: how many days' worth of errors that is: series, moment.

        Returns:
            Member, series, moment; from 0 to 1, for each series and moment 1 together.
        """
        ...


class EqualWeights:
    """Combination: the mean of its members."""

    name = "mean"

    def __init__(self, members: Sequence[str]) -> None:
        """Combine these candidates."""
        self.members = tuple(members)
        self.description = f"mean of {', '.join(self.members)}"

    def weights(self, mae: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return the same weight for all."""
        return np.full(mae.shape, 1 / len(mae))


class InverseErrorWeights:
    """Combination: the mean of its members, weighted by their inverse errors."""

    name = "weighted_mean"

    def __init__(self, members: Sequence[str]) -> None:
        """Combine these candidates."""
        self.members = tuple(members)
        self.description = (
            f"mean of {', '.join(self.members)}, weighted by their inverse errors, the more sharply the more are known"
        )

    def weights(self, mae: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Return weights by errors relative to those of the other members; equal ones where nobody errs or nothing is known."""
        from scipy.special import softmax

        days = np.nan_to_num(days)
        with np.errstate(divide="ignore"):
            logs = np.log(mae)
        is_told = np.isfinite(logs).all(axis=0)
        relative = np.where(is_told, logs - np.where(is_told, logs, 0.0).mean(axis=0), 0.0)
        pooled = relative.sum(axis=1, keepdims=True) / np.maximum(is_told.sum(axis=0), 1)
        leaning = np.where(is_told, days, 0.0)
        relative = (leaning * relative + _PRIOR_DAYS * pooled) / (leaning + _PRIOR_DAYS)
        return softmax(-np.minimum(days, SHARPEST) * relative, axis=0)


class FittedCombination:
    """A combination whose members are fitted and whose weights are known."""

    def __init__(
        self, members: Mapping[str, FittedCandidate], weights: Mapping[str, np.ndarray], fallbacks: Sequence[FittedCandidate]
    ) -> None:
        """Use fitted members, and weights by series, in the order of the members; other series weigh them equally.

        Where a member has nothing to say, the first fallback that says something stands in for it.
        """
        self.members = dict(members)
        self.weights = dict(weights)
        self.fallbacks = list(fallbacks)

    def predict(self, panel: Panel, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast from each origin."""
        equal = np.full(len(self.members), 1 / len(self.members))
        weights = np.array([self.weights.get(name, equal) for name in panel.names]).T[:, :, None]
        fallbacks = [fallback.predict(panel, origins, horizon) for fallback in self.fallbacks]
        said = [fill_gaps(member.predict(panel, origins, horizon), fallbacks) for member in self.members.values()]
        return combine(said, weights)


def combine(forecasts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return weighted means of forecasts.

    Args:
        forecasts: of each member: origin, series, horizon.
        weights: member, series, origin; or one weight for all origins.
    """
    combined = np.zeros_like(forecasts[0])
    for forecast, weight in zip(forecasts, weights, strict=True):
        combined += forecast * weight.T[..., None]
    return combined
