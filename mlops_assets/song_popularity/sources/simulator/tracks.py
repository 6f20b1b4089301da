"""What a track of the imaginary world is called and sounds like, as the part of a message that every event of it shares."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from mlops_assets.song_popularity.sources.simulator.vocabulary import FIRST_WORDS, GENRES, SECOND_WORDS, TITLE_WORDS, Genre
from mlops_assets.song_popularity.sources.simulator.world import World

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TO_LETTERS = bytes(ord(_LETTERS[value % len(_LETTERS)]) for value in range(256))
_ID_LENGTH = 22
_AUDIO_SHARE, _DATE_SHARE, _GENRE_SHARE = 0.6, 0.85, 0.7
"""Of how many tracks the source knows what they sound like, when they came out, and what genre they are."""
_EPOCH = date(1970, 1, 1)
_DAY_SINCE, _MONTH_SINCE = date(1995, 1, 1), date(1985, 1, 1)
"""Of older albums, only the month or the year is known."""


@dataclass(frozen=True)
class Track:
    """A track as messages show it.

    Attributes:
        key: its id, as the key of its messages.
        beginning: of the JSON object: id and names.
        ending: of the JSON object: what else is known of it, each field after a comma, and the closing brace.
    """

    key: bytes
    beginning: str
    ending: str


@dataclass
class Tracks:
    """The tracks of a world, each made when it is needed first."""

    world: World
    _made: dict[int, Track] = field(default_factory=dict)
    _noise: np.ndarray = field(init=False)
    _draws: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.world.seed, 2])
        self._noise = rng.standard_normal((len(self.world.appeal), 8))
        self._draws = rng.random((len(self.world.appeal), 9))

    def __getitem__(self, number: int) -> Track:
        """Return a track."""
        found = self._made.get(number)
        if found is None:
            found = self._made[number] = self._make(number)
        return found

    def _make(self, number: int) -> Track:
        album = int(self.world.track_album[number])
        artist = int(self.world.album_artist[album])
        draws = self._draws[number].tolist()
        track_id = _identifier(f"{self.world.seed} track {number}")
        names = {
            "track_id": track_id,
            "track_name": _title(number, *draws[3:5]),
            "artist": f"{FIRST_WORDS[artist % 12]} {SECOND_WORDS[artist // 12]}",
            "album": f"{TITLE_WORDS[album % 32]} {SECOND_WORDS[album // 32 % 24]} {TITLE_WORDS[album // 768 % 32]}",
        }
        known: dict[str, Any] = {}
        genre = GENRES[self.world.artist_genre[artist]]
        if draws[0] < _DATE_SHARE:
            known["album_release_date"] = _release_date(float(self.world.album_day[album]))
        if draws[1] < _GENRE_SHARE:
            known["genre"] = genre.name
        if draws[2] < _AUDIO_SHARE:
            known |= _audio(genre, float(self.world.appeal[number]), self._noise[number].tolist(), draws[5:])
        ending = json.dumps(known, ensure_ascii=False)[1:]
        return Track(track_id.encode(), json.dumps(names, ensure_ascii=False)[:-1], f", {ending}" if known else "}")


def _identifier(text: str) -> str:
    """Return an id that looks like Spotify's."""
    return hashlib.blake2b(text.encode(), digest_size=_ID_LENGTH).digest().translate(_TO_LETTERS).decode()


def _title(number: int, first: float, second: float) -> str:
    words = [TITLE_WORDS[int(draw * len(TITLE_WORDS))] for draw in (first, second)]
    kind = ("", "", "", " - Remix", " (feat. MC Perla)", " 'En Vivo'")[number % 6]
    return f"{' '.join(words)}{kind}"


def _release_date(day: float) -> str:
    released = _EPOCH + timedelta(days=int(day))
    if released >= _DAY_SINCE:
        return released.isoformat()
    return released.isoformat()[: 7 if released >= _MONTH_SINCE else 4]


def _audio(genre: Genre, appeal: float, noise: list[float], draws: list[float]) -> dict[str, float | int]:
    def share(mean: float, spread: float, position: int) -> float:
        return round(min(max(mean + spread * noise[position], 0.01), 0.98), 3)

    return {
        "acousticness": share(genre.acousticness, 0.15, 0),
        # What people like to dance to is heard more often.
        "danceability": share(genre.danceability + 0.05 * appeal, 0.07, 1),
        "duration_ms": max(int(205_000 + 30_000 * noise[2]), 60_000),
        "energy": share(genre.energy + 0.04 * appeal, 0.1, 3),
        "instrumentalness": round(draws[0] ** 8, 4),
        "key": int(draws[1] * 12),
        "liveness": round(0.08 + 0.3 * draws[2] ** 2, 3),
        "loudness": round(min(genre.loudness + 1.6 * noise[4], -0.5), 2),
        "mode": int(draws[3] < 0.6),
        "speechiness": share(genre.speechiness, 0.03, 5),
        "tempo": round(genre.tempo + 9 * noise[6], 2),
        "valence": share(genre.valence, 0.17, 7),
    }
