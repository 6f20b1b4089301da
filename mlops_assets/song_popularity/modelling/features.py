"""Features of an event: plain columns, made of what is known before its popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.song_popularity.contracts import AUDIO_NAMES

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("hour_of_day", "release_age_days", "release_year", "release_month", *AUDIO_NAMES)
"""Numbers; any may be missing."""

CATEGORIES = ("event_type", "country", "genre")
"""Texts with few values; a missing or unseen one is a value of its own."""

CREATORS = ("artist", "artist_album")
"""Texts with many values."""


def event_features(events: pd.DataFrame) -> pd.DataFrame:
    """Return numbers, categories and creators of events with the columns of `MODEL_INPUT`, on their index."""
    import pandas as pd

    moment = pd.to_datetime(events["event_at"], utc=True)
    released = pd.to_datetime(events["album_release_date"], errors="coerce", utc=True)
    artist, album = (events[name].astype(object).mask(events[name].isna()) for name in ("artist", "album"))
    columns: dict[str, pd.Series] = {
        "hour_of_day": moment.dt.hour.astype("float64"),
        "release_age_days": (moment - released).dt.total_seconds() / 86_400,
        "release_year": released.dt.year.astype("float64"),
        "release_month": released.dt.month.astype("float64"),
        **{name: events[name].astype("float64") for name in AUDIO_NAMES},
        **{name: events[name].astype(object).where(events[name].notna(), "unknown") for name in CATEGORIES},
        "artist": artist,
        # Many albums are called alike.
        "artist_album": (artist.astype(str) + "\n" + album.astype(str)).where(artist.notna() & album.notna()),
    }
    return pd.DataFrame(columns, index=events.index)
