"""Find the best arrest model among candidates and pack it with everything it needs into one bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.chicago_crimes.contracts import PROVENANCE_COLUMNS, RAW_CRIMES
from mlops_assets.chicago_crimes.features import PROFILED_CATEGORIES, PROFILED_NUMBERS
from mlops_assets.chicago_crimes.selection import selected_names
from mlops_assets.errors import NotEnoughDataError, SettingsError
from mlops_assets.ml.search import CandidateFamily, search
from mlops_assets.ml.training import TrainedModel, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

    from mlops_assets.chicago_crimes.preprocessing import CrimePreprocessor
    from mlops_assets.ml.bundle import ModelBundle
    from mlops_assets.ml.drift import FeatureProfile
    from mlops_assets.ml.search import Trial

MODEL_NAME = "arrest_model"

_UNUSED_COLUMNS = ("crime_id", "case_number", "block", "description", "is_arrest", "updated_at")
MODEL_INPUT = RAW_CRIMES.derive(
    "arrest_model_input",
    "What the arrest model needs to know of a crime: the columns of `raw_crimes` that are known when the crime is reported.",
    dropped=(*_UNUSED_COLUMNS, *PROVENANCE_COLUMNS),
    key=(),
)


TRAINING_ROWS = ("natural", "balanced")
"""The kinds of fitting rows that every candidate is tried on."""


def candidate_families() -> list[CandidateFamily]:
    """Return the kinds of model that compete, the simplest first; XGBoost joins where it is installed."""
    families = [
        CandidateFamily("logistic_regression", _logistic_regression, space={"C": [0.01, 0.1, 1.0, 10.0]}, defaults={"C": 1.0}),
        CandidateFamily(
            "random_forest",
            _random_forest,
            space={"min_samples_leaf": [5, 10, 20], "max_features": [0.2, 0.35, 0.5]},
            defaults={"min_samples_leaf": 10, "max_features": 0.35},
        ),
        CandidateFamily(
            "hist_gradient_boosting",
            _hist_gradient_boosting,
            space={
                "learning_rate": [0.05, 0.08, 0.12],
                "max_leaf_nodes": [15, 31, 63],
                "min_samples_leaf": [20, 60],
                "l2_regularization": [0.0, 1.0, 10.0],
            },
            defaults={"learning_rate": 0.08, "max_leaf_nodes": 31, "min_samples_leaf": 60, "l2_regularization": 1.0},
        ),
    ]
    return [*families, _xgboost_family()] if _has_xgboost() else families


def train_arrest_model(
    train: pd.DataFrame,
    scaled_train: pd.DataFrame,
    balanced_train: pd.DataFrame,
    selected_features: pd.DataFrame,
    preprocessor: CrimePreprocessor,
    stations: pd.DataFrame,
    *,
    window: tuple[datetime, datetime],
    trials_per_candidate: int,
    time_budget_seconds: float,
    seed: int,
    families: Sequence[str] = (),
    rows: Sequence[str] = (),
    on_trial: Callable[[Trial], None] | None = None,
) -> TrainedModel:
    """Fit every candidate on natural and on balanced rows, and bundle the one with the lowest log loss on validation rows.

    Args:
        train: `train_split`.
        scaled_train: its features.
        balanced_train: the fitting rows among them, resampled.
        selected_features: which features the model may use.
        preprocessor: fitted on the fitting rows.
        stations: `police_stations`, which the bundle takes along.
        window: start and end of the training window (UTC), test rows included.
        trials_per_candidate: configurations per candidate and kind of rows.
        time_budget_seconds: no trial starts after this; within it the result depends on the arguments alone.
        seed: of every random choice.
        families: names of the candidate families to try; all if empty.
        rows: kinds of fitting rows to try; all if empty.
        on_trial: called after each trial.

    Raises:
        NotEnoughDataError: no feature is selected, or the rows have one outcome only.
        SettingsError: an unknown family or kind of rows is named.
    """
    features = selected_names(selected_features)
    if not features:
        raise NotEnoughDataError("no feature carries enough information about arrests; lower the limit or look at the data")
    is_validation = scaled_train["is_validation"].to_numpy(dtype=bool)
    training_sets: dict[str, tuple[pd.DataFrame, np.ndarray | slice]] = {
        "natural": (scaled_train, ~is_validation),
        "balanced": (balanced_train, slice(None)),
    }
    tried_rows = _known(rows or TRAINING_ROWS, TRAINING_ROWS, "kind of rows")
    result = search(
        _named_families(families),
        {name: _features_and_outcome(*training_sets[name], features) for name in tried_rows},
        *_features_and_outcome(scaled_train, is_validation, features),
        trials_per_candidate=trials_per_candidate,
        seed=seed,
        time_budget_seconds=time_budget_seconds,
        on_trial=on_trial,
    )
    identity = fingerprint(
        [scaled_train, balanced_train, stations],
        {
            "best": [result.best.family, result.best.rows, dict(result.best.params)],
            "features": features,
            "seed": seed,
            "window": [moment.isoformat() for moment in window],
        },
    )
    bundle = bundle_arrest_model(
        result.best_estimator, result.best, features, preprocessor, stations, train, window=window, seed=seed, identity=identity
    )
    return TrainedModel(bundle, result.trials, result.is_cut_by_budget)


def bundle_arrest_model(
    estimator: Any,
    trial: Trial,
    features: list[str],
    preprocessor: CrimePreprocessor,
    stations: pd.DataFrame,
    train: pd.DataFrame,
    *,
    window: tuple[datetime, datetime],
    seed: int,
    identity: str,
) -> ModelBundle:
    """Join fitted parts to a bundle that takes raw crimes, with its threshold, its figures and its reference for drift."""
    from sklearn.pipeline import Pipeline

    from mlops_assets.chicago_crimes.preprocessing import CrimeEnricher, FeatureSelector
    from mlops_assets.ml.bundle import ModelBundle

    pipeline = Pipeline(
        [
            ("enrich", CrimeEnricher(stations)),
            ("preprocess", preprocessor),
            ("select", FeatureSelector(features)),
            ("estimate", estimator),
        ]
    )
    bundle = ModelBundle(
        name=MODEL_NAME,
        pipeline=pipeline,
        input_contract=MODEL_INPUT,
        threshold=float(trial.metrics["threshold"]),
        training_start_at=window[0],
        training_end_at=window[1],
        training_rows=int((~train["is_validation"].to_numpy(dtype=bool)).sum()),
        seed=seed,
        metrics=dict(trial.metrics),
        baseline_metrics={},
        reference=None,
        feature_names=tuple(features),
        estimator_name=f"{trial.family} on {trial.rows} rows",
        fingerprint=identity,
    )
    return replace(bundle, reference=_reference(bundle, train))


def _named_families(names: Sequence[str]) -> list[CandidateFamily]:
    families = {family.name: family for family in candidate_families()}
    return [families[name] for name in _known(names or list(families), list(families), "candidate family")]


def _known(names: Sequence[str], legal: Sequence[str], what: str) -> Sequence[str]:
    unknown = [name for name in names if name not in legal]
    if unknown:
        raise SettingsError(f"unknown {what}: {', '.join(unknown)}; known: {', '.join(legal)}")
    return names


def _reference(bundle: ModelBundle, train: pd.DataFrame) -> FeatureProfile:
    """Profile the train rows' columns, and the score on validation rows, on which it is not flattered by the fit."""
    from mlops_assets.ml.drift import build_profile

    columns = build_profile(train, PROFILED_NUMBERS, PROFILED_CATEGORIES)
    validation = train[train["is_validation"].to_numpy(dtype=bool)]
    score = validation.assign(arrest_probability=bundle.predict_probability(validation))
    return replace(columns, numeric=(*columns.numeric, *build_profile(score, ["arrest_probability"], []).numeric))


