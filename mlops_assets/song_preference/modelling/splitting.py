"""Training and test songs: stratified by label, and never the same song, or nearly the same, in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import NotEnoughDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd

_PARTS = 10


def split_songs(dataset: pd.DataFrame, test_share: float, minimum_songs: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and test songs, in the order of the dataset.

    Args:
        dataset: rows of the contract `DATASET`.
        test_share: share of the songs for the test, in tenths.
        minimum_songs: fewer are an error.
        seed: of the draw.

    Raises:
        NotEnoughDataError: there are too few songs, or too few of one label.
    """
    rarer = int(dataset["is_liked"].value_counts().min())
    if len(dataset) < minimum_songs or rarer < _PARTS:
        raise NotEnoughDataError(
            f"{len(dataset)} labelled songs, {rarer} of the rarer label; at least {minimum_songs} and {_PARTS} are needed: "
            "drop more playlists with labels"
        )
    test_rows = sorted(row for _, rows in list(_folds(dataset, _PARTS, seed))[: round(test_share * _PARTS)] for row in rows)
    is_test = dataset.index.isin(dataset.index[test_rows])
    return dataset[~is_test].reset_index(drop=True), dataset[is_test].reset_index(drop=True)


def repeated_folds(songs: pd.DataFrame, folds: int, repeats: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return positions of training and validation songs of every fold of every repetition; groups stay together."""
    return [fold for repeat in range(repeats) for fold in _folds(songs, folds, seed + repeat)]


def _folds(songs: pd.DataFrame, folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    yield from splitter.split(songs, songs["is_liked"].to_numpy(dtype=bool), songs["group_key"].to_numpy())
