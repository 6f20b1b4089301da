"""The training set: a row per track whose popularity is known, with what was known before it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.ml.plots import plot_bars
from mlops_assets.song_popularity.contracts import AUDIO_NAMES, POPULARITY_LEVELS
from mlops_assets.song_popularity.levels import level_of
from mlops_assets.song_popularity.model_contracts import MODEL_INPUT, TRAINING_SET

if TYPE_CHECKING:
    import pandas as pd


def build_training_set(events: pd.DataFrame, history: pd.DataFrame, *, window: tuple[datetime, datetime]) -> pd.DataFrame:
    """Return rows of `training_set`: of each track the newest event with known popularity, else what the history says.

    Args:
        events: rows of `events`.
        history: rows of `history`, which bear no time, country or kind; may be empty.
        window: start and end (UTC), half-open, in which events count.
    """
    import pandas as pd

    is_usable = events["popularity"].notna() & (events["event_at"] >= window[0]) & (events["event_at"] < window[1])
    newest = events[is_usable].sort_values(["event_at", "event_id"], kind="stable").drop_duplicates("track_id", keep="last")
    older = history[history["popularity"].notna() & ~history["track_id"].isin(newest["track_id"])]
    tracks = pd.concat([_with_types(newest), _with_types(older)], ignore_index=True)
    tracks["popularity_level"] = level_of(tracks["popularity"])
    return tracks.sort_values("track_id", ignore_index=True)[TRAINING_SET.column_names]


def _with_types(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that a model learns from, each of its type, also where none of the rows has a value."""
    import pandas as pd

    typed = rows.reindex(columns=["track_id", *MODEL_INPUT.column_names, "popularity"])
    texts = dict.fromkeys(
        ("track_id", "event_type", "country", "track_name", "artist", "album", "query", "genre"), "string[pyarrow]"
    )
    return typed.assign(
        event_at=pd.to_datetime(typed["event_at"], utc=True).astype("datetime64[us, UTC]"),
        album_release_date=typed["album_release_date"].astype(object),
    ).astype({**texts, **dict.fromkeys(AUDIO_NAMES, "float64"), "popularity": "int32"})


def require_tracks(training_set: pd.DataFrame, minimum: int) -> None:
    """Refuse to learn from too few tracks.

    Raises:
        NotEnoughDataError: there are fewer than `minimum`, or one of the classes has none.
    """
    if len(training_set) < minimum:
        raise NotEnoughDataError(
            f"{len(training_set):,} tracks have a known popularity; at least {minimum:,} are needed to learn from"
        )
    require_levels(training_set)


def require_levels(tracks: pd.DataFrame, part: str = "") -> None:
    """Refuse tracks among which one of the classes has none.

    Args:
        tracks: with `popularity_level`.
        part: which part of the training set they are, for the message.

    Raises:
        NotEnoughDataError: a class has no track.
    """
    missing = [level for level in POPULARITY_LEVELS if level not in set(tracks["popularity_level"])]
    if missing:
        what = f"no {part} track" if part else "no track"
        raise NotEnoughDataError(f"{what} is of {' or '.join(missing)} popularity; a model cannot learn what that is like")


def draw_training_set(training_set: pd.DataFrame) -> dict[str, bytes]:
    """Draw, as PNG pictures by name, how many tracks there are of each class."""
    counts = training_set["popularity_level"].value_counts().reindex(list(POPULARITY_LEVELS), fill_value=0)
    return {"tracks_by_level": plot_bars(list(counts.index), counts.to_numpy(dtype=float), "Tracks by popularity", "tracks")}
