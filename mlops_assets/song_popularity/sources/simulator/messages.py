"""Messages of the imaginary world: which event comes when, drawn a thousand at a time, and its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mlops_assets.song_popularity.sources.simulator.poison import POISON
from mlops_assets.song_popularity.sources.simulator.tracks import Tracks
from mlops_assets.song_popularity.sources.simulator.vocabulary import MARKET_POPULARITY, MARKETS, RARE_MARKETS, SEARCHES
from mlops_assets.song_popularity.sources.simulator.world import World

BLOCK = 1_024
"""Events are drawn in blocks: those of a block follow from its number alone."""

DUPLICATE_SHARE, LATE_SHARE, POISON_SHARE = 0.035, 0.02, 0.01
LATEST_SECONDS = 86_400.0
"""A late event is up to a day late."""

_FARTHEST_DUPLICATE = 200
_UNKNOWN_POPULARITY_SHARE, _RARE_MARKET_SHARE = 0.05, 0.003
_LARGE_SHARE = 0.05
"""How often the kind of poison that is large comes up, beside another kind."""
_DAY_SECONDS = 86_400
_NOISE_POINTS = 3.0
_RECOMMENDED_POINTS = 3.0

NEW_RELEASE, RECOMMENDATION, SEARCH_RESULT = range(3)
_TYPES = ("new_release", "recommendation", "search_result")
_TYPE_ODDS = np.cumsum([0.18, 0.32])
_COUNTRIES = (*MARKETS, *RARE_MARKETS)
_COUNTRY_POINTS = np.array([MARKET_POPULARITY.get(code, 0.0) for code in _COUNTRIES])
_QUERIES = [json.dumps(text, ensure_ascii=False) for text in SEARCHES]


class Message(NamedTuple):
    """A message as it is sent.

    Attributes:
        key: the track's id.
        value: its bytes.
        at: when the event happened, in seconds since 1970.
    """

    key: bytes
    value: bytes
    at: float


@dataclass
class Messages:
    """The endless sequence of messages of a world, that begin at a moment and come at a rate.

    Attributes:
        tracks: of the world.
        start: when the first one comes, in seconds since 1970.
        rate: how many come in a second.
    """

    tracks: Tracks
    start: float
    rate: float

    @property
    def world(self) -> World:
        """Artists, albums and tracks."""
        return self.tracks.world

    def block(self, number: int) -> list[Message]:
        """Return the messages from `BLOCK * number` on: the same whenever it is asked for."""
        rng = np.random.default_rng([self.world.seed, 3, number])
        draws = rng.random((9, BLOCK))
        noise = rng.standard_normal(BLOCK)
        sent_at = self.start + (BLOCK * number + np.arange(BLOCK)) / self.rate
        happened_at = np.round(sent_at - np.where(draws[0] < LATE_SHARE, 60 + (LATEST_SECONDS - 60) * draws[1], 0), 6)
        days = happened_at / _DAY_SECONDS

        kinds = np.searchsorted(_TYPE_ODDS, draws[2])
        artists = self.world.artist_slots[(draws[3] * len(self.world.artist_slots)).astype(np.int64)]
        tracks = np.where(
            kinds == NEW_RELEASE,
            self.world.new_tracks(days, draws[3], draws[4]),
            self.world.known_tracks(artists, days, draws[4]),
        )
        countries = self._countries(tracks, draws[5])
        popularity = self.world.popularity_at(tracks, days) + _COUNTRY_POINTS[countries] + _NOISE_POINTS * noise
        popularity += np.where(kinds == RECOMMENDATION, _RECOMMENDED_POINTS, 0)
        is_known = (kinds != NEW_RELEASE) & (draws[6] >= _UNKNOWN_POPULARITY_SHARE)
        rounded = np.where(is_known, np.clip(np.round(popularity), 0, 100), -1).astype(int)
        queries = (draws[7] * len(_QUERIES)).astype(int)

        columns = (kinds, tracks, countries, rounded, queries, happened_at)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return self._with_faults([self._message(*row) for row in rows], draws[8], sent_at)

    def _countries(self, tracks: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Draw a market of each track's artist; now and then one that hardly ever comes up."""
        odds = self.world.market_odds[self.world.album_artist[self.world.track_album[tracks]]]
        is_rare = draws < _RARE_MARKET_SHARE
        common = np.minimum((odds < draws[:, None]).sum(axis=1), len(MARKETS) - 1)
        rare = len(MARKETS) + (draws / _RARE_MARKET_SHARE * len(RARE_MARKETS)).astype(int)
        return np.where(is_rare, rare, common)

    def _message(self, kind: int, track: int, country: int, popularity: int, query: int, at: float) -> Message:
        known = self.tracks[track]
        seen = f', "popularity": {popularity}' if popularity >= 0 else ""
        searched = f', "query": {_QUERIES[query]}' if kind == SEARCH_RESULT else ""
        text = (
            f'{known.beginning}{seen}, "event_type": "{_TYPES[kind]}"{searched}, "country": "{_COUNTRIES[country]}", '
            f'"timestamp": {at!r}{known.ending}'
        )
        return Message(known.key, text.encode(), at)

    def _with_faults(self, messages: list[Message], draws: np.ndarray, sent_at: np.ndarray) -> list[Message]:
        """Put poison in the place of some messages, and earlier ones, once more, in the place of others."""
        poisoned = set[int]()
        for position in np.flatnonzero(draws < POISON_SHARE + DUPLICATE_SHARE).tolist():
            draw = float(draws[position])
            if draw < POISON_SHARE:
                poisoned.add(position)
                good = messages[position]
                value = _poison(draw / POISON_SHARE, good.value)
                messages[position] = Message(good.key, value, float(sent_at[position]))
                continue
            farthest = min(position, _FARTHEST_DUPLICATE)
            first = position - int((draw - POISON_SHARE) / DUPLICATE_SHARE * farthest) - 1
            if first >= 0 and first not in poisoned:
                messages[position] = messages[first]
        return messages


_KINDS = tuple(name for name in POISON if name != "too_large")


def _poison(draw: float, good: bytes) -> bytes:
    """Return a bad message that is made out of a good one.

    Args:
        draw: uniform number from 0 to 1, which says of what kind.
        good: the message.
    """
    scaled = draw * (len(_KINDS) + _LARGE_SHARE)
    kind = _KINDS[int(scaled)] if scaled < len(_KINDS) else "too_large"
    return POISON[kind].make(json.loads(good))
