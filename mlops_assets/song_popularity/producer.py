"""What sends this domain's events: the simulation, recordings, or Spotify."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_assets.errors import SettingsError
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.streams.producing import EventSequence, Outgoing, ProduceRequest

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
        if request.source == "sample" and request.events is not None:
            rate = _sample_rate(request)
            return f"sample of seed {own.sample_seed}: {request.events} events, {rate!r} a second, {request.past_days} days"
        return None

    def open(self, settings: DomainSettings, request: ProduceRequest) -> EventSequence:
        """Return the sequence that is asked for."""
        return _open_sample(_own(settings), request)


PRODUCER = SongPopularityProducer()


def _own(settings: DomainSettings) -> SongPopularitySettings:
    assert isinstance(settings, SongPopularitySettings)
    return settings


def _open_sample(settings: SongPopularitySettings, request: ProduceRequest) -> EventSequence:
    from mlops_assets.song_popularity.sources.sample import SampleEvents

    rate = _sample_rate(request)
    start = request.start - timedelta(days=request.past_days or 0)
    sample = SampleEvents(settings.sample_seed, start, rate)

    def outgoing(first: int) -> Iterator[Outgoing]:
        for number, event in enumerate(sample.events(first), first):
            yield Outgoing(event, number / rate)

    return EventSequence(f"simulated events, {rate:,.4g} per second", outgoing, begins_at=start)


def _sample_rate(request: ProduceRequest) -> float:
    if request.path or request.speed:
        raise SettingsError("--path and --speed are for --from replay; a simulation has --rate, --events and --past-days")
    if request.past_days is None or not request.events:
        return request.rate or defaults.SAMPLE_RATE
    if request.rate:
        raise SettingsError("--past-days spreads --events evenly, so they give the rate; leave --rate or --events out")
    return request.events / (request.past_days * _DAY_SECONDS)
