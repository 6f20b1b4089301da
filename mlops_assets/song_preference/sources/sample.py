"""Simulated listeners: playlists of imaginary songs, labelled by tastes that drift. Needs no network and no files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import SourceError
from mlops_assets.song_preference.contracts import FEATURE_NAMES
from mlops_assets.song_preference.sources.base import FoundFile

if TYPE_CHECKING:
    from collections.abc import Callable

_LABELLED = 4
"""Playlists of a listener that he has labelled; one more has no labels."""
_SONGS = 150
_LISTENERS = {
    "ana": {"danceability": 3.0, "speechiness": 9.0, "acousticness": -1.5, "loudness": -0.12, "energy": 1.0},
    "luis": {"instrumentalness": 2.5, "energy": 2.0, "valence": -1.5, "duration_ms": 0.000006, "speechiness": 4.0},
}
"""How much each feature speaks for a song, by listener."""
_DRIFT = {"ana": {"valence": 0.6}, "luis": {"danceability": 0.8}}
"""How much a taste changes from one playlist to the next."""
_STYLES = {
    "dance": (0.75, 0.78, 0.05, 0.06, 0.60, 122.0, -6.0),
    "rap": (0.74, 0.62, 0.15, 0.24, 0.50, 110.0, -7.0),
    "rock": (0.50, 0.82, 0.06, 0.06, 0.48, 128.0, -6.5),
    "folk": (0.54, 0.35, 0.65, 0.05, 0.40, 112.0, -11.0),
    "ambient": (0.38, 0.25, 0.55, 0.04, 0.20, 98.0, -16.0),
}
"""Mean danceability, energy, acousticness, speechiness, valence, tempo and loudness of each style."""


@dataclass(frozen=True)
class _Playlist:
    listener: str
    number: int

    @property
    def name(self) -> str:
        ending = ("csv", "json", "csv", "csv")[self.number % 4]
        what = "to_listen" if self.number == _LABELLED else f"playlist_{self.number + 1}"
        return f"{self.listener}/{what}.{ending}"


class SamplePlaylistSource:
    """Playlists of two imaginary listeners; everything follows from the seed.

    The quirks are those of real files: other names and orders of columns, `4.0` beats, decimal commas between semicolons, songs
    that occur again, a song that is labelled both ways, values that cannot be.
    """

    def __init__(self, seed: int) -> None:
        """Simulate the listeners of a seed."""
        self._seed = seed

    def describe(self) -> str:
        """Say that nothing here is real."""
        return f"simulated listeners of seed {self._seed}"

    def files(self) -> Iterator[FoundFile]:
        """Yield the playlists, which never change."""
        for name in sorted(self._playlists):
            yield FoundFile(name, str(self._seed))

    def read(self, name: str) -> bytes:
        """Return a playlist as its listener would have saved it."""
        if name not in self._playlists:
            raise SourceError(f"{self.describe()} have no playlist {name}; they have {', '.join(sorted(self._playlists))}")
        playlist = self._playlists[name]
        return _WRITERS[playlist.number % len(_WRITERS)](self._songs(playlist))

    @cached_property
    def _playlists(self) -> dict[str, _Playlist]:
        found = [_Playlist(listener, number) for listener in _LISTENERS for number in range(_LABELLED + 1)]
        return {playlist.name: playlist for playlist in found}

    def _songs(self, playlist: _Playlist) -> list[dict[str, Any]]:
        random = np.random.default_rng([self._seed, list(_LISTENERS).index(playlist.listener), playlist.number])
        songs = [_draw_song(random) for _ in range(_SONGS)]
        for song in songs:
            song["title"] = f"Song {random.integers(10**9):09d}"
            song["artist"] = f"Artist {random.integers(400)}"
        if playlist.number < _LABELLED:
            for song in songs:
                chance = 1 / (1 + np.exp(-_taste(playlist, song)))
                song["liked"] = int(random.random() < chance)
            songs.append({**songs[0], "liked": 1 - songs[0]["liked"]})
        songs += [songs[1], {**songs[2], "energy": 1.7}, {**songs[3], "tempo": "fast"}]
        return songs


def _taste(playlist: _Playlist, song: dict[str, Any]) -> float:
    middle = {
        "danceability": 0.58,
        "energy": 0.56,
        "speechiness": 0.09,
        "acousticness": 0.29,
        "valence": 0.44,
        "loudness": -9.3,
        "instrumentalness": 0.2,
        "duration_ms": 230_000,
    }
    weights = dict(_LISTENERS[playlist.listener])
    for name, change in _DRIFT[playlist.listener].items():
        weights[name] = weights.get(name, 0.0) + change * playlist.number
    return 1.8 * sum(weight * (song[name] - middle[name]) for name, weight in weights.items())


def _draw_song(random: np.random.Generator) -> dict[str, Any]:
    dance, energy, acoustic, speech, valence, tempo, loudness = _STYLES[str(random.choice(list(_STYLES)))]

    def share(mean: float, spread: float = 12.0) -> float:
        return round(float(random.beta(mean * spread, (1 - mean) * spread)), 3)

    values = {
        "danceability": share(dance),
        "energy": share(energy),
        "acousticness": share(acoustic, 4.0),
        "speechiness": share(speech, 40.0),
        "valence": share(valence, 6.0),
        "instrumentalness": share(0.5, 1.0) if random.random() < 0.35 else 0.0,
        "liveness": share(0.17, 10.0),
        "tempo": round(float(np.clip(random.normal(tempo, 22), 45, 215)), 3),
        "loudness": round(float(np.clip(random.normal(loudness, 2.5), -45, -1)), 3),
        "duration_ms": int(max(random.normal(230_000, 45_000), 60_000)),
        "key": int(random.integers(12)),
        "mode": int(random.random() < 0.6),
        "time_signature": 4 if random.random() < 0.92 else 3,
    }
    return {name: values[name] for name in FEATURE_NAMES}


def _write_attributes(songs: list[dict[str, Any]]) -> bytes:
    """Write as "Spotify Song Attributes" does: a running number, `4.0` beats, the label `target`."""
    rows = [
        {"": number, **{name: song[name] for name in FEATURE_NAMES}, "time_signature": float(song["time_signature"])}
        | ({"target": song["liked"]} if "liked" in song else {})
        | {"song_title": song["title"], "artist": song["artist"]}
        for number, song in enumerate(songs)
    ]
    return _as_csv(rows, ",")


def _write_api_answer(songs: list[dict[str, Any]]) -> bytes:
    """Write as Spotify's API answers, with an unknown id among them; the label was added by hand."""
    items = [{**{name: song[name] for name in FEATURE_NAMES}, "type": "audio_features", **_label(song)} for song in songs]
    return json.dumps({"audio_features": [*items, None]}, indent=1).encode()


def _write_recommendation(songs: list[dict[str, Any]]) -> bytes:
    """Write as "Spotify Recommendation" does: another order of columns, the label `liked`."""
    return _as_csv([{**{name: song[name] for name in reversed(FEATURE_NAMES)}, **_label(song)} for song in songs], ",")


def _write_spreadsheet(songs: list[dict[str, Any]]) -> bytes:
    """Write as a spreadsheet of a Spanish machine does: semicolons, decimal commas, a byte order mark, `duration`."""
    rows = [
        {
            "artist": song["artist"],
            "title": song["title"],
            **{"duration" if name == "duration_ms" else name: str(song[name]).replace(".", ",") for name in FEATURE_NAMES},
            **({"label": song["liked"]} if "liked" in song else {}),
        }
        for song in songs
    ]
    return b"\xef\xbb\xbf" + _as_csv(rows, ";")


def _label(song: dict[str, Any]) -> dict[str, Any]:
    return {"liked": song["liked"]} if "liked" in song else {}


def _as_csv(rows: list[dict[str, Any]], delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


_WRITERS: tuple[Callable[[list[dict[str, Any]]], bytes], ...] = (
    _write_attributes,
    _write_api_answer,
    _write_recommendation,
    _write_spreadsheet,
)
