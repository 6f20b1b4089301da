"""Arrest models as they were fitted before there were sets of features, for the promise that those of old registries still load."""

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_assets.chicago_crimes.contracts import SEASONS, TIMES_OF_DAY
from mlops_assets.chicago_crimes.modelling import preprocessing
from mlops_assets.chicago_crimes.modelling.features import CODE_COLUMNS, PERIODS, POSITION_COLUMNS
from mlops_assets.chicago_crimes.modelling.training import MODEL_INPUT
from mlops_assets.ml.bundle import Provenance
from mlops_assets.ml.encoders import CodeEncoder, CyclicEncoder, Winsorizer
from mlops_assets.ml.former_modules import importable_by_former_names
from mlops_assets_tests.chicago_crimes.tiny_crimes import WINDOW, police_stations
from mlops_assets_tests.format_1 import write_format_1

FEATURES = [
    *("x_ft", "y_ft", "distance_to_station_log", "is_location_known", "is_domestic"),
    *("local_hour_sin", "local_hour_cos", "local_weekday_sin", "local_weekday_cos"),
    *(f"is_season_{season}" for season in SEASONS),
    *(f"is_time_of_day_{time}" for time in TIMES_OF_DAY),
    *(f"{column}_{kind}" for column in CODE_COLUMNS for kind in ("frequency", "target_rate")),
]


class CrimePreprocessor(TransformerMixin, BaseEstimator):
    """The class of that time, by which such bundles were fitted and pickled."""

    def fit_transform(self, X: pd.DataFrame, y: Sequence[bool]) -> pd.DataFrame:
        """Learn from training rows and return their features."""
        numbers = [("winsorize", Winsorizer(0.001, 0.999)), ("impute", SimpleImputer(strategy="median", keep_empty_features=True))]
        levels = OneHotEncoder(
            categories=[list(SEASONS), list(TIMES_OF_DAY)], handle_unknown="ignore", sparse_output=False, dtype=np.float32
        )
        logarithm = [*numbers, ("logarithm", FunctionTransformer(np.log1p)), ("scale", StandardScaler())]
        self.transformer_ = ColumnTransformer(
            [
                ("position", Pipeline([*numbers, ("scale", StandardScaler())]), list(POSITION_COLUMNS)),
                ("distance", Pipeline(logarithm), ["distance_to_station_m"]),
                ("flags", "passthrough", ["is_location_known", "is_domestic"]),
                ("periods", CyclicEncoder(PERIODS), list(PERIODS)),
                ("calendar", levels, ["season", "time_of_day"]),
                ("codes", Pipeline([("encode", CodeEncoder(seed=42)), ("scale", StandardScaler())]), list(CODE_COLUMNS)),
            ],
            sparse_threshold=0,
        )
        return _as_features(self.transformer_.fit_transform(_prepared(X), np.asarray(y, dtype=float)), X.index)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the features of any rows."""
        return _as_features(self.transformer_.transform(_prepared(X)), X.index)


class FeatureSelector(TransformerMixin, BaseEstimator):
    """The class of that time that kept some features."""

    def __init__(self, features: Sequence[str]) -> None:
        """Keep `features`."""
        self.features = features

    def fit(self, X: pd.DataFrame, y: object = None) -> "FeatureSelector":
        """Learn nothing."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the kept features."""
        return X[list(self.features)]

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True


for _class in (CrimePreprocessor, FeatureSelector):
    _class.__module__ = "mlops_assets.chicago_crimes.preprocessing"


def write_former_bundle(
    folder: Path, development: pd.DataFrame, test: pd.DataFrame
) -> tuple[npt.NDArray[np.float64], pd.DataFrame]:
    """Fit and save a bundle as it was done then; return the probabilities and the features that it gave for test rows."""
    preprocessor, is_arrest = CrimePreprocessor(), development["is_arrest"].to_numpy(dtype=bool)
    features = preprocessor.fit_transform(development, is_arrest.tolist())[FEATURES[:-1]]
    estimator = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(features, is_arrest)
    steps = [("preprocess", preprocessor), ("select", FeatureSelector(FEATURES[:-1])), ("estimate", estimator)]
    pipeline = Pipeline([("enrich", preprocessing.CrimeEnricher(police_stations())), *steps])
    provenance = Provenance(
        name="arrest_model",
        estimator_name="hist_gradient_boosting on natural rows",
        fingerprint="0" * 64,
        training_start_at=WINDOW[0],
        training_end_at=datetime(2024, 1, 1, 6, tzinfo=timezone.utc),
        training_rows=len(development),
        seed=42,
        metrics={"auc": 0.9},
        baseline_metrics={},
        feature_names=tuple(FEATURES[:-1]),
    )
    with importable_by_former_names("chicago_crimes"), pytest.MonkeyPatch.context() as then:
        # A pickle names a class by its module; it refuses another class than the one that stands there.
        then.setattr(preprocessing, "CrimePreprocessor", CrimePreprocessor)
        then.setattr(preprocessing, "FeatureSelector", FeatureSelector)
        write_format_1(folder, pipeline, 0.4, provenance, MODEL_INPUT)
    return pipeline.predict_proba(test[MODEL_INPUT.column_names])[:, 1], pipeline[1:-1].transform(test)


def _prepared(crimes: pd.DataFrame) -> pd.DataFrame:
    return crimes.assign(
        is_location_known=(crimes["location_status"] == "known").astype("float32"),
        is_domestic=crimes["is_domestic"].astype("float32"),
    )


def _as_features(values: npt.NDArray[np.float32], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(values.astype("float32", copy=False), columns=FEATURES, index=index)
