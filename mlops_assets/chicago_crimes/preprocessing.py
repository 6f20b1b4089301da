"""From enriched crimes to standardized features: fitted once on fitting rows, saved, and used unchanged ever after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_assets.chicago_crimes.contracts import SEASONS, TIMES_OF_DAY
from mlops_assets.chicago_crimes.enrichment import enrich_crimes
from mlops_assets.chicago_crimes.features import CODE_COLUMNS, FEATURE_NAMES, PERIODS, POSITION_COLUMNS
from mlops_assets.ml.encoders import CodeEncoder, CyclicEncoder, Winsorizer

_ENCODER_SEED = 42


class CrimeEnricher(TransformerMixin, BaseEstimator):
    """Enrich raw crimes inside a pipeline, so that a saved model takes records as the portal gives them."""

    def __init__(self, stations: pd.DataFrame) -> None:
        """Keep the police stations of training time."""
        self.stations = stations

    def fit(self, X: pd.DataFrame, y: object = None) -> CrimeEnricher:
        """Learn nothing."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the crimes with the columns of `enriched_crimes`."""
        return enrich_crimes(X, self.stations)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True


class CrimePreprocessor(TransformerMixin, BaseEstimator):
    """Turn enriched crimes into the features of `FEATURES`, in that order, as 32-bit floats.

    Extreme distances are pulled in to the 0.1 % and 99.9 % quantiles of the fitting rows, never dropped; a missing position stands
    at the median; a code never seen has frequency 0 and the overall arrest rate.
    """

    def fit(self, X: pd.DataFrame, y: Sequence[bool]) -> CrimePreprocessor:
        """Learn medians, quantiles, code frequencies, arrest rates and scales."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Sequence[bool]) -> pd.DataFrame:
        """Learn from fitting rows and return their features, with arrest rates cross-fitted (see `CodeEncoder`)."""
        self.transformer_ = _column_transformer()
        return _as_features(self.transformer_.fit_transform(_prepared(X), np.asarray(y, dtype=float)), X.index)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the features of any rows."""
        return _as_features(self.transformer_.transform(_prepared(X)), X.index)


class FeatureSelector(TransformerMixin, BaseEstimator):
    """Keep some features, in the order given."""

    def __init__(self, features: Sequence[str]) -> None:
        """Keep `features`."""
        self.features = features

    def fit(self, X: pd.DataFrame, y: object = None) -> FeatureSelector:
        """Learn nothing."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the kept features."""
        return X[list(self.features)]

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True


def fit_preprocessing(train: pd.DataFrame) -> tuple[CrimePreprocessor, pd.DataFrame]:
    """Fit the preprocessor on the fitting rows of `train_split` and return it with `scaled_train`.

    Validation rows are transformed like any new row: nothing is learned from them.
    """
    is_validation = train["is_validation"].to_numpy(dtype=bool)
    preprocessor = CrimePreprocessor()
    fitting = preprocessor.fit_transform(train[~is_validation], train.loc[~is_validation, "is_arrest"].to_numpy(dtype=bool))
    validation = preprocessor.transform(train[is_validation])
    features = pd.concat([fitting, validation]).loc[train.index]
    return preprocessor, pd.concat([train[["crime_id", "is_arrest", "is_validation"]], features], axis=1)


def scale_test(preprocessor: CrimePreprocessor, test: pd.DataFrame) -> pd.DataFrame:
    """Return `scaled_test`: the features of `test_split`."""
    return pd.concat([test[["crime_id", "is_arrest"]], preprocessor.transform(test)], axis=1)


def _prepared(crimes: pd.DataFrame) -> pd.DataFrame:
    """Derive the columns that are used as they are."""
    return crimes.assign(
        is_location_known=(crimes["location_status"] == "known").astype("float32"),
        is_domestic=crimes["is_domestic"].astype("float32"),
    )


def _as_features(values: np.ndarray, index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(values.astype("float32", copy=False), columns=list(FEATURE_NAMES), index=index)


def _column_transformer() -> ColumnTransformer:
    """Return the unfitted transformer; its parts stand in the order of `FEATURES`."""
    return ColumnTransformer(
        [
            ("position", Pipeline([*_number_steps()]), list(POSITION_COLUMNS)),
            ("distance", Pipeline([*_number_steps(logarithmic=True)]), ["distance_to_station_m"]),
            ("flags", "passthrough", ["is_location_known", "is_domestic"]),
            ("periods", CyclicEncoder(PERIODS), list(PERIODS)),
            (
                "calendar",
                OneHotEncoder(
                    categories=[list(SEASONS), list(TIMES_OF_DAY)],
                    handle_unknown="ignore",
                    sparse_output=False,
                    dtype=np.float32,
                ),
                ["season", "time_of_day"],
            ),
            (
                "codes",
                Pipeline([("encode", CodeEncoder(seed=_ENCODER_SEED)), ("scale", StandardScaler())]),
                list(CODE_COLUMNS),
            ),
        ],
        sparse_threshold=0,
    )


def _number_steps(*, logarithmic: bool = False) -> list[tuple[str, Any]]:
    # A window without any position must keep its columns: the features are the same in every month.
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    steps: list[tuple[str, Any]] = [("winsorize", Winsorizer(0.001, 0.999)), ("impute", impute)]
    if logarithmic:
        steps.append(("logarithm", FunctionTransformer(np.log1p)))
    return [*steps, ("scale", StandardScaler())]