def _features_and_outcome(table: pd.DataFrame, rows: np.ndarray | slice, features: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the features and outcomes of some rows, with one copy of them and no more."""
    return table.loc[rows, features], table.loc[rows, "is_arrest"].to_numpy(dtype=bool)


def _logistic_regression(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**params, max_iter=300, random_state=seed)


def _random_forest(params: Mapping[str, Any], seed: int) -> Any:
    from mlops_assets.ml.forest import ReproducibleForest

    # A third of the rows per tree costs next to nothing in quality at this size and two thirds of the time.
    return ReproducibleForest(**params, n_estimators=60, max_samples=0.33, n_jobs=-1, random_state=seed)


def _hist_gradient_boosting(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Early stopping would set aside random rows; the number of rounds is fixed so that the fit is a function of its arguments.
    return HistGradientBoostingClassifier(**params, max_iter=150, early_stopping=False, random_state=seed)


def _xgboost_family() -> CandidateFamily:
    return CandidateFamily(
        "xgboost",
        _xgboost,
        space={"learning_rate": [0.05, 0.1, 0.2], "max_depth": [4, 6, 8], "subsample": [0.7, 0.9], "reg_lambda": [1.0, 10.0]},
        defaults={"learning_rate": 0.1, "max_depth": 6, "subsample": 0.9, "reg_lambda": 1.0},
    )


def _xgboost(params: Mapping[str, Any], seed: int) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(**params, n_estimators=150, tree_method="hist", random_state=seed)


def _has_xgboost() -> bool:
    from importlib.util import find_spec

    return find_spec("xgboost") is not None
