"""What sends this domain's events: the simulation, recordings, or Spotify."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import SettingsError
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.streams.producing import EventSequence, Outgoing, ProduceRequest, paced
from mlops_assets.streams.recordings import recording_identity

if TYPE_CHECKING:
    from mlops_assets.environment_settings import DomainSettings

_DAY_SECONDS = 86_400


class SongPopularityProducer:
    """Opens the sequences of events that can be sent."""

    def topic(self, settings: DomainSettings) -> tuple[str, int]:
        """Return the topic of the settings."""
        own = _own(settings)
        return own.topic, own.topic_partitions

    def identity(self, settings: DomainSettings, request: ProduceRequest) -> str | None:
        """Return what names a recording, or a simulation with an end."""
        own = _own(settings)
        if request.source == "replay":
            return recording_identity(_recording(own, request))
        if request.source == "sample" and request.events is not None:
            rate, past_days = _sample_rate(request), request.past_days or 0
            return (
                f"sample of seed {own.sample_seed}: {request.events} events, {rate:.12g} a second, from {past_days:.12g} days ago"
            )
        return None

    def open(self, settings: DomainSettings, request: ProduceRequest, tell: Callable[[str], None]) -> EventSequence:
        """Return the sequence that is asked for."""
        own = _own(settings)
        if request.source == "live":
            return _open_live(own, request, tell)
        if request.source == "replay":
            return _open_recording(_recording(own, request), request)
        return _open_sample(own, request)


PRODUCER = SongPopularityProducer()


def _own(settings: DomainSettings) -> SongPopularitySettings:
    assert isinstance(settings, SongPopularitySettings)
    return settings


def _recording(settings: SongPopularitySettings, request: ProduceRequest) -> Path:
    path = request.path or settings.export_path
    if path is None:
        raise SettingsError(
            "--from replay needs --path, or MLOPS_SONG_POPULARITY_EXPORT_PATH: a recorded file, or a folder of them"
        )
    if request.past_days:
        raise SettingsError("--past-days is for --from sample; a recording has times of its own")
    return path


def _open_recording(path: Path, request: ProduceRequest) -> EventSequence:
    from mlops_assets.song_popularity.sources.recorded import replay_events

    return EventSequence(
        f"the recording {path}",
        lambda first: paced(replay_events(path, request.start), first, rate=request.rate, speed=request.speed),
    )


def _open_live(settings: SongPopularitySettings, request: ProduceRequest, tell: Callable[[str], None]) -> EventSequence:
    from mlops_assets.song_popularity.sources.live import SpotifyEvents
    from mlops_assets.song_popularity.sources.spotify_client import SpotifyClient

    if request.path or request.speed or request.past_days:
        raise SettingsError("--path, --speed and --past-days are not for --from live; it has --rate, --seconds and --events")
    secret = settings.spotify_client_secret
    if not settings.spotify_client_id or secret is None:
        raise SettingsError(
            "--from live needs MLOPS_SONG_POPULARITY_SPOTIFY_CLIENT_ID and MLOPS_SONG_POPULARITY_SPOTIFY_CLIENT_SECRET, of an app "
            "that is registered at https://developer.spotify.com/dashboard"
        )
    client = SpotifyClient(
        settings.spotify_client_id,
        secret.get_secret_value(),
        api_url=settings.spotify_api_url,
        accounts_url=settings.spotify_accounts_url,
    )
    spotify = SpotifyEvents(client, random.Random(), tell, rate=request.rate)  # noqa: S311
    return EventSequence("what Spotify's Web API answers", lambda _first: spotify.outgoing())


def _open_sample(settings: SongPopularitySettings, request: ProduceRequest) -> EventSequence:
    from mlops_assets.song_popularity.sources.sample import SampleEvents

    rate = _sample_rate(request)
    start = request.start - timedelta(days=request.past_days or 0)
    sample = SampleEvents(settings.sample_seed, start, rate)

    def outgoing(first: int) -> Iterator[Outgoing]:
        for number, event in enumerate(sample.events(first), first):
            yield Outgoing(event, number / rate)

    return EventSequence(f"simulated events, {rate:,.4g} per second", outgoing, request.events, start)


def _sample_rate(request: ProduceRequest) -> float:
    if request.path or request.speed:
        raise SettingsError("--path and --speed are for --from replay; a simulation has --rate, --events and --past-days")
    if request.past_days is None or not request.events:
        return request.rate or defaults.SAMPLE_RATE
    if request.rate:
        raise SettingsError("--past-days spreads --events evenly, so they give the rate; leave --rate or --events out")
    return request.events / (request.past_days * _DAY_SECONDS)
