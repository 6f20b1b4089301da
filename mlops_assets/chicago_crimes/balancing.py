"""Fewer ordinary rows and more arrests, for candidates that are fitted on balanced classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.features import FEATURE_NAMES
from mlops_assets.errors import NotEnoughDataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_NEIGHBOURS = 5


def balance_classes(scaled_train: pd.DataFrame, oversampled_ratio: float, undersampled_ratio: float, seed: int) -> pd.DataFrame:
    """Return `balanced_train`: fitting rows after SMOTE and random undersampling.

    Args:
        scaled_train: features with `is_arrest` and `is_validation`; validation rows are left out.
        oversampled_ratio: SMOTE makes up arrests until there are this many per other row; no effect where there are more already.
        undersampled_ratio: other rows are dropped at random until there are this many arrests per other row.
        seed: of both.

    Raises:
        NotEnoughDataError: there are too few arrests to find neighbours between which to make up others.
    """
    import numpy as np
    import pandas as pd

    fitting = scaled_train.loc[~scaled_train["is_validation"].to_numpy(dtype=bool)]
    features = fitting[list(FEATURE_NAMES)].to_numpy(dtype=np.float32)
    is_arrest = fitting["is_arrest"].to_numpy(dtype=bool)
    arrests = int(is_arrest.sum())
    if arrests <= _NEIGHBOURS or arrests == len(is_arrest):
        raise NotEnoughDataError(
            f"classes cannot be balanced: {arrests} arrests among {len(is_arrest)} fitting rows; "
            f"more than {_NEIGHBOURS} of each class are needed"
        )
    features, is_arrest, is_synthetic = _oversample(features, is_arrest, oversampled_ratio, seed)
    kept = _undersample(is_arrest, undersampled_ratio, seed)
    balanced = pd.DataFrame(features[kept], columns=list(FEATURE_NAMES))
    balanced.insert(0, "is_synthetic", is_synthetic[kept])
    balanced.insert(1, "is_arrest", is_arrest[kept])
    return balanced


def _oversample(features: np.ndarray, is_arrest: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Append made-up arrests; say which rows are made up."""
    import numpy as np
    from imblearn.over_sampling import SMOTE
    from sklearn.neighbors import NearestNeighbors

    real_rows = len(features)
    # Whole rows: SMOTE refuses to make up a fraction of one.
    if is_arrest.sum() < int(ratio * (~is_arrest).sum()):
        # Brute force on all cores beats the default tree many times over at thirty dimensions.
        neighbours = NearestNeighbors(n_neighbors=_NEIGHBOURS + 1, algorithm="brute", n_jobs=-1)
        smote = SMOTE(sampling_strategy=ratio, k_neighbors=neighbours, random_state=seed)
        features, is_arrest = smote.fit_resample(features, is_arrest)
    return features, is_arrest, np.arange(len(features)) >= real_rows


def _undersample(is_arrest: np.ndarray, ratio: float, seed: int) -> np.ndarray:
    """Return the positions of the rows to keep, in order."""
    import numpy as np
    from imblearn.under_sampling import RandomUnderSampler

    if is_arrest.sum() >= ratio * (~is_arrest).sum():
        return np.arange(len(is_arrest))
    sampler = RandomUnderSampler(sampling_strategy=ratio, random_state=seed)
    sampler.fit_resample(np.arange(len(is_arrest))[:, None], is_arrest)
    return np.sort(sampler.sample_indices_)
