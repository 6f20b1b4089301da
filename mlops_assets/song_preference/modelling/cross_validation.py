"""Measuring a candidate by what it says of songs that it was not fitted on, in every fold of a repeated cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_HALF = 0.5

Folds = Sequence[tuple[np.ndarray, np.ndarray]]


class OutOfFold:
    """An estimator whose predictions for the songs it is fitted on are those of fits without them, averaged over repetitions.

    To a search it is an estimator like any other, fitted and measured on the same songs.
    """

    def __init__(self, build: Callable[[], Any], folds: Folds) -> None:
        """Fit what `build` makes on the training songs of each of `folds`."""
        self._build, self._folds = build, folds

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> OutOfFold:
        """Fit an estimator for each fold, and note what it says about the fold's other songs."""
        total, count = np.zeros(len(X)), np.zeros(len(X))
        for training, validation in self._folds:
            estimator = self._build().fit(X.iloc[training], y[training])
            total[validation] += estimator.predict_proba(X.iloc[validation])[:, 1]
            count[validation] += 1
        self.probability_ = total / count
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the noted probabilities, n x 2, of the songs that it was fitted on."""
        if len(X) != len(self.probability_):
            raise ValueError("Out-of-fold probabilities are there for the songs of the fit alone.")
        return np.column_stack([1 - self.probability_, self.probability_])


def choose_threshold(is_liked: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Return the probability from which songs count as liked, by what was said of songs that were left out of the fits.

    It lies half way between the best for F1, which the original system maximized, and one half. The best alone wavers with the few
    songs at the cut: from one repetition of the folds to the next, it moved F1 more than the choice of model does.
    """
    from mlops_assets.ml.metrics import best_f1_threshold

    return (best_f1_threshold(is_liked, probability) + _HALF) / 2
