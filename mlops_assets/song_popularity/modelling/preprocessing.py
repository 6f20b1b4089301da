"""The fitted transformer from raw events to features; it lives inside the model's pipeline."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_assets.ml.outcome_encoder import OutcomeEncoder
from mlops_assets.song_popularity.levels import LIMITS
from mlops_assets.song_popularity.modelling.features import CATEGORIES, CODES, NUMBERS, event_features

_MOST_CATEGORIES = 40
"""The rarest values of a category share the last one."""


class EventFeatures(TransformerMixin, BaseEstimator):
    """Make columns of which features are made of raw events: numbers, categories, and codes. Learns nothing."""

    def fit(self, X: pd.DataFrame, y: object = None) -> "EventFeatures":
        """Do nothing."""
        self.is_fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return `event_features` of the events."""
        return event_features(X)


class AsFloats(TransformerMixin, BaseEstimator):
    """Pass numbers on; what is missing stays missing (NaN). A column of which no training row has a value is 0 ever after.

    Boosted trees refuse a column without any value, and have nothing to learn from it.
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> "AsFloats":
        """Remember the names, and which columns have values."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.has_values_ = X.notna().any().to_numpy()
        return self

    def transform(self, X: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Return 32-bit floats."""
        return np.where(self.has_values_, X.to_numpy(dtype=np.float32), np.float32(0))

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns."""
        return self.feature_names_in_


def make_features(seed: int) -> Pipeline:
    """Return the unfitted way from raw events to numbers; fit it with `encoded_outcomes`.

    Artists, albums, queries and genres become how common they are among training tracks, and how popular their tracks are there;
    a training track is not in its own mean, and one of somebody unknown gets the mean of all.
    """
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        min_frequency=5,
        max_categories=_MOST_CATEGORIES,
        dtype=np.float32,
    )
    columns = ColumnTransformer(
        [
            ("numbers", AsFloats(), list(NUMBERS)),
            ("categories", categories, list(CATEGORIES)),
            ("codes", OutcomeEncoder(smoothing=2.0, folds=20, seed=seed), list(CODES)),
        ],
        verbose_feature_names_out=False,
    )
    return Pipeline([("events", EventFeatures()), ("columns", columns)])


def encoded_outcomes(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return, of rows of `training_set`, what codes are encoded by: popularity from 0 to 1, and whether it reaches each class."""
    popularity = tracks["popularity"].to_numpy(dtype=np.float64)
    medium, high = LIMITS
    return pd.DataFrame(
        {"popularity": popularity / 100, "medium_share": popularity >= medium, "high_share": popularity >= high}
    ).astype("float64")
