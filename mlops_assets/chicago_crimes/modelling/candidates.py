"""The candidates for the arrest model: kinds of model, each on the sets of features and the resampling of rows that suit it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from mlops_assets.chicago_crimes.modelling.features import FEATURE_SETS, categories_among
from mlops_assets.errors import SettingsError
from mlops_assets.ml.search import Candidate, Range

RESAMPLINGS = ("none", "smote")
"""What may be done to the classes of training rows. SMOTE makes probabilities too high and has never won; it is tried if named."""

_ROUNDS = 150


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        build: makes an unfitted estimator from settings, a seed, and `is_category` of each feature.
        defaults: settings that do well on a year of crimes.
        space: the ranges in which others are looked for.
        feature_sets: those that it takes.
    """

    build: Callable[..., Any]
    defaults: Mapping[str, Any]
    space: Mapping[str, Range]
    feature_sets: tuple[str, ...] = ("encoded",)


def _logistic_regression(params: Mapping[str, Any], seed: int, is_category: list[bool]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**params, max_iter=300, random_state=seed)


def _random_forest(params: Mapping[str, Any], seed: int, is_category: list[bool]) -> Any:
    from mlops_assets.ml.forest import ReproducibleForest

    # A third of the rows per tree costs next to nothing in quality at this size and two thirds of the time.
    return ReproducibleForest(**params, n_estimators=60, max_samples=0.33, n_jobs=-1, random_state=seed)


def _hist_gradient_boosting(params: Mapping[str, Any], seed: int, is_category: list[bool]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Early stopping would set aside random rows; the number of rounds is fixed so that the fit is a function of its arguments.
    return HistGradientBoostingClassifier(
        **params, max_iter=_ROUNDS, early_stopping=False, random_state=seed, categorical_features=is_category or None
    )


def _xgboost(params: Mapping[str, Any], seed: int, is_category: list[bool]) -> Any:
    from xgboost import XGBClassifier

    types = ["c" if category else "q" for category in is_category] or None
    return XGBClassifier(
        **params, n_estimators=_ROUNDS, tree_method="hist", random_state=seed, enable_categorical=True, feature_types=types
    )


FAMILIES = {
    "logistic_regression": Family(_logistic_regression, {"C": 1.0}, {"C": Range(0.01, 10.0, is_logarithmic=True)}),
    "random_forest": Family(
        _random_forest,
        {"min_samples_leaf": 10, "max_features": 0.35},
        {"min_samples_leaf": Range(5, 20, is_logarithmic=True), "max_features": Range(0.2, 0.5)},
    ),
    "hist_gradient_boosting": Family(
        _hist_gradient_boosting,
        {"learning_rate": 0.08, "max_leaf_nodes": 31, "min_samples_leaf": 60, "l2_regularization": 3.0, "max_features": 0.3},
        {
            "learning_rate": Range(0.04, 0.16, is_logarithmic=True),
            "max_leaf_nodes": Range(12, 63, is_logarithmic=True),
            "min_samples_leaf": Range(20, 200, is_logarithmic=True),
            "l2_regularization": Range(0.3, 30.0, is_logarithmic=True),
            "max_features": Range(0.15, 0.6),
        },
        feature_sets=FEATURE_SETS,
    ),
    "xgboost": Family(
        _xgboost,
        {"learning_rate": 0.1, "max_depth": 6, "subsample": 0.9, "reg_lambda": 3.0, "colsample_bynode": 0.3},
        {
            "learning_rate": Range(0.04, 0.2, is_logarithmic=True),
            "max_depth": Range(4, 8),
            "subsample": Range(0.7, 1.0),
            "reg_lambda": Range(0.3, 30.0, is_logarithmic=True),
            "colsample_bynode": Range(0.15, 0.6),
        },
        feature_sets=FEATURE_SETS,
    ),
}
"""Kinds of model by name, the simplest first."""


def installed_families() -> list[str]:
    """Return the names of the families that can be tried here: XGBoost joins where it is installed."""
    return [name for name in FAMILIES if name != "xgboost" or find_spec("xgboost")]


def arrest_candidates(
    columns: Collection[str],
    *,
    families: Collection[str] = (),
    feature_sets: Collection[str] = (),
    resamplings: Collection[str] = (),
) -> list[Candidate]:
    """Return every named family on every set of features and every resampling that suit it.

    Args:
        columns: of which features are made.
        families: all that are installed if empty.
        feature_sets: all if empty.
        resamplings: of the training rows, which stay as they are if empty.

    Raises:
        SettingsError: a name is unknown, or nothing suits another.
    """
    return [
        Candidate(
            {"family": name, "features": feature_set, "resampling": resampling},
            partial(FAMILIES[name].build, is_category=categories_among(feature_set, columns)),
            FAMILIES[name].defaults,
            FAMILIES[name].space,
        )
        for name, feature_set, resampling in require_candidate(families, feature_sets, resamplings)
    ]


def require_candidate(
    families: Collection[str], feature_sets: Collection[str], resamplings: Collection[str]
) -> list[tuple[str, str, str]]:
    """Return what suits each other of the names, as family, set of features and resampling.

    SMOTE interpolates between rows, so it goes with the encoded set only.

    Raises:
        SettingsError: a name is unknown, or nothing suits another.
    """
    suiting = [
        (family, feature_set, resampling)
        for family in _known(families or installed_families(), installed_families(), "family")
        for feature_set in _known(feature_sets or FEATURE_SETS, FEATURE_SETS, "feature set")
        if feature_set in FAMILIES[family].feature_sets
        for resampling in _known(resamplings or RESAMPLINGS[:1], RESAMPLINGS, "resampling")
        if resampling == "none" or feature_set == "encoded"
    ]
    if not suiting:
        raise SettingsError(
            f"no candidate: {', '.join(families) or 'no family'} {'cannot' if families else 'can'} be fitted on "
            f"{', '.join(feature_sets) or 'any'} features with {', '.join(resamplings) or 'no'} resampling"
        )
    return suiting


def _known(names: Collection[str], known: Collection[str], what: str) -> Collection[str]:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"unknown {what}: {', '.join(unknown)}; known: {', '.join(known)}")
    return names
