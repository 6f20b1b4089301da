"""Events of Spotify's Web API, fetched as the original did: at random new releases, recommendations, or a search."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from mlops_assets.errors import SourceError, TransientError
from mlops_assets.song_popularity.sources.spotify_client import ClosedEndPointError, RateLimitedError, SpotifyClient
from mlops_assets.stores.events import Event
from mlops_assets.streams.producing import Outgoing

TERMS = ("pop", "rock", "reggaeton", "salsa", "trap", "bachata", "vallenato", "hip hop", "indie", "electrónica")
"""What is searched for."""
SEED_GENRES = ("pop", "latin", "reggaeton", "trap", "rock", "hip-hop")
"""Of which recommendations are asked for."""
SEARCH_COUNTRIES = ("CO", "AR", "US", "MX", "ES")
COUNTRIES = ("US", "CO", "BR", "MX", "ES")
"""Of new releases and recommendations."""

_BETWEEN_EVENTS_SECONDS, _BETWEEN_FETCHES_SECONDS, _AFTER_ERROR_SECONDS = 0.3, 5.0, 10.0
_RELEASES, _TRACKS_OF_RELEASE, _RECOMMENDATIONS, _FOUND = 5, 5, 10, 5

Fields = dict[str, Any]


class SpotifyEvents:
    """An endless sequence of events, that ends only if Spotify lets the app ask nothing."""

    def __init__(
        self,
        client: SpotifyClient,
        rng: random.Random,
        tell: Callable[[str], None],
        *,
        rate: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Ask by a client.

        Args:
            client: asks.
            rng: chooses what is asked for.
            tell: takes what people should know, in a sentence.
            rate: events per second out of one answer; the original's 0.3 seconds between them by default.
            clock: tells the seconds since 1970.
        """
        self._client, self._rng, self._tell, self._clock = client, rng, tell, clock
        self._between_seconds = 1 / rate if rate else _BETWEEN_EVENTS_SECONDS
        self._open: dict[str, Callable[[], Iterator[Fields]]] = {
            "new releases": self._new_releases,
            "recommendations": self._recommendations,
            "search": self._search,
        }

    def outgoing(self) -> Iterator[Outgoing]:
        """Yield the events when they are due, and pauses between what was fetched together.

        Raises:
            SourceError: Spotify does not know the app, or lets it ask nothing.
        """
        began_at = self._clock()
        while True:
            fetched, wait_seconds = self._fetch()
            due = self._clock() - began_at
            for fields in fetched:
                yield Outgoing(_event(fields, began_at + due), due)
                due += self._between_seconds
            yield Outgoing(None, due + wait_seconds)

    def _fetch(self) -> tuple[list[Fields], float]:
        """Return the fields of some events, and after how many seconds to ask for more."""
        if not self._open:
            raise SourceError("Spotify lets this app ask for nothing; look at the app's access in Spotify's dashboard")
        kind = self._rng.choice(list(self._open))
        fetched: list[Fields] = []
        try:
            for fields in self._open[kind]():
                fetched.append(fields)
        except ClosedEndPointError as error:
            del self._open[kind]
            self._tell(f"{error} for {kind}: it closed them for this app, so they are left out.")
            return fetched, 0.0
        except RateLimitedError as error:
            self._tell(f"{error}; nothing is asked for until then.")
            return fetched, error.seconds
        except TransientError as error:
            self._tell(f"{error}; it is asked again in {_AFTER_ERROR_SECONDS:g} s.")
            return fetched, _AFTER_ERROR_SECONDS
        return fetched, _BETWEEN_FETCHES_SECONDS

    def _new_releases(self) -> Iterator[Fields]:
        country = self._rng.choice(COUNTRIES)
        answer = self._client.get("browse/new-releases", country=country, limit=_RELEASES)
        for album in _items(answer, "albums"):
            try:
                tracks = self._client.get(f"albums/{album.get('id')}/tracks", market=country, limit=_TRACKS_OF_RELEASE)
            except ClosedEndPointError as error:
                self._tell(f"{error} for the tracks of album {album.get('id')}; it is left out.")
                continue
            for track in _items(tracks):
                yield _fields({**track, "album": album}, event_type="new_release", country=country)

    def _recommendations(self) -> Iterator[Fields]:
        country, genre = self._rng.choice(COUNTRIES), self._rng.choice(SEED_GENRES)
        answer = self._client.get("recommendations", seed_genres=genre, market=country, limit=_RECOMMENDATIONS)
        for track in _objects(answer.get("tracks")):
            yield _fields(track, event_type="recommendation", country=country)

    def _search(self) -> Iterator[Fields]:
        term, country = self._rng.choice(TERMS), self._rng.choice(SEARCH_COUNTRIES)
        answer = self._client.get("search", q=term, type="track", market=country, limit=_FOUND)
        for track in _items(answer, "tracks"):
            yield _fields(track, event_type="search_result", query=term, country=country)


def _fields(track: Mapping[str, Any], **said: str) -> Fields:
    """Return the fields of an event in the order of the wire format; what Spotify leaves out is left out."""
    album, artists = track.get("album") or {}, _objects(track.get("artists"))
    found = {
        "track_id": track.get("id"),
        "track_name": track.get("name"),
        "artist": artists[0].get("name") if artists else None,
        "album": album.get("name"),
        "popularity": track.get("popularity"),
        **said,
        "album_release_date": album.get("release_date"),
        "duration_ms": track.get("duration_ms"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _event(fields: Fields, at: float) -> Event:
    value = json.dumps({**fields, "timestamp": at}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Event(value, datetime.fromtimestamp(at, timezone.utc), str(fields.get("track_id", "")).encode() or None)


def _items(answer: Mapping[str, Any], page: str | None = None) -> list[dict[str, Any]]:
    """Return the objects of a page of Spotify's."""
    found = answer.get(page) if page else answer
    return _objects(found.get("items") if isinstance(found, dict) else None)


def _objects(found: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; Spotify has null for what it cannot show."""
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
