"""A job that sends simulated events, so that a first look needs no producer: those of the past weeks, or some of now."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice

import dagster as dg
from pydantic import Field

from mlops_assets.errors import SettingsError
from mlops_assets.orchestration.asset_specs import STORES
from mlops_assets.orchestration.clock import CLOCK
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.song_popularity.sources.sample import sample_history
from mlops_assets.stores.events import Event
from mlops_assets.stores.registry import Stores

_SENT_AT_ONCE = 5_000


class SampleEventsConfig(dg.Config):
    """How many simulated events are sent, spread over how much of the past."""

    events: int = Field(default=20_000, ge=1)
    days: float = Field(default=14, gt=0, le=400, description="The events end now, and begin so many days before.")


@dg.op(
    name=f"append_{DOMAIN}_sample",
    required_resource_keys={STORES, CLOCK, "song_popularity_settings"},
    description="Makes the topic if there is none, and appends simulated events: tracks that repeat, late ones, poison.",
)
def send_sample(context: dg.OpExecutionContext, config: SampleEventsConfig) -> None:
    stores: Stores = context.resources.stores
    settings: SongPopularitySettings = context.resources.song_popularity_settings
    now = context.resources.clock.now()
    if settings.source != "sample":
        raise SettingsError(f"MLOPS_SONG_POPULARITY_SOURCE is {settings.source}: simulated events would be mixed with real ones")
    with retrying_transient_errors(), error_context(f"topic {settings.topic}"):
        log = stores.events(DOMAIN)
        if settings.topic not in log.topics():
            log.create_topic(settings.topic, settings.topic_partitions)
        sent = 0
        for chunk in _chunks(sample_history(settings.sample_seed, now - timedelta(days=config.days), now, config.events)):
            log.append(settings.topic, chunk)
            sent += len(chunk)
            context.log.info(f"{sent:,} of {config.events:,} events")
    context.add_output_metadata({"sent_count": sent, "topic": log.location(settings.topic)})


def _chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    remaining = iter(events)
    while chunk := list(islice(remaining, _SENT_AT_ONCE)):
        yield chunk


@dg.job(
    name=f"send_{DOMAIN}_sample",
    description="Send simulated events of the past two weeks to the topic, for a first look without a producer.",
    tags={"domain": DOMAIN},
)
def send_sample_events() -> None:
    """Send simulated events."""
    send_sample()
