"""More arrests and fewer other rows, for candidates that are fitted on balanced classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes import defaults
from mlops_assets.errors import NotEnoughDataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_NEIGHBOURS = 5


@dataclass(frozen=True)
class ClassBalance:
    """How far classes are balanced.

    Attributes:
        oversampled_ratio: SMOTE makes up arrests until there are this many per other row; no effect where there are more already.
        undersampled_ratio: other rows are dropped at random until there are this many arrests per other row.
        seed: of both.
    """

    oversampled_ratio: float = defaults.OVERSAMPLED_RATIO
    undersampled_ratio: float = defaults.UNDERSAMPLED_RATIO
    seed: int = defaults.BALANCE_SEED


def balance_classes(features: pd.DataFrame, is_arrest: np.ndarray, balance: ClassBalance) -> tuple[pd.DataFrame, np.ndarray]:
    """Return training rows after SMOTE and random undersampling: encoded features, and whether there was an arrest.

    Args:
        features: encoded features of the training rows; between categories there is nothing to interpolate.
        is_arrest: their outcomes.
        balance: how far.

    Raises:
        NotEnoughDataError: there are too few arrests to find neighbours between which to make up others.
    """
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import RandomUnderSampler
    from sklearn.neighbors import NearestNeighbors

    arrests, others = int(is_arrest.sum()), int((~is_arrest).sum())
    if arrests <= _NEIGHBOURS or not others:
        raise NotEnoughDataError(
            f"classes cannot be balanced: {arrests} arrests among {len(is_arrest)} training rows; "
            f"more than {_NEIGHBOURS} of each class are needed"
        )
    # Whole rows: SMOTE refuses to make up a fraction of one.
    if arrests < int(balance.oversampled_ratio * others):
        # Brute force on all cores beats the default tree many times over at thirty dimensions.
        neighbours = NearestNeighbors(n_neighbors=_NEIGHBOURS + 1, algorithm="brute", n_jobs=-1)
        smote = SMOTE(sampling_strategy=balance.oversampled_ratio, k_neighbors=neighbours, random_state=balance.seed)
        features, is_arrest = smote.fit_resample(features, is_arrest)
    if is_arrest.sum() < balance.undersampled_ratio * (~is_arrest).sum():
        undersampling = RandomUnderSampler(sampling_strategy=balance.undersampled_ratio, random_state=balance.seed)
        features, is_arrest = undersampling.fit_resample(features, is_arrest)
    return features, is_arrest
