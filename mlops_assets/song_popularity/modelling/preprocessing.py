"""The fitted transformer from raw events to features; it lives inside the model's pipeline."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_assets.ml.encoders import CodeEncoder
from mlops_assets.song_popularity.modelling.features import CATEGORIES, CREATORS, NUMBERS, event_features


class EventFeatures(TransformerMixin, BaseEstimator):
    """Make columns of which features are made of raw events: numbers, categories, and who created the track. Learns nothing."""

    def fit(self, X: pd.DataFrame, y: object = None) -> "EventFeatures":
        """Do nothing."""
        self.is_fitted_ = True
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return `event_features` of the events."""
        return event_features(X)


class AsFloats(TransformerMixin, BaseEstimator):
    """Pass numbers on; what is missing stays missing (NaN)."""

    def fit(self, X: pd.DataFrame, y: object = None) -> "AsFloats":
        """Remember the names."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Return 32-bit floats."""
        return X.to_numpy(dtype=np.float32)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns."""
        return self.feature_names_in_


def make_features(seed: int) -> Pipeline:
    """Return the unfitted way from raw events to numbers.

    Artists and albums become how common they are among training tracks, and the mean class of their tracks there; a training track
    is not in its own mean, and one by somebody unknown gets the mean of all.
    """
    columns = ColumnTransformer(
        [
            ("numbers", AsFloats(), list(NUMBERS)),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=5, dtype=np.float32),
                list(CATEGORIES),
            ),
            ("creators", CodeEncoder(smoothing=2.0, folds=20, seed=seed), list(CREATORS)),
        ],
        verbose_feature_names_out=False,
    )
    return Pipeline([("events", EventFeatures()), ("columns", columns)])
