"""Find the best preference model among candidates and pack it into one bundle that takes a raw song."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.explanation import typical_record
from mlops_assets.ml.metric_set import AUC, BRIER, F1, LOG_LOSS, MetricSet
from mlops_assets.ml.search import Candidate, Scoring, SearchResult, search
from mlops_assets.ml.training import TrainedModel, TrainingDataset, fingerprint
from mlops_assets.song_preference import defaults
from mlops_assets.song_preference.modelling.candidates import preference_candidates
from mlops_assets.song_preference.modelling.cross_validation import OutOfFold, choose_threshold
from mlops_assets.song_preference.modelling.features import FEATURE_SETS, model_input
from mlops_assets.song_preference.modelling.splitting import repeated_folds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from mlops_assets.ml.drift import FeatureProfile
    from mlops_assets.ml.search import Trial

MODEL_NAME = "preference_model"
SCORE = "like_probability"
COMPARED_BY = MetricSet(LOG_LOSS, (BRIER, AUC, F1))
"""Log loss decides, as in every domain; F1 is what the original system maximized."""


def train_preference_model(
    songs: pd.DataFrame,
    *,
    tuning_trials: int = defaults.TUNING_TRIALS,
    time_budget_seconds: float = defaults.TIME_BUDGET_SECONDS,
    folds: int = defaults.FOLDS,
    repeats: int = defaults.REPEATS,
    seed: int = defaults.SEED,
    families: Sequence[str] = (),
    feature_sets: Sequence[str] = (),
    datasets: Sequence[TrainingDataset] = (),
    on_trial: Callable[[Trial], None] | None = None,
) -> TrainedModel:
    """Find the candidate with the lowest log loss in cross-validation, fit it on all songs, and bundle it.

    The metrics, the threshold and the reference score of the bundle are those of the songs when each was left out of the fit.

    Args:
        songs: `train_split`.
        tuning_trials: configurations tried after the defaults of every candidate.
        time_budget_seconds: no trial starts after this; within it the result depends on the arguments alone.
        folds: of the cross-validation; near-duplicates are in one fold.
        repeats: of the cross-validation.
        seed: of every random choice.
        families: kinds of model to try; all that are installed if empty.
        feature_sets: sets of features to try; all if empty.
        datasets: what the runs say that they learned from.
        on_trial: called after each trial.

    Raises:
        NotEnoughDataError: all songs have one label.
        SettingsError: a name is unknown.
    """
    from mlops_assets.ml.bundle import Bundle, Provenance
    from mlops_assets.ml.predictors import BinaryClassifier

    result = choose_candidate(
        songs,
        preference_candidates(families, feature_sets),
        tuning_trials=tuning_trials,
        time_budget_seconds=time_budget_seconds,
        folds=folds,
        repeats=repeats,
        seed=seed,
        on_trial=on_trial,
    )
    best, feature_set = result.best, result.best_candidate.labels["features"]
    names = list(FEATURE_SETS[feature_set])
    pipeline = result.best_candidate.build(best.params, seed).fit(songs[names], songs["is_liked"].to_numpy(dtype=bool))
    provenance = Provenance(
        name=MODEL_NAME,
        training_start_at=None,
        training_end_at=None,
        training_rows=len(songs),
        seed=seed,
        metrics=dict(best.metrics),
        baseline_metrics={},
        feature_names=tuple(names),
        estimator_name=best.name,
        fingerprint=fingerprint([songs], {"best": [dict(best.labels), dict(best.params)], "seed": seed, "folds": [folds, repeats]}),
    )
    predictor = BinaryClassifier(pipeline, float(best.metrics["threshold"]))
    reference = _reference(songs, names, result.best_estimator.probability_)
    contract = model_input(feature_set)
    bundle = Bundle(predictor, provenance, contract, reference, typical_record(songs, contract))
    return TrainedModel(bundle, result.trials, result.is_cut_by_budget, COMPARED_BY, datasets=datasets)


def choose_candidate(
    songs: pd.DataFrame,
    candidates: Sequence[Candidate],
    *,
    tuning_trials: int,
    time_budget_seconds: float,
    folds: int,
    repeats: int,
    seed: int,
    on_trial: Callable[[Trial], None] | None = None,
) -> SearchResult:
    """Return what a search among candidates finds, each measured on songs that were left out of its fits."""
    parts = repeated_folds(songs, folds, repeats, seed)
    is_liked = songs["is_liked"].to_numpy(dtype=bool)

    def prepare(candidate: Candidate) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
        features = songs[list(FEATURE_SETS[candidate.labels["features"]])]
        return features, is_liked, features

    def out_of_fold(candidate: Candidate) -> Candidate:
        return replace(candidate, build=lambda params, seed: OutOfFold(partial(candidate.build, params, seed), parts))

    result = search(
        [out_of_fold(candidate) for candidate in candidates],
        prepare,
        is_liked,
        tuning_trials=tuning_trials,
        seed=seed,
        time_budget_seconds=time_budget_seconds,
        scoring=Scoring(LOG_LOSS, _measure),
        on_trial=on_trial,
    )
    chosen = next(candidate for candidate in candidates if candidate.labels == result.best_candidate.labels)
    return replace(result, best_candidate=chosen)


def _measure(estimator: Any, X: Any, y: npt.ArrayLike) -> Mapping[str, Any]:
    """Return the fields of `BinaryMetrics`, at the threshold that these songs suggest."""
    from mlops_assets.ml.metrics import evaluate_binary

    probability = estimator.predict_proba(X)[:, 1]
    return evaluate_binary(y, probability, choose_threshold(y, probability)).as_dict()


def _reference(songs: pd.DataFrame, names: list[str], probability: np.ndarray) -> FeatureProfile:
    from mlops_assets.ml.drift import build_profile

    return build_profile(songs[names].assign(**{SCORE: probability}), [*names, SCORE], [])
