"""What is made of an event: its release, its titles, and texts with many values."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import pandas as pd
import pytest

from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.song_popularity.model_contracts import MODEL_INPUT
from mlops_assets.song_popularity.modelling.features import CATEGORIES, CODES, NUMBERS, event_features


def features_of(**values: Any) -> pd.Series:
    return event_features(rows_to_frame([values], MODEL_INPUT)).iloc[0]


def test_release_is_told_by_its_age_and_by_its_day() -> None:
    """The age is that at the event; without a moment the day alone is known."""
    friday = {"album_release_date": date(2026, 1, 2)}
    at = datetime(2026, 1, 4, 12, tzinfo=timezone.utc)
    known = features_of(**friday, event_at=at)
    assert known[["hour_of_day", "release_age_days", "release_year", "release_day_of_year", "release_weekday"]].tolist() == [
        12,
        2.5,
        2026,
        2,
        4,
    ]
    timeless = features_of(**friday)
    assert pd.isna(timeless["release_age_days"])
    assert timeless["release_year"] == 2026


@pytest.mark.parametrize(
    ("title", "marks"),
    [
        ("Beautiful People (feat. Khalid) - Jack Wins Remix", {"is_remix", "has_guest"}),
        ("Come Together - Remastered 2009", {"is_remaster"}),
        ("Alive", set()),
        ("Hurt - Live", {"is_live"}),
    ],
)
def test_titles_tell_kinds_of_releases(title: str, marks: set[str]) -> None:
    """By whole words: somebody alive is not on stage."""
    found = features_of(track_name=title, album="Other")
    assert {name for name in ("is_remix", "is_remaster", "is_live", "has_guest") if found[name] == 1} == marks
    assert found["title_length"] == len(title)


def test_album_called_like_the_track_is_a_single() -> None:
    """Whatever the case; an unknown title is neither."""
    assert features_of(track_name="Hurt", album="HURT")["is_title_track"] == 1
    assert features_of(track_name="Hurt", album="Greatest Hits")[["is_title_track", "is_compilation"]].tolist() == [0, 1]
    assert pd.isna(features_of(album="Hurt")["is_title_track"])


def test_albums_of_the_same_name_are_told_apart_by_their_artist() -> None:
    """Half of all artists have a `Greatest Hits`."""
    one, other = (features_of(artist=artist, album="Greatest Hits")["artist_album"] for artist in ("Queen", "ABBA"))
    assert one != other
    assert pd.isna(features_of(album="Greatest Hits")["artist_album"])


def test_nothing_known_has_every_feature() -> None:
    """Empty numbers and codes, and categories that say so."""
    found = event_features(rows_to_frame([{}], MODEL_INPUT))
    assert set(found.columns) == {*NUMBERS, *CATEGORIES, *CODES}
    assert found[[*NUMBERS, "artist", "artist_album", "query"]].isna().all(axis=None)
    assert (found[list(CATEGORIES)] == "unknown").all(axis=None)
