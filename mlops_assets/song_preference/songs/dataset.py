"""The dataset that models learn from: labelled songs of the chosen listeners, each once, near-duplicates in one group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.ml.training import fingerprint
from mlops_assets.song_preference.contracts import CONFLICTING_SONGS, DATA_INFO, DATASET, FEATURE_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

_ALIKE_DIGITS = 2
"""Releases of one recording differ in the third digit of what is measured."""

_COMPARED = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "loudness", "speechiness", "valence")


@dataclass(frozen=True)
class SongDataset:
    """Labelled songs.

    Attributes:
        songs: rows of the contract `DATASET`.
        conflicts: rows of the contract `CONFLICTING_SONGS`.
        info: rows of the contract `DATA_INFO`.
    """

    songs: pd.DataFrame
    conflicts: pd.DataFrame
    info: pd.DataFrame


def build_dataset(songs: pd.DataFrame, listeners: Collection[str] = ()) -> SongDataset:
    """Return the labelled songs of some listeners.

    A song that occurs in several playlists of a listener counts once. One that he labelled both ways is in `conflicts` and not in
    `songs`.

    Args:
        songs: rows of the contract `SONGS` of all playlists, in any order.
        listeners: whose songs; all if empty.
    """
    labelled = songs[songs["is_liked"].notna()]
    if listeners:
        labelled = labelled[labelled["listener"].isin(list(listeners))]
    labelled = labelled.sort_values(["listener", "song_key", "playlist_key", "position"], kind="stable", ignore_index=True)
    label_count = labelled.groupby(["listener", "song_key"])["is_liked"].transform("nunique")
    conflicts, agreeing = labelled[label_count > 1], labelled[label_count == 1]
    kept = agreeing.drop_duplicates(["listener", "song_key"]).reset_index(drop=True)
    table = to_pandas(to_arrow(kept.assign(group_key=group_keys(kept))[DATASET.column_names], DATASET))
    return SongDataset(table, to_pandas(to_arrow(conflicts[CONFLICTING_SONGS.column_names], CONFLICTING_SONGS)), describe(table))


def group_keys(songs: pd.DataFrame) -> np.ndarray:
    """Return the group of each song: those of one title and artist, or that sound alike to two digits, are in one group.

    The key of a group is the smallest key of its songs.
    """
    import pandas as pd
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows = np.arange(len(songs))
    sound = songs[list(_COMPARED)].astype("float64").round(_ALIKE_DIGITS)
    by_sound = pd.factorize(pd.Series(list(map(tuple, sound.to_numpy())), dtype=object))[0]
    named = songs["title"].notna() & songs["artist"].notna()
    names = (songs["title"].str.casefold() + "\0" + songs["artist"].str.casefold()).where(named, songs["song_key"])
    by_name = pd.factorize(names)[0] + by_sound.max(initial=-1) + 1
    nodes = len(songs) + int(by_name.max(initial=-1)) + 1
    edges = np.concatenate([np.stack([rows, len(songs) + by_sound]), np.stack([rows, len(songs) + by_name])], axis=1)
    graph = coo_matrix((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(nodes, nodes))
    component = connected_components(graph, directed=False)[1][: len(songs)]
    smallest: np.ndarray = songs["song_key"].groupby(component).transform("min").to_numpy()
    return smallest


def describe(dataset: pd.DataFrame) -> pd.DataFrame:
    """Return what the columns of the dataset are like: rows of the contract `DATA_INFO`."""
    values = dataset[[*FEATURE_NAMES, "is_liked"]].astype("float64")
    found = values.agg(["count", "mean", "std", "min", "max"]).T
    table = found.rename(columns={"count": "value_count", "std": "standard_deviation", "min": "minimum", "max": "maximum"})
    table = table.assign(missing_count=len(values) - table["value_count"], content_hash=fingerprint([dataset], {}))
    table = table.rename_axis("column_name").reset_index().astype({"value_count": "int64", "missing_count": "int64"})
    return to_pandas(to_arrow(table, DATA_INFO))
