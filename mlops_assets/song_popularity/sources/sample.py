"""Events of a simulated world, for a first look and for tests: they need no network and no files.

The same seed, start and rate give the same bytes for the same number of an event, whenever and however often they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from itertools import islice

from mlops_assets.song_popularity.sources.simulator.messages import BLOCK, Message, Messages
from mlops_assets.song_popularity.sources.simulator.tracks import Tracks
from mlops_assets.song_popularity.sources.simulator.world import build_world
from mlops_assets.stores.events import Event


@dataclass(frozen=True)
class SampleEvents:
    """An endless sequence of events.

    Attributes:
        seed: of the world.
        start: when the first event is sent.
        rate: events per second.
    """

    seed: int
    start: datetime
    rate: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"a rate of {self.rate} events per second is none")

    def events(self, first: int = 0) -> Iterator[Event]:
        """Yield the events from a number on."""
        messages = Messages(_tracks(self.seed), self.start.timestamp(), self.rate)
        block, within = divmod(first, BLOCK)
        while True:
            yield from map(_event, islice(messages.block(block), within, None))
            block, within = block + 1, 0


def sample_history(seed: int, start: datetime, end: datetime, events: int) -> Iterator[Event]:
    """Yield so many events, spread evenly between two moments."""
    rate = events / (end - start).total_seconds()
    return islice(SampleEvents(seed, start, rate).events(), events)


@lru_cache(maxsize=2)
def _tracks(seed: int) -> Tracks:
    return Tracks(build_world(seed))


def _event(message: Message) -> Event:
    return Event(message.value, datetime.fromtimestamp(message.at, timezone.utc), message.key)
