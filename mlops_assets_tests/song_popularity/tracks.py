"""Training tracks for tests: artists have a level of their own, and old albums less of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops_assets.contracts.frames import empty_frame
from mlops_assets.song_popularity.contracts import AUDIO_NAMES, EVENTS, HISTORY
from mlops_assets.song_popularity.modelling.training_set import build_training_set
from mlops_assets_tests.song_popularity.messages import NOON

if TYPE_CHECKING:
    from datetime import datetime

START, END = NOON - timedelta(days=20), NOON.replace(hour=0)


def some_events(count: int, seed: int = 1, *, end: datetime = END) -> pd.DataFrame:
    """Return rows of `events` of the three weeks before a moment, of a track each; every ninth has no popularity."""
    random = np.random.default_rng(seed)
    artist = random.integers(0, 25, count)
    age = random.integers(10, 3_000, count)
    popularity = np.clip(20 + 3 * artist - age / 150 + random.normal(0, 6, count), 0, 100).astype(int)
    at = pd.Timestamp(end) - pd.to_timedelta(random.uniform(0, 20 * 86_400, count).round(3), unit="s")
    rows = pd.DataFrame(
        {
            "event_id": [f"{number:032x}" for number in range(count)],
            "event_at": at.astype("datetime64[us, UTC]"),
            "track_id": [f"t{number}" for number in range(count)],
            "track_name": pd.array([f"song {number}" for number in range(count)], "string[pyarrow]"),
            "query": pd.array(["pop", None, "rock"] * (count // 3 + 1), "string[pyarrow]")[:count],
            "artist": pd.array([f"artist{number}" for number in artist], "string[pyarrow]"),
            "album": pd.array([f"album{number % 60}" for number in range(count)], "string[pyarrow]"),
            "popularity": pd.array(popularity, "Int32"),
            "event_type": pd.array(["search_result", "recommendation"] * (count // 2 + 1), "string[pyarrow]")[:count],
            "country": pd.array(["CO", "US", "ES"] * (count // 3 + 1), "string[pyarrow]")[:count],
            "album_release_date": [date(2026, 3, 1) - timedelta(days=int(days)) for days in age],
            "genre": pd.array(["pop", None] * (count // 2 + 1), "string[pyarrow]")[:count],
            **{name: random.uniform(0, 1, count) + (name == "duration_ms") for name in AUDIO_NAMES},
        }
    )
    rows.loc[rows.index % 9 == 8, "popularity"] = pd.NA
    return rows.reindex(columns=EVENTS.column_names)


def some_tracks(count: int, seed: int = 1) -> pd.DataFrame:
    """Return rows of `training_set`."""
    return build_training_set(some_events(count, seed), empty_frame(HISTORY), window=(START - timedelta(days=1), END))
