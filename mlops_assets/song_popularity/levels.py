"""The three classes of popularity. What is not known belongs to none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LIMITS = (40, 70)
"""From where on a track is medium, and high."""


def level_of(popularity: pd.Series) -> pd.Series:
    """Return `low` below 40, `medium` below 70, `high` from 70 on, and nothing where the popularity is unknown."""
    import pandas as pd

    levels = pd.cut(popularity.astype("float64"), [-1, *(limit - 0.5 for limit in LIMITS), 101], labels=list(POPULARITY_LEVELS))
    return levels.astype("string[pyarrow]")


def level_numbers(levels: pd.Series) -> np.ndarray:
    """Return the classes of tracks whose popularity is known as numbers: 0 is low, 1 medium, 2 high."""
    numbers: np.ndarray = levels.map({level: number for number, level in enumerate(POPULARITY_LEVELS)}).to_numpy(dtype=int)
    return numbers
