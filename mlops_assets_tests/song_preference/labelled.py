"""Datasets of made-up songs, of which energy alone says whether they are liked."""

from typing import Any

import numpy as np
import pandas as pd

from mlops_assets.song_preference.contracts import FEATURE_NAMES
from mlops_assets.song_preference.songs.dataset import build_dataset
from mlops_assets_tests.song_preference.playlists import as_csv, parsed, song


def labelled_songs(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return songs with titles; energetic ones are mostly liked."""
    random = np.random.default_rng(seed)
    songs = []
    for number in range(count):
        energy, others = round(float(random.random()), 4), random.random(4).round(4)
        values = dict(zip(("acousticness", "danceability", "speechiness", "valence"), map(float, others), strict=True))
        liked = int(random.random() < (0.9 if energy > 0.5 else 0.1))
        songs.append({**song(energy=energy, **values), "target": liked, "song_title": f"Song {seed}-{number}", "artist": "Ana"})
    return songs


def dataset_of(count: int, seed: int = 1) -> pd.DataFrame:
    """Return rows of the contract `DATASET`."""
    return build_dataset(parsed(as_csv(*labelled_songs(count, seed))).songs).songs


def without_labels(count: int, seed: int = 9) -> list[dict[str, Any]]:
    """Return songs of which only the features are known."""
    return [{name: each[name] for name in FEATURE_NAMES} for each in labelled_songs(count, seed)]
