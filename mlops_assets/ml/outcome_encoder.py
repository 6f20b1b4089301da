"""An encoder of codes by several outcomes at once, such as a number and the limits that it passes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from mlops_assets.ml.encoders import CodeEncoder


class OutcomeEncoder(TransformerMixin, BaseEstimator):
    """Replace codes with many values by how common each is and by the mean of each of several outcomes, as `CodeEncoder` does.

    Every input column gives `<column>_frequency` and, for each column of the outcomes, `<column>_<outcome>`. A training row is in
    none of the means that it gets; a missing value, or one that training had not, has frequency 0 and the means of all rows.

    Args:
        smoothing: Rows with the overall mean that are added to every code.
        folds: Parts for the cross-fitting of the training rows, at least 2.
        seed: Seed of the assignment of rows to folds.

    Attributes:
        encoders_: A fitted `CodeEncoder` for each outcome, by its name.

    Example:
        >>> artists = pd.DataFrame({"artist": ["A", "A", "B"]})
        >>> outcomes = pd.DataFrame({"popularity": [0.5, 0.7, 0.3], "is_high": [0.0, 1.0, 0.0]})
        >>> encoder = OutcomeEncoder(smoothing=0.0).fit(artists, outcomes)
        >>> encoder.get_feature_names_out().tolist()
        ['artist_frequency', 'artist_popularity', 'artist_is_high']
        >>> encoder.transform(pd.DataFrame({"artist": ["A", "unseen"]})).round(3).tolist()
        [[0.6669999957084656, 0.6000000238418579, 0.5], [0.0, 0.5, 0.3330000042915344]]
    """

    def __init__(self, smoothing: float = 20.0, folds: int = 5, seed: int = 0) -> None:
        self.smoothing = smoothing
        self.folds = folds
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> "OutcomeEncoder":
        """Learn frequencies and means from all training rows.

        Raises:
            NotEnoughDataError: There are no rows.
            ValueError: Outcomes are missing, or not as many as rows.
        """
        self._open(y)
        for name, encoder in self.encoders_.items():
            encoder.fit(X, y[name])
        return self

    def fit_transform(self, X: pd.DataFrame, y: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Learn from all training rows and encode each of them without its own outcomes.

        Raises:
            NotEnoughDataError: There are fewer rows than folds.
            ValueError: Outcomes are missing, or not as many as rows; fewer than 2 folds.
        """
        self._open(y)
        return _side_by_side([encoder.fit_transform(X, y[name]) for name, encoder in self.encoders_.items()])

    def transform(self, X: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Encode rows by what was learned from all training rows."""
        check_is_fitted(self)
        return _side_by_side([encoder.transform(X) for encoder in self.encoders_.values()])

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the encoded columns."""
        check_is_fitted(self)
        (columns, *_) = (encoder.feature_names_in_ for encoder in self.encoders_.values())
        return np.array([f"{column}_{kind}" for column in columns for kind in ("frequency", *self.encoders_)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that outcomes are required and that texts and missing values are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = tags.target_tags.multi_output = True
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        return tags

    def _open(self, outcomes: pd.DataFrame) -> None:
        # Equal seeds put a row into the same fold for every outcome.
        self.encoders_ = {str(name): CodeEncoder(self.smoothing, self.folds, self.seed) for name in outcomes.columns}


def _side_by_side(encoded: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return, of each column, its frequency, which is the same for every outcome, and its mean of each of them."""
    frequency, means = encoded[0][:, 0::2], [each[:, 1::2] for each in encoded]
    return np.stack([frequency, *means], axis=2).reshape(len(frequency), -1)
