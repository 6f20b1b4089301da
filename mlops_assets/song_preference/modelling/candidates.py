"""The candidates for the preference model: kinds of model, each on the sets of features that it is tried with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from mlops_assets.errors import SettingsError
from mlops_assets.ml.search import Candidate, Range
from mlops_assets.song_preference.modelling.features import FEATURE_SETS

_TREES = 300
_QUANTILES = 30
"""As many songs as a fold of the smallest dataset has."""


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        build: makes an unfitted estimator from settings and a seed.
        defaults: settings that do well on a few hundred songs.
        space: the ranges in which others are looked for.
        is_scaled: whether features are scaled to 0 to 1 first, as in the original.
    """

    build: Callable[[Mapping[str, Any], int], Any]
    defaults: Mapping[str, Any]
    space: Mapping[str, Range]
    is_scaled: bool = False


def _logistic_regression(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**params, max_iter=1_000, random_state=seed)


def _svc(kernel: str, params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    return CalibratedClassifierCV(SVC(kernel=kernel, random_state=seed, **params), ensemble=False)


def _decision_tree(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(**params, random_state=seed)


def _random_forest(params: Mapping[str, Any], seed: int) -> Any:
    from mlops_assets.ml.forest import ReproducibleForest

    return ReproducibleForest(**params, n_estimators=_TREES, n_jobs=-1, random_state=seed)


def _gradient_boosting(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    # On a few hundred songs it is as good as boosting of histograms, and many times faster for a single one.
    return GradientBoostingClassifier(**params, n_estimators=150, random_state=seed)


def _soft_vote(params: Mapping[str, Any], seed: int) -> Any:
    """Return a weighted mean of the probabilities of a forest, boosted trees and an SVC; they err differently."""
    from sklearn.ensemble import VotingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import QuantileTransformer

    by_rank = QuantileTransformer(n_quantiles=_QUANTILES, random_state=seed)
    parts = [
        ("forest", _random_forest({**FAMILIES["random_forest"].defaults, "min_samples_leaf": params["min_samples_leaf"]}, seed)),
        ("boosting", _gradient_boosting(FAMILIES["gradient_boosting"].defaults, seed)),
        ("svc", Pipeline([("rank", by_rank), ("estimate", _svc("rbf", {"C": params["C"]}, seed))])),
    ]
    return VotingClassifier(parts, voting="soft", weights=[2, 1, 1])


def _xgboost(params: Mapping[str, Any], seed: int) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(**params, n_estimators=200, tree_method="hist", random_state=seed)


_WIDTHS = {"C": Range(0.05, 50.0, is_logarithmic=True)}

FAMILIES: dict[str, Family] = {
    "logistic_regression": Family(_logistic_regression, {"C": 1.0}, {"C": Range(0.01, 10.0, is_logarithmic=True)}, True),
    "svc_linear": Family(partial(_svc, "linear"), {"C": 1.0}, {"C": Range(0.05, 20.0, is_logarithmic=True)}, True),
    "svc_poly": Family(partial(_svc, "poly"), {"C": 1.0, "degree": 3}, {**_WIDTHS, "degree": Range(2, 6)}, True),
    "svc_rbf": Family(partial(_svc, "rbf"), {"C": 5.0}, _WIDTHS, True),
    "decision_tree": Family(
        _decision_tree,
        {"max_depth": 5, "min_samples_leaf": 8},
        {"max_depth": Range(2, 32), "min_samples_leaf": Range(2, 30, is_logarithmic=True)},
    ),
    "gradient_boosting": Family(
        _gradient_boosting,
        {"learning_rate": 0.05, "max_depth": 4, "min_samples_leaf": 5, "subsample": 0.6, "max_features": 0.3},
        {
            "learning_rate": Range(0.02, 0.1, is_logarithmic=True),
            "max_depth": Range(2, 6),
            "min_samples_leaf": Range(3, 20, is_logarithmic=True),
            "subsample": Range(0.4, 1.0),
            "max_features": Range(0.15, 0.8),
        },
    ),
    "random_forest": Family(
        _random_forest,
        {"min_samples_leaf": 3, "max_features": 0.3},
        {"min_samples_leaf": Range(1, 8), "max_features": Range(0.1, 0.6)},
    ),
    "soft_vote": Family(
        _soft_vote,
        {"min_samples_leaf": 3, "C": 3.0},
        {"min_samples_leaf": Range(1, 6), "C": Range(0.3, 10.0, is_logarithmic=True)},
    ),
    "xgboost": Family(
        _xgboost,
        {"learning_rate": 0.05, "max_depth": 3, "subsample": 0.8, "colsample_bynode": 0.4},
        {"learning_rate": Range(0.01, 0.3, is_logarithmic=True), "max_depth": Range(3, 10), "subsample": Range(0.6, 1.0)},
    ),
}
"""Kinds of model by name, the simplest first."""


def installed_families() -> list[str]:
    """Return the names of the families that can be tried here: XGBoost joins where it is installed."""
    return [name for name in FAMILIES if name != "xgboost" or find_spec("xgboost")]


def preference_candidates(families: Collection[str] = (), feature_sets: Collection[str] = ()) -> list[Candidate]:
    """Return every named family on every named set of features.

    Args:
        families: all that are installed if empty.
        feature_sets: all if empty.

    Raises:
        SettingsError: a name is unknown.
    """
    return [
        Candidate(
            {"family": name, "features": feature_set},
            partial(build_pipeline, name),
            FAMILIES[name].defaults,
            FAMILIES[name].space,
        )
        for name in _known(families, installed_families(), "family")
        for feature_set in _known(feature_sets, list(FEATURE_SETS), "feature set")
    ]


def build_pipeline(family: str, params: Mapping[str, Any], seed: int) -> Any:
    """Return an unfitted pipeline that takes the features of songs, unknown ones as NaN."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MinMaxScaler

    steps: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median", keep_empty_features=True))]
    if FAMILIES[family].is_scaled:
        steps.append(("scale", MinMaxScaler(clip=True)))
    return Pipeline([*steps, ("estimate", FAMILIES[family].build(params, seed))])


def _known(names: Collection[str], known: Sequence[str], what: str) -> Collection[str]:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"unknown {what}: {', '.join(unknown)}; known: {', '.join(known)}")
    return names or known
