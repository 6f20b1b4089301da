"""Training and test songs: stratified by label, and never the same song, or nearly the same, in both."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from mlops_assets.errors import NotEnoughDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd

_HALF = 0.5
MINIMUM_CLASS_SONGS = 10
"""Fewer liked or disliked songs are nothing to learn from."""


def split_songs(dataset: pd.DataFrame, test_share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and test songs, in the order of the dataset.

    Songs are drawn by a hash of their group, so that as the dataset grows, all but a few of them stay on their side: a champion is
    compared with its challenger on songs that it has not learned from, either.

    Args:
        dataset: rows of the contract `DATASET`.
        test_share: share of the liked and of the disliked songs for the test, as near as their groups allow.
        seed: of the draw.
    """
    group = dataset["group_key"].astype(object)
    groups = dataset.groupby(group)["is_liked"].agg(song_count="size", liked_share="mean").reset_index()
    groups["drawn"] = [hashlib.sha256(f"{seed} {key}".encode()).hexdigest() for key in groups["group_key"]]
    groups["is_mostly_liked"] = groups["liked_share"] >= _HALF
    groups = groups.sort_values("drawn", kind="stable")
    by_label = groups.groupby("is_mostly_liked")["song_count"]
    # A group is a test group if its middle is among the first of its label.
    middle = (by_label.cumsum() - groups["song_count"] / 2) / by_label.transform("sum")
    is_test = group.isin(groups.loc[middle <= test_share, "group_key"]).to_numpy(dtype=bool)
    return dataset[~is_test].reset_index(drop=True), dataset[is_test].reset_index(drop=True)


def require_enough(dataset: pd.DataFrame, minimum_songs: int) -> None:
    """Refuse a dataset that nothing can be learned from.

    Raises:
        NotEnoughDataError: there are too few songs, or too few of one label.
    """
    liked = int(dataset["is_liked"].sum())
    rarer = min(liked, len(dataset) - liked)
    if len(dataset) < minimum_songs or rarer < MINIMUM_CLASS_SONGS:
        raise NotEnoughDataError(
            f"{len(dataset)} labelled songs, {rarer} of the rarer label; at least {minimum_songs} and {MINIMUM_CLASS_SONGS} are "
            "needed: drop more playlists with labels"
        )


def repeated_folds(songs: pd.DataFrame, folds: int, repeats: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return positions of training and validation songs of every fold of every repetition; groups stay together."""
    return [fold for repeat in range(repeats) for fold in _folds(songs, folds, seed + repeat)]


def _folds(songs: pd.DataFrame, folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    yield from splitter.split(songs, songs["is_liked"].to_numpy(dtype=bool), songs["group_key"].to_numpy())
