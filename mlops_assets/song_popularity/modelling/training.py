"""Find the best popularity model among candidates and pack it into one bundle that takes a raw event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.explanation import typical_record
from mlops_assets.ml.metric_set import LOG_LOSS
from mlops_assets.ml.multiclass import MULTICLASS_METRICS, measure_classes
from mlops_assets.ml.search import Candidate, Scoring, search
from mlops_assets.ml.training import TrainedModel, fingerprint
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS
from mlops_assets.song_popularity.levels import level_numbers
from mlops_assets.song_popularity.model_contracts import MODEL_INPUT
from mlops_assets.song_popularity.modelling.candidates import popularity_candidates
from mlops_assets.song_popularity.modelling.features import CATEGORIES, NUMBERS, event_features
from mlops_assets.song_popularity.modelling.splitting import split_tracks
from mlops_assets.song_popularity.modelling.training_set import require_levels

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.ml.drift import FeatureProfile
    from mlops_assets.ml.search import Trial

MODEL_NAME = "popularity_model"
SCORE = "score"
"""What the reference for drift calls the probability of the likeliest class."""

_VALIDATION_SHARE = 0.25


def train_popularity_model(
    train: pd.DataFrame,
    *,
    window: tuple[datetime, datetime] | None,
    tuning_trials: int = defaults.TUNING_TRIALS,
    time_budget_seconds: float = defaults.TIME_BUDGET_SECONDS,
    seed: int = defaults.SEED,
    families: Sequence[str] = (),
    on_trial: Callable[[Trial], None] | None = None,
) -> TrainedModel:
    """Find the candidate with the lowest log loss on validation tracks, fit it again on all training tracks, and bundle it.

    Validation tracks are the latest quarter. The metrics of the bundle, and the score in its reference for drift, are of the first
    fit, which had not seen them.

    Args:
        train: `train_split`.
        window: start and end of the training window (UTC), test tracks included; None if tracks bear no time.
        tuning_trials: configurations tried after the defaults of every candidate.
        time_budget_seconds: no trial starts after this; within it the result depends on the arguments alone.
        seed: of every random choice.
        families: kinds of model to try; all if empty.
        on_trial: called after each trial.

    Raises:
        NotEnoughDataError: all tracks are of one class.
        SettingsError: a name is unknown.
    """
    from sklearn.pipeline import Pipeline

    from mlops_assets.ml.bundle import Bundle, Provenance
    from mlops_assets.ml.predictors import MulticlassClassifier
    from mlops_assets.song_popularity.modelling.preprocessing import encoded_outcomes, make_features

    learning, validation = split_tracks(train, _VALIDATION_SHARE)
    for part, name in ((learning, "learning"), (validation, "validation")):
        require_levels(part, name)
    prepare = _prepare_once(learning, validation, seed)
    result = search(
        popularity_candidates(families),
        prepare,
        level_numbers(validation["popularity_level"]),
        tuning_trials=tuning_trials,
        seed=seed,
        time_budget_seconds=time_budget_seconds,
        scoring=Scoring(LOG_LOSS, _measure),
        on_trial=on_trial,
    )
    features, outcome = make_features(seed), level_numbers(train["popularity_level"])
    values = features.fit_transform(_inputs(train), encoded_outcomes(train))
    estimator = result.best_candidate.build(result.best.params, seed).fit(values, outcome)
    pipeline = Pipeline([("features", features), ("estimate", estimator)])
    score = result.best_estimator.predict_proba(prepare(result.best_candidate)[2]).max(axis=1)
    provenance = Provenance(
        name=MODEL_NAME,
        training_start_at=window and window[0],
        training_end_at=window and window[1],
        training_rows=len(train),
        seed=seed,
        metrics=dict(result.best.metrics),
        baseline_metrics={},
        feature_names=tuple(features[-1].get_feature_names_out()),
        estimator_name=result.best.name,
        fingerprint=fingerprint(
            [train],
            {
                "best": [dict(result.best.labels), dict(result.best.params)],
                "seed": seed,
                "window": [moment.isoformat() for moment in window or ()],
            },
        ),
    )
    bundle = Bundle(
        MulticlassClassifier(pipeline, POPULARITY_LEVELS),
        provenance,
        MODEL_INPUT,
        _reference(train, score),
        typical_record(train, MODEL_INPUT),
    )
    return TrainedModel(bundle, result.trials, result.is_cut_by_budget, MULTICLASS_METRICS)


def _inputs(tracks: pd.DataFrame) -> pd.DataFrame:
    return tracks[MODEL_INPUT.column_names]


def _prepare_once(
    learning: pd.DataFrame, validation: pd.DataFrame, seed: int
) -> Callable[[Candidate], tuple[Any, np.ndarray, Any]]:
    """Return what gives every candidate the same features, fitted on the tracks that it learns from alone."""

    @cache
    def features() -> tuple[Any, np.ndarray, Any]:
        from mlops_assets.song_popularity.modelling.preprocessing import encoded_outcomes, make_features

        transformer = make_features(seed)
        values = transformer.fit_transform(_inputs(learning), encoded_outcomes(learning))
        return values, level_numbers(learning["popularity_level"]), transformer.transform(_inputs(validation))

    return lambda _candidate: features()


def _measure(estimator: Any, X: Any, y: Any) -> Mapping[str, Any]:
    return measure_classes(y, estimator.predict_proba(X), len(POPULARITY_LEVELS)).metrics


def _reference(train: pd.DataFrame, score: np.ndarray) -> FeatureProfile:
    """Profile the training tracks, and the score on validation tracks, on which it is not flattered by the fit."""
    import pandas as pd

    from mlops_assets.ml.drift import build_profile

    columns = build_profile(event_features(train), list(NUMBERS), list(CATEGORIES))
    scores = build_profile(pd.DataFrame({SCORE: score}), [SCORE], [])
    return replace(columns, numeric=(*columns.numeric, *scores.numeric))
