"""Find the best arrest model among candidates and pack it with everything it needs into one bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.contracts import PROVENANCE_COLUMNS, RAW_CRIMES
from mlops_assets.chicago_crimes.modelling.candidates import arrest_candidates
from mlops_assets.chicago_crimes.modelling.features import PROFILED_CATEGORIES, PROFILED_NUMBERS, SOURCE_COLUMNS, encoded_names
from mlops_assets.chicago_crimes.modelling.resampling import ClassBalance, balance_classes
from mlops_assets.chicago_crimes.modelling.selection import selected_names
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.explanation import typical_record
from mlops_assets.ml.metric_set import BINARY_METRICS
from mlops_assets.ml.search import Candidate, search
from mlops_assets.ml.training import TrainedModel, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    from sklearn.pipeline import Pipeline

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


def train_arrest_model(
    development: pd.DataFrame,
    encoding: Pipeline,
    encoded_train: pd.DataFrame,
    selected_features: pd.DataFrame,
    stations: pd.DataFrame,
    *,
    window: tuple[datetime, datetime],
    tuning_trials: int,
    time_budget_seconds: float,
    seed: int,
    families: Sequence[str] = (),
    feature_sets: Sequence[str] = (),
    resamplings: Sequence[str] = (),
    balance: ClassBalance = ClassBalance(),  # noqa: B008 it is frozen
    on_trial: Callable[[Trial], None] | None = None,
) -> TrainedModel:
    """Find the candidate with the lowest log loss on validation rows, fit it again on all development rows, and bundle it.

    The metrics and the threshold of the bundle, and the score in its reference for drift, are of the first fit, which had not seen
    the validation rows. The bundle holds the second fit, of the same settings; test rows alone can say how good that is.

    Args:
        development: `development_split`.
        encoding: `feature_encoding`, fitted on its training rows.
        encoded_train: these rows, encoded.
        selected_features: of which columns features are made.
        stations: `police_stations`, which the bundle takes along.
        window: start and end of the training window (UTC), test rows included.
        tuning_trials: configurations tried after the defaults of every candidate.
        time_budget_seconds: no trial starts after this; within it the result depends on the arguments alone.
        seed: of every random choice but resampling's.
        families: kinds of model to try; all that are installed if empty.
        feature_sets: sets of features to try; all if empty.
        resamplings: what is done to the classes of training rows, which stay as they are if empty.
        balance: how far SMOTE balances them.
        on_trial: called after each trial.

    Raises:
        NotEnoughDataError: no column is selected, or the rows have one outcome only.
        SettingsError: a name is unknown, or no candidate is left.
    """
    from sklearn.pipeline import Pipeline

    from mlops_assets.chicago_crimes.modelling.preprocessing import CrimeEnricher
    from mlops_assets.ml.bundle import Bundle, Provenance
    from mlops_assets.ml.predictors import BinaryClassifier

    columns = selected_names(selected_features)
    if not columns:
        raise NotEnoughDataError("no column carries enough information about arrests; lower the limit or look at the data")
    is_arrest = development["is_arrest"].to_numpy(dtype=bool)
    is_validation = development["is_validation"].to_numpy(dtype=bool)
    prepare = _prepare_on_demand(development, encoding, encoded_train, columns, balance)
    result = search(
        arrest_candidates(columns, families=families, feature_sets=feature_sets, resamplings=resamplings),
        prepare,
        is_arrest[is_validation],
        tuning_trials=tuning_trials,
        seed=seed,
        time_budget_seconds=time_budget_seconds,
        on_trial=on_trial,
    )
    best = result.best_candidate
    validation_score = result.best_estimator.predict_proba(prepare(best)[2])[:, 1]
    features, values, outcome = _fit_features(best.labels["features"], development, columns)
    estimator = best.build(result.best.params, seed).fit(*_resample(best.labels["resampling"], values, outcome, balance))
    provenance = Provenance(
        name=MODEL_NAME,
        training_start_at=window[0],
        training_end_at=window[1],
        training_rows=len(development),
        seed=seed,
        metrics=dict(result.best.metrics),
        baseline_metrics={},
        feature_names=tuple(values.columns),
        estimator_name=result.best.name,
        fingerprint=fingerprint(
            [development, stations],
            {
                "best": [dict(best.labels), dict(result.best.params)],
                "columns": columns,
                "balance": asdict(balance),
                "seed": seed,
                "window": [moment.isoformat() for moment in window],
            },
        ),
    )
    pipeline = Pipeline([("enrich", CrimeEnricher(stations)), ("features", features), ("estimate", estimator)])
    predictor = BinaryClassifier(pipeline, float(result.best.metrics["threshold"]))
    reference, typical = _reference(development, validation_score), typical_record(development, MODEL_INPUT)
    bundle = Bundle(predictor, provenance, MODEL_INPUT, reference, typical)
    return TrainedModel(bundle, result.trials, result.is_cut_by_budget, BINARY_METRICS)


def _prepare_on_demand(
    development: pd.DataFrame, encoding: Pipeline, encoded_train: pd.DataFrame, columns: list[str], balance: ClassBalance
) -> Callable[[Candidate], tuple[pd.DataFrame, np.ndarray, pd.DataFrame]]:
    """Return what gives a candidate its training rows, their outcomes and the validation rows, made once for all."""
    is_validation = development["is_validation"].to_numpy(dtype=bool)
    training, validation = development[~is_validation], development.loc[is_validation, list(SOURCE_COLUMNS)]

    @cache
    def with_features(feature_set: str) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
        if feature_set == "encoded":
            names = encoded_names(columns)
            return encoded_train[names], encoded_train["is_arrest"].to_numpy(dtype=bool), encoding.transform(validation)[names]
        features, rows, outcome = _fit_features(feature_set, training, columns)
        return rows, outcome, features.transform(validation)

    @cache
    def resampled(feature_set: str, resampling: str) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
        rows, outcome, validation_rows = with_features(feature_set)
        return *_resample(resampling, rows, outcome, balance), validation_rows

    return lambda candidate: resampled(candidate.labels["features"], candidate.labels["resampling"])


def _fit_features(feature_set: str, crimes: pd.DataFrame, columns: list[str]) -> tuple[Pipeline, pd.DataFrame, np.ndarray]:
    """Return fitted features, their values for the crimes that they are fitted on, and the outcomes of these."""
    from mlops_assets.chicago_crimes.modelling.preprocessing import make_features

    features, is_arrest = make_features(feature_set, columns), crimes["is_arrest"].to_numpy(dtype=bool)
    return features, features.fit_transform(crimes[list(SOURCE_COLUMNS)], is_arrest), is_arrest


def _resample(resampling: str, rows: pd.DataFrame, outcome: np.ndarray, balance: ClassBalance) -> tuple[pd.DataFrame, np.ndarray]:
    return balance_classes(rows, outcome, balance) if resampling == "smote" else (rows, outcome)


def _reference(development: pd.DataFrame, validation_score: np.ndarray) -> FeatureProfile:
    """Profile the development rows' columns, and the score on validation rows, on which it is not flattered by the fit."""
    import pandas as pd

    from mlops_assets.ml.drift import build_profile

    columns = build_profile(development, PROFILED_NUMBERS, PROFILED_CATEGORIES)
    score = build_profile(pd.DataFrame({"arrest_probability": validation_score}), ["arrest_probability"], [])
    return replace(columns, numeric=(*columns.numeric, *score.numeric))
