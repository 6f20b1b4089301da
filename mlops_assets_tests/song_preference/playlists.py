"""Playlists of a few songs, written in many ways."""

import json
from typing import Any

from mlops_assets.song_preference.contracts import FEATURE_NAMES
from mlops_assets.song_preference.songs.parsing import ParsedPlaylist, parse_playlist

SONG: dict[str, Any] = {
    "acousticness": 0.199,
    "danceability": 0.743,
    "duration_ms": 326933,
    "energy": 0.359,
    "instrumentalness": 0.00611,
    "key": 1,
    "liveness": 0.137,
    "loudness": -10.401,
    "mode": 1,
    "speechiness": 0.0794,
    "tempo": 160.083,
    "time_signature": 4,
    "valence": 0.588,
}


def song(**values: Any) -> dict[str, Any]:
    """Return a song that differs from `SONG` in some values; one that is None is left out."""
    return {name: value for name, value in {**SONG, **values}.items() if value is not None}


def as_csv(*songs: dict[str, Any], delimiter: str = ",") -> bytes:
    """Return songs as CSV with the columns of the first one."""
    titles = list(songs[0])
    lines = [delimiter.join(titles), *(delimiter.join(str(row.get(title, "")) for title in titles) for row in songs)]
    return ("\n".join(lines) + "\n").encode()


def as_answer(*songs: Any) -> bytes:
    """Return songs as Spotify's API answers."""
    return json.dumps({"audio_features": list(songs)}).encode()


def parsed(body: bytes, name: str = "mine.csv") -> ParsedPlaylist:
    """Return what becomes of a file."""
    return parse_playlist("mine-0123456789ab", name, "ana", body)


def reasons(body: bytes) -> list[str]:
    """Return reason codes and reasons of a file's rejects."""
    rejects = parsed(body).rejects
    return [f"{code}: {reason}" for code, reason in zip(rejects["reason_code"], rejects["reason"], strict=True)]


assert set(SONG) == set(FEATURE_NAMES)
