"""What bundles hold that were trained before there were sets of features: they are still loaded and used, and no longer made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from mlops_assets.chicago_crimes.contracts import SEASONS, TIMES_OF_DAY
from mlops_assets.chicago_crimes.modelling.features import CODE_COLUMNS, PERIODS

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

_FEATURES = [
    *("x_ft", "y_ft", "distance_to_station_log", "is_location_known", "is_domestic"),
    *(f"{column}_{part}" for column in PERIODS for part in ("sin", "cos")),
    *(f"is_season_{season}" for season in SEASONS),
    *(f"is_time_of_day_{time}" for time in TIMES_OF_DAY),
    *(f"{column}_{kind}" for column in CODE_COLUMNS for kind in ("frequency", "target_rate")),
]


class CrimePreprocessor(TransformerMixin, BaseEstimator):
    """A fitted `transformer_` from enriched crimes to the features of that time."""

    transformer_: ColumnTransformer

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the features of any rows."""
        flags = {"is_location_known": X["location_status"] == "known", "is_domestic": X["is_domestic"]}
        values = self.transformer_.transform(X.assign(**{name: flag.astype("float32") for name, flag in flags.items()}))
        return pd.DataFrame(values.astype("float32", copy=False), columns=_FEATURES, index=X.index)


class FeatureSelector(TransformerMixin, BaseEstimator):
    """Keep some features, in the order given."""

    def __init__(self, features: Sequence[str]) -> None:
        """Keep `features`."""
        self.features = features

    def fit(self, X: pd.DataFrame, y: object = None) -> FeatureSelector:
        """Learn nothing; scikit-learn takes nothing for an estimator that cannot be fitted."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the kept features."""
        return X[list(self.features)]

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True
