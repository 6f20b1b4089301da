"""Spotify over a real socket: tokens that end, limits of requests, end points that are closed, and what becomes of the answers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.errors import SourceError, TransientError
from mlops_assets.http import RetryPolicy
from mlops_assets.song_popularity.events.messages import EventMessage, read_message
from mlops_assets.song_popularity.sources.live import COUNTRIES, SEARCH_COUNTRIES, SEED_GENRES, TERMS, SpotifyEvents
from mlops_assets.song_popularity.sources.spotify_client import ClosedEndPointError, RateLimitedError, SpotifyClient
from mlops_assets.streams.producing import Outgoing
from mlops_assets_tests.services.spotify import CLIENT_ID, CLIENT_SECRET, Spotify, spotify_server
from mlops_assets_tests.song_popularity.messages import NOON
from mlops_assets_tests.test_cli_produce import produce, sent

AT_ONCE = RetryPolicy(attempts=3, sleep=lambda _seconds: None)
NEW_RELEASES, RECOMMENDATIONS, SEARCH = "browse/new-releases", "recommendations", "search"


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def spotify() -> Iterator[Spotify]:
    with spotify_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(spotify: Spotify, clock: Clock) -> SpotifyClient:
    return client_of(spotify, clock)


def client_of(spotify: Spotify, clock: Clock, secret: str = CLIENT_SECRET) -> SpotifyClient:
    url = f"{spotify.url}/v1/"
    return SpotifyClient(CLIENT_ID, secret, api_url=url, accounts_url=spotify.url, retries=AT_ONCE, clock=clock)


def search(client: SpotifyClient) -> Any:
    return client.get(SEARCH, q="pop", type="track", limit=1)


def test_token_is_renewed_before_it_ends(spotify: Spotify, client: SpotifyClient, clock: Clock) -> None:
    """One token for an hour of requests; a minute before it ends comes the next one."""
    for seconds, tokens in ((0, 1), (3_500, 1), (3_545, 2), (7_000, 2), (7_100, 3)):
        clock.seconds = seconds
        search(client)
        assert len(spotify.tokens) == tokens


def test_token_that_is_taken_back_is_replaced(spotify: Spotify, client: SpotifyClient) -> None:
    """A request that is refused for its token is made once more with another."""
    search(client)
    spotify.is_revoked = True
    search(client)
    assert len(spotify.tokens) == 2


def test_wrong_secret_is_for_a_person(spotify: Spotify, clock: Clock) -> None:
    """The error says so at once, without the secret."""
    with pytest.raises(SourceError, match="the request is refused: 400") as caught:
        search(client_of(spotify, clock, "another-secret"))
    assert "another-secret" not in str(caught.value)


def test_rate_limit_is_said_not_slept(spotify: Spotify, client: SpotifyClient) -> None:
    """However long Spotify asks to wait, the client returns at once and says how long."""
    spotify.answers[SEARCH] = [(429, {"Retry-After": "43200"}), (429, {})]
    with pytest.raises(RateLimitedError) as caught:
        search(client)
    assert caught.value.seconds == 43_200
    with pytest.raises(RateLimitedError) as caught:
        search(client)
    assert caught.value.seconds == 1


def test_errors_that_may_pass_are_tried_again(spotify: Spotify, client: SpotifyClient) -> None:
    """Two errors of the server are got over; three are an error that may pass."""
    spotify.fail(SEARCH, 503, 503)
    assert search(client)["tracks"]["items"]
    spotify.fail(SEARCH, 503, 503, 503)
    with pytest.raises(TransientError, match="failed 3 times"):
        search(client)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_closed_end_point_is_told_from_failures(spotify: Spotify, client: SpotifyClient, status: int) -> None:
    """It is asked once: trying again would not open it."""
    spotify.closed[SEARCH] = status
    with pytest.raises(ClosedEndPointError, match=f"Spotify answers {status}"):
        search(client)
    assert len(spotify.asked) == 1


def events_of(client: SpotifyClient, told: list[str], seed: int = 1) -> Iterator[Outgoing]:
    return SpotifyEvents(client, random.Random(seed), told.append, clock=NOON.timestamp).outgoing()


def messages_of(items: list[Outgoing]) -> list[EventMessage]:
    found = [read_message(json.loads(item.event.value)) for item in items if item.event]
    return [message for message in found if isinstance(message, EventMessage)]


def test_events_are_those_of_the_original(spotify: Spotify, client: SpotifyClient) -> None:
    """All three kinds, with its limits, terms, genres and countries; new releases have no popularity."""
    told: list[str] = []
    items = list(islice(events_of(client, told), 400))
    messages = messages_of(items)
    assert len(messages) == sum(item.event is not None for item in items)
    by_type = {kind: [each for each in messages if each.event_type == kind] for kind in {each.event_type for each in messages}}
    assert by_type.keys() == {"new_release", "recommendation", "search_result"}
    assert {each.popularity for each in by_type["new_release"]} == {None}
    assert {each.popularity for each in by_type["search_result"] + by_type["recommendation"]} == {61}
    assert {each.query for each in by_type["search_result"]} <= set(TERMS)
    assert {each.country for each in by_type["search_result"]} <= set(SEARCH_COUNTRIES)
    assert {each.country for each in by_type["new_release"] + by_type["recommendation"]} <= set(COUNTRIES)
    assert {(each.artist, each.album_release_date) for each in by_type["new_release"]} == {("Estrella", "2026-03-06")}
    assert {each.album for each in by_type["new_release"]} == {"Luna"}
    asked = dict(spotify.asked)
    assert asked[NEW_RELEASES]["limit"] == asked[SEARCH]["limit"] == "5"
    assert asked[RECOMMENDATIONS]["limit"] == "10"
    assert asked[RECOMMENDATIONS]["seed_genres"] in SEED_GENRES
    assert told == []


def test_events_come_at_the_pace_of_the_original(spotify: Spotify, client: SpotifyClient) -> None:
    """Three tenths of a second between those of one answer, five seconds before the next; each has its own time and key."""
    spotify.closed = {NEW_RELEASES: 404, RECOMMENDATIONS: 404}
    items = [item for item in islice(events_of(client, []), 12) if item.event or item.after_seconds > 1]
    assert [round(item.after_seconds, 1) for item in items[:6]] == [0, 0.3, 0.6, 0.9, 1.2, 6.5]
    assert items[5].event is None
    assert items[1].event is not None
    assert items[1].event.event_at == datetime.fromtimestamp(NOON.timestamp() + 0.3, timezone.utc)
    assert items[1].event.key == json.loads(items[1].event.value)["track_id"].encode()


def test_closed_end_points_are_left_out_with_one_line_each(spotify: Spotify, client: SpotifyClient) -> None:
    """As for new apps: what is left is searched for, and nobody is told twice."""
    spotify.closed = {NEW_RELEASES: 403, RECOMMENDATIONS: 404}
    told: list[str] = []
    messages = messages_of(list(islice(events_of(client, told), 60)))
    assert {message.event_type for message in messages} == {"search_result"}
    assert sorted(told) == [
        "Spotify answers 403 for new releases: it closed them for this app, so they are left out.",
        "Spotify answers 404 for recommendations: it closed them for this app, so they are left out.",
    ]
    assert [path for path, _ in spotify.asked].count(NEW_RELEASES) == 1


def test_app_that_may_ask_nothing_is_for_a_person(spotify: Spotify, client: SpotifyClient) -> None:
    """When all is closed there is nothing to wait for."""
    spotify.closed = {NEW_RELEASES: 403, RECOMMENDATIONS: 403, SEARCH: 403}
    with pytest.raises(SourceError, match="lets this app ask for nothing"):
        list(events_of(client, []))


def test_album_that_is_gone_stops_no_other(spotify: Spotify, client: SpotifyClient) -> None:
    """The other albums of an answer give their tracks, and new releases are asked for again."""
    spotify.closed = {RECOMMENDATIONS: 404, SEARCH: 404, "albums/album1/tracks": 404}
    told: list[str] = []
    messages = messages_of(list(islice(events_of(client, told), 30)))
    assert {message.track_id.split("-")[0] for message in messages} == {"album0", "album2", "album3", "album4"}
    assert "Spotify answers 404 for the tracks of album album1; it is left out." in told


def test_rate_limit_pauses_the_events(spotify: Spotify, client: SpotifyClient) -> None:
    """Nothing is due until the moment that Spotify asked for, and a line says so."""
    spotify.closed = {NEW_RELEASES: 404, RECOMMENDATIONS: 404}
    spotify.answers[SEARCH] = [(429, {"Retry-After": "3600"}), (503, {}), (503, {}), (503, {})]
    told: list[str] = []
    items = list(islice(events_of(client, told), 8))
    pauses = [item.after_seconds for item in items if item.event is None]
    assert 3_600 in pauses
    assert 10 in pauses
    assert "Spotify asks to wait for 3,600 s; nothing is asked for until then." in told
    assert any("it is asked again in 10 s" in line for line in told)


def test_producer_sends_what_spotify_answers(spotify: Spotify, tmp_path: Path) -> None:
    """The whole way: settings, token, closed end points, events in the log; no secret on the screen."""
    spotify.closed = {NEW_RELEASES: 403, RECOMMENDATIONS: 404}
    prefix = "MLOPS_SONG_POPULARITY_"
    settings = {
        "SOURCE": "live",
        "SPOTIFY_CLIENT_ID": CLIENT_ID,
        "SPOTIFY_CLIENT_SECRET": CLIENT_SECRET,
        "SPOTIFY_API_URL": f"{spotify.url}/v1",
        "SPOTIFY_ACCOUNTS_URL": spotify.url,
    }
    code, output, errors = produce(
        tmp_path, "--events", "5", "--rate", "50", **{prefix + name: value for name, value in settings.items()}
    )
    assert code == 0, errors
    assert "Sent 5 events to" in output
    assert CLIENT_SECRET not in output + errors
    assert {json.loads(value)["event_type"] for value in sent(tmp_path)} == {"search_result"}
