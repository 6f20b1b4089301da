"""The candidates for the popularity model: kinds of model, each on the same features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_assets.errors import SettingsError
from mlops_assets.ml.search import Candidate, Range


def _logistic_regression(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # A column without any value in training is kept, so that the pipeline has the same features everywhere.
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_pipeline(impute, StandardScaler(), LogisticRegression(**params, max_iter=500, random_state=seed))


def _random_forest(params: Mapping[str, Any], seed: int) -> Any:
    from mlops_assets.ml.forest import ReproducibleForest

    return ReproducibleForest(**params, n_estimators=200, n_jobs=-1, random_state=seed)


def _hist_gradient_boosting(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Early stopping would set aside random rows; the number of rounds is fixed so that the fit is a function of its arguments.
    return HistGradientBoostingClassifier(**params, max_iter=100, early_stopping=False, random_state=seed)


def _soft_vote(params: Mapping[str, Any], seed: int) -> Any:
    """Return the mean of the probabilities of the three kinds, which err differently."""
    from sklearn.ensemble import VotingClassifier

    parts = [(name, FAMILIES[name].build({**FAMILIES[name].defaults, **_own(params, name)}, seed)) for name in _VOTERS]
    return VotingClassifier(parts, voting="soft")


def _own(params: Mapping[str, Any], voter: str) -> dict[str, Any]:
    """Return the settings of one voter, which bear its name."""
    return {name.removeprefix(f"{voter}__"): value for name, value in params.items() if name.startswith(f"{voter}__")}


_VOTERS = ("logistic_regression", "random_forest", "hist_gradient_boosting")

FAMILIES: dict[str, Candidate] = {
    "logistic_regression": Candidate(
        {"family": "logistic_regression"}, _logistic_regression, {"C": 0.3}, {"C": Range(0.01, 10.0, is_logarithmic=True)}
    ),
    "random_forest": Candidate(
        {"family": "random_forest"},
        _random_forest,
        {"max_depth": 15, "min_samples_leaf": 3, "max_features": 0.35},
        {"min_samples_leaf": Range(1, 10, is_logarithmic=True), "max_features": Range(0.15, 0.6)},
    ),
    "hist_gradient_boosting": Candidate(
        {"family": "hist_gradient_boosting"},
        _hist_gradient_boosting,
        {"learning_rate": 0.06, "max_leaf_nodes": 15, "min_samples_leaf": 20, "l2_regularization": 5.0, "max_features": 0.4},
        {
            "learning_rate": Range(0.03, 0.15, is_logarithmic=True),
            "max_leaf_nodes": Range(6, 31, is_logarithmic=True),
            "min_samples_leaf": Range(10, 60, is_logarithmic=True),
            "l2_regularization": Range(0.5, 30.0, is_logarithmic=True),
        },
    ),
    "soft_vote": Candidate(
        {"family": "soft_vote"},
        _soft_vote,
        {
            "logistic_regression__C": 0.1,
            "random_forest__min_samples_leaf": 3,
            "hist_gradient_boosting__learning_rate": 0.04,
        },
        {
            "logistic_regression__C": Range(0.01, 1.0, is_logarithmic=True),
            "random_forest__min_samples_leaf": Range(1, 8, is_logarithmic=True),
            "hist_gradient_boosting__learning_rate": Range(0.02, 0.1, is_logarithmic=True),
        },
    ),
}
"""Kinds of model by name, the simplest first. The forest has the original's number and depth of trees."""


def popularity_candidates(families: Sequence[str] = ()) -> list[Candidate]:
    """Return every named family; all if none is named.

    Raises:
        SettingsError: a name is unknown.
    """
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        raise SettingsError(f"unknown family: {', '.join(unknown)}; known: {', '.join(FAMILIES)}")
    return [candidate for name, candidate in FAMILIES.items() if not families or name in families]
