"""From enriched crimes to the features of a model: fitted once with it, saved in its bundle, and used unchanged ever after."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
from mlops_assets.chicago_crimes.modelling.features import (
    CODE_COLUMNS,
    COLUMNS,
    FLAG_COLUMNS,
    LEVELS,
    NATIVE_CODES,
    NATIVE_NUMBERS,
    PERIODS,
    POSITION_COLUMNS,
    SOURCE_COLUMNS,
    TIME_PRECISIONS_MIN,
    encoded_names,
)
from mlops_assets.chicago_crimes.modelling.former_preprocessing import CrimePreprocessor, FeatureSelector
from mlops_assets.ml.encoders import CodeEncoder, CyclicEncoder, Winsorizer

__all__ = ["CrimeEnricher", "CrimePreprocessor", "FeatureSelector", "derive_columns", "fit_encoding", "make_features"]

_ENCODER_SEED = 42
_MOST_CATEGORIES = 255
"""Gradient boosting takes no more; the rarest values share the last one."""
_PRECISION_OF_MINUTE = np.array(
    [max(step for step in TIME_PRECISIONS_MIN if minute % step == 0) for minute in range(60)], dtype=np.float32
)


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


def derive_columns(crimes: pd.DataFrame) -> pd.DataFrame:
    """Return enriched crimes with the columns that features are made of besides: flags as numbers, and how exact the time is.

    Codes become plain Python text, NaN where missing: scikit-learn's encoders know no other missing value.
    """
    moments = crimes["occurred_at"].dt
    precision = _PRECISION_OF_MINUTE[moments.minute.to_numpy()]
    return crimes.assign(
        **{name: _as_text(crimes[name]) for name in CODE_COLUMNS},
        is_domestic=crimes["is_domestic"].astype("float32"),
        is_location_known=(crimes["location_status"] == "known").astype("float32"),
        time_precision_min=np.where(moments.second.to_numpy() == 0, precision, np.float32(1)),
    )


def make_features(feature_set: str, columns: Collection[str]) -> Pipeline:
    """Return an unfitted pipeline from enriched crimes to a frame of 32-bit floats.

    `fit_transform` of the encoded set differs from `fit` followed by `transform`: see `CodeEncoder`.

    Of the encoded set, extreme distances are pulled in to the 0.1 % and 99.9 % quantiles of the rows that it is fitted on, never
    dropped; a missing position stands at the median; a code never seen has frequency 0 and the overall arrest rate. Of the native
    set, a code never seen is missing, and whatever is missing stays so: the model knows where to send it.

    Args:
        feature_set: one of `FEATURE_SETS`.
        columns: those of `COLUMNS` that may be used.
    """
    parts = _native_parts() if feature_set == "native" else _encoded_parts()
    kept = [(name, part, [column for column in of if column in columns]) for name, part, of in parts]
    encode = ColumnTransformer([part for part in kept if part[2]], sparse_threshold=0, verbose_feature_names_out=False)
    return Pipeline([("derive", FunctionTransformer(derive_columns)), ("encode", encode)]).set_output(transform="pandas")


def fit_encoding(development: pd.DataFrame) -> tuple[Pipeline, pd.DataFrame]:
    """Fit the encoded set, of all columns, to the training rows alone.

    Args:
        development: `development_split`, or `crime_id`, `is_arrest`, `is_validation` and `SOURCE_COLUMNS` of it.

    Returns:
        The fitted pipeline, and `encoded_train`.
    """
    training = development[~development["is_validation"].to_numpy(dtype=bool)]
    encoding, is_arrest = make_features("encoded", COLUMNS), training["is_arrest"].to_numpy(dtype=bool)
    values = encoding.fit_transform(training[list(SOURCE_COLUMNS)], is_arrest)
    return encoding, pd.concat([training[["crime_id", "is_arrest"]], values[encoded_names(COLUMNS)]], axis=1).reset_index(drop=True)


def _native_parts() -> list[tuple[str, Any, tuple[str, ...]]]:
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=_MOST_CATEGORIES, dtype=np.float32
    )
    numbers = FunctionTransformer(_as_floats, feature_names_out="one-to-one")
    return [("codes", codes, NATIVE_CODES), ("numbers", numbers, NATIVE_NUMBERS)]


def _encoded_parts() -> list[tuple[str, Any, tuple[str, ...]]]:
    return [
        ("position", Pipeline(_number_steps()), POSITION_COLUMNS),
        ("distance", Pipeline(_number_steps(logarithmic=True)), ("distance_to_station_m",)),
        ("flags", "passthrough", FLAG_COLUMNS),
        *((name, CyclicEncoder({name: period}), (name,)) for name, period in PERIODS.items()),
        *((name, _one_hot(levels), (name,)) for name, levels in LEVELS.items()),
        ("codes", Pipeline([("encode", CodeEncoder(seed=_ENCODER_SEED)), ("scale", StandardScaler())]), CODE_COLUMNS),
    ]


def _one_hot(levels: Collection[Any]) -> OneHotEncoder:
    return OneHotEncoder(
        categories=[list(levels)],
        handle_unknown="ignore",
        sparse_output=False,
        dtype=np.float32,
        feature_name_combiner=_name_of_level,
    )


def _name_of_level(column: str, level: Any) -> str:
    return f"{column}_{level}".removesuffix(".0")


def _number_steps(*, logarithmic: bool = False) -> list[tuple[str, Any]]:
    # A window without any position must keep its columns: the features are the same in every month.
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    steps: list[tuple[str, Any]] = [("winsorize", Winsorizer(0.001, 0.999)), ("impute", impute)]
    if logarithmic:
        steps.append(("logarithm", FunctionTransformer(np.log1p, feature_names_out="one-to-one")))
    return [*steps, ("scale", StandardScaler())]


def _as_floats(numbers: pd.DataFrame) -> pd.DataFrame:
    return numbers.astype("float32")


def _as_text(codes: pd.Series) -> np.ndarray:
    """Return one Python object per distinct value, shared by its rows."""
    positions, values = pd.factorize(codes)
    texts: list[Any] = [*values, np.nan]
    return np.array(texts, dtype=object)[positions]
