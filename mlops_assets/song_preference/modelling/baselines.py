"""What a preference model is measured beside: liking every song, the original system's model, and a plain forest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.song_preference import defaults
from mlops_assets.song_preference.contracts import FEATURE_NAMES
from mlops_assets.song_preference.modelling.features import ORIGINAL_FEATURES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_ORIGINAL_C = 22.17
_HALF = 0.5
_TREES = 300


@dataclass(frozen=True)
class Scored:
    """What a predictor says about songs.

    Attributes:
        probability: that each is liked.
        threshold: the probability from which on it counts as liked.
    """

    probability: np.ndarray
    threshold: float


Baseline = Callable[["pd.DataFrame", "pd.DataFrame"], Scored]
"""Scores songs, given training songs with labels and the songs to score."""


def always_like(training: pd.DataFrame, songs: pd.DataFrame) -> Scored:
    """Like every song, with the share of liked training songs as probability."""
    import numpy as np

    return Scored(np.full(len(songs), float(training["is_liked"].mean())), 0.0)


def original_svc(training: pd.DataFrame, songs: pd.DataFrame) -> Scored:
    """Score as the original system does: an SVC (RBF, C = 22.17) on its four features as they are.

    It has no probabilities; those here are its decision values, calibrated, and the threshold is where it decides.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    features, middle = list(ORIGINAL_FEATURES), training[list(ORIGINAL_FEATURES)].median().fillna(0.0)
    svc = CalibratedClassifierCV(SVC(C=_ORIGINAL_C), ensemble=False)
    svc.fit(training[features].fillna(middle), training["is_liked"].to_numpy(dtype=bool))
    (calibrated,) = svc.calibrated_classifiers_
    threshold = float(calibrated.calibrators[0].predict([0.0])[0])
    return Scored(svc.predict_proba(songs[features].fillna(middle))[:, 1], threshold)


def random_forest(training: pd.DataFrame, songs: pd.DataFrame) -> Scored:
    """Score by a random forest of 300 trees with three songs or more in each leaf, on all thirteen features."""
    from mlops_assets.ml.forest import ReproducibleForest

    features, middle = list(FEATURE_NAMES), training[list(FEATURE_NAMES)].median().fillna(0.0)
    forest = ReproducibleForest(_TREES, min_samples_leaf=3, n_jobs=-1, random_state=defaults.SEED)
    forest.fit(training[features].fillna(middle), training["is_liked"].to_numpy(dtype=bool))
    return Scored(forest.predict_proba(songs[features].fillna(middle))[:, 1], _HALF)


BASELINES: Mapping[str, Baseline] = {"always_like": always_like, "original_svc": original_svc}
"""Those that every model is evaluated beside."""
