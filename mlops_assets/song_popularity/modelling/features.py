"""Features of an event: plain columns, made of what is known before its popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.song_popularity.contracts import AUDIO_NAMES

if TYPE_CHECKING:
    import pandas as pd

_TITLE_MARKS = {
    "is_remix": r"\b(?:re)?mix(?:ed)?\b|\bedit\b",
    "is_remaster": r"remaster",
    "is_live": r"\blive\b",
    "has_guest": r"\b(?:feat|ft|with)\b",
}
_ALBUM_MARKS = {"is_compilation": r"deluxe|greatest|best of|\bhits\b|collection|anniversary"}
"""What titles say of a release, as regular expressions."""

RELEASE = ("release_age_days", "release_year", "release_day_of_year", "release_weekday")
TITLE = (*_TITLE_MARKS, *_ALBUM_MARKS, "is_title_track", "title_length")
NUMBERS = ("hour_of_day", *RELEASE, *TITLE, *AUDIO_NAMES)
"""Numbers; any may be missing."""

CATEGORIES = ("event_type", "country", "genre")
"""Texts with few values; a missing or unseen one is a value of its own."""

CODES = ("artist", "artist_album", "query", "genre")
"""Texts with many values."""


def event_features(events: pd.DataFrame) -> pd.DataFrame:
    """Return numbers, categories and codes of events with the columns of `MODEL_INPUT`, on their index."""
    import pandas as pd

    moment = pd.to_datetime(events["event_at"], utc=True)
    artist, album = (events[name].astype(object).mask(events[name].isna()) for name in ("artist", "album"))
    columns: dict[str, pd.Series] = {
        "hour_of_day": moment.dt.hour.astype("float64"),
        **_of_release(pd.to_datetime(events["album_release_date"], errors="coerce", utc=True), moment),
        **_of_titles(*(events[name].astype("string[pyarrow]") for name in ("track_name", "album"))),
        **{name: events[name].astype("float64") for name in AUDIO_NAMES},
        **{name: events[name].astype(object).where(events[name].notna(), "unknown") for name in CATEGORIES},
        "artist": artist,
        # Many albums are called alike.
        "artist_album": (artist.astype(str) + "\n" + album.astype(str)).where(artist.notna() & album.notna()),
        "query": events["query"].astype(object).mask(events["query"].isna()),
    }
    return pd.DataFrame(columns, index=events.index)


def _of_release(released: pd.Series, moment: pd.Series) -> dict[str, pd.Series]:
    # Albums of which only the year is known are of its first day, which the day of the year tells.
    return {
        "release_age_days": (moment - released).dt.total_seconds() / 86_400,
        "release_year": released.dt.year.astype("float64"),
        "release_day_of_year": released.dt.dayofyear.astype("float64"),
        "release_weekday": released.dt.weekday.astype("float64"),
    }


def _of_titles(track: pd.Series, album: pd.Series) -> dict[str, pd.Series]:
    flags: dict[str, pd.Series] = {
        **{name: track.str.contains(pattern, case=False) for name, pattern in _TITLE_MARKS.items()},
        **{name: album.str.contains(pattern, case=False) for name, pattern in _ALBUM_MARKS.items()},
        "is_title_track": track.str.casefold() == album.str.casefold(),
        "title_length": track.str.len(),
    }
    return {name: flag.astype("Float64").astype("float64") for name, flag in flags.items()}
