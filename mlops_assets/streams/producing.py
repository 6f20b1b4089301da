"""Sending events to a log: at their pace, in batches that are acknowledged, from where a killed producer had come to.

A producer sends a sequence of events. What a sequence that can be repeated has been sent of is remembered after the log's
acknowledgement, never before. So whoever is killed leaves no gap that the same command does not fill; what was acknowledged but not
yet remembered is sent again, and is set aside downstream as delivered twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mlops_assets.errors import SettingsError, StoreUnavailableError
from mlops_assets.stores.events import Event, EventLog
from mlops_assets.stores.events.base import EventTooLargeError

if TYPE_CHECKING:
    from mlops_assets.environment_settings import DomainSettings
    from mlops_assets.streams.sending_progress import SendingProgress

SOURCES = ("live", "replay", "sample")
"""Where a producer may take its events from."""

_MOST_EVENTS, _MOST_BYTES = 1_000, 4_000_000
"""Of one append."""
_LARGE_BYTES = 500_000
"""An event of more travels alone, so that a log which refuses it refuses no other."""
_MOST_DELAY_SECONDS = 0.2
"""How long an event may wait for others."""
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 10.0


@dataclass(frozen=True)
class ProduceRequest:
    """What somebody wants to be sent.

    Attributes:
        source: one of `SOURCES`.
        path: of recorded events, for replay.
        rate: events per second; None for the source's own.
        speed: for replay: how many times faster than it was recorded; None for as fast as it goes.
        past_days: for sample: spread the events over so many days before `start` instead of sending them from now on.
        events: how many; None for all.
        start: the moment from which times are given where the events have none. A repeated sequence keeps that of its first run.
    """

    source: str
    start: datetime
    path: Path | None = None
    rate: float | None = None
    speed: float | None = None
    past_days: float | None = None
    events: int | None = None


class Outgoing(NamedTuple):
    """An event to be sent.

    Attributes:
        event: what is sent; None for a pause, after which there may be events.
        after_seconds: when, counted from the beginning of the sequence; what is overdue is sent at once.
    """

    event: Event | None
    after_seconds: float


@dataclass(frozen=True)
class EventSequence:
    """Events to be sent, one after the other.

    Attributes:
        description: what they are, for people.
        outgoing: yields them from a number on, the same however often it is called if the sequence has an identity.
        length: how many there are; None if nobody knows, or without end.
        begins_at: the moment of `after_seconds` 0, where the sequence goes by the clock; None if that is when sending begins.
    """

    description: str
    outgoing: Callable[[int], Iterator[Outgoing]]
    length: int | None = None
    begins_at: datetime | None = None


def paced(events: Iterator[Event], first: int, *, rate: float | None, speed: float | None) -> Iterator[Outgoing]:
    """Yield recorded events from a number on, each when it is due.

    Args:
        events: all of them.
        first: number of the first one to send.
        rate: events per second, whatever their times.
        speed: how many times faster than they happened; an event that happened before the one ahead of it is sent with that.

    Raises:
        SettingsError: both `rate` and `speed` are given.
    """
    if rate and speed:
        raise SettingsError("--rate and --speed both say how fast events are sent; leave one out")
    remaining = islice(events, first, None)
    if speed is None:
        for number, event in enumerate(remaining):
            yield Outgoing(event, number / rate if rate else 0)
        return
    began_ms, latest_ms = None, 0
    for event in remaining:
        latest_ms = max(latest_ms, event.event_at_ms)
        began_ms = latest_ms if began_ms is None else began_ms
        yield Outgoing(event, (latest_ms - began_ms) / 1000 / speed)


class Producer(Protocol):
    """What a domain offers as `producer.PRODUCER`."""

    def topic(self, settings: DomainSettings) -> tuple[str, int]:
        """Return the topic, and of how many partitions to make it if it does not exist."""

    def identity(self, settings: DomainSettings, request: ProduceRequest) -> str | None:
        """Return a text that only requests for the same sequence have; None if it cannot be repeated.

        Raises:
            SettingsError: the domain cannot send what is asked for.
        """

    def open(self, settings: DomainSettings, request: ProduceRequest, tell: Callable[[str], None]) -> EventSequence:
        """Return the sequence that is asked for.

        Args:
            settings: of the domain.
            request: what is asked for.
            tell: takes what people should know about a live source, in a sentence.

        Raises:
            SettingsError: the domain cannot send what is asked for.
        """


@dataclass
class Stopping:
    """Somebody's wish that the sending should end; it is kept between two appends.

    Attributes:
        event: is set by the wish.
        at: when the time for sending is over, by the monotonic clock.
    """

    event: threading.Event = field(default_factory=threading.Event)
    at: float = float("inf")

    def wait(self, seconds: float) -> bool:
        """Wait for so many seconds, or until the end; tell whether it has come."""
        left = min(seconds, self.at - time.monotonic())
        if left > 0:
            self.event.wait(left)
        return self.is_wished

    @property
    def is_wished(self) -> bool:
        """Whether it is time to end."""
        return self.event.is_set() or time.monotonic() >= self.at


@dataclass
class Sent:
    """What has become of a sequence.

    Attributes:
        first: number of the first event that was sent this time.
        next: number of the event that comes next.
        refused: how many the log refused as too large; they are kept aside.
        is_complete: whether the sequence is at its end.
    """

    first: int = 0
    next: int = 0
    refused: int = 0
    is_complete: bool = False

    @property
    def count(self) -> int:
        """How many events the log has acknowledged this time."""
        return self.next - self.first - self.refused


@dataclass
class Sender:
    """Sends sequences to a topic.

    Attributes:
        log: takes the events.
        topic: of the log.
        partitions: of the topic, where it does not exist yet.
        patience_seconds: how long a log may be out of reach before sending is given up.
        on_sent: is told how far it is after every append.
        on_refused: keeps an event that the log refuses as too large, and is told why.
        on_wait: is told why it waits, and for how many seconds, while the log is out of reach.
    """

    log: EventLog
    topic: str
    partitions: int
    patience_seconds: float = 3_600
    on_sent: Callable[[Sent], None] = lambda _sent: None
    on_refused: Callable[[Event, EventTooLargeError], None] = lambda _event, _error: None
    on_wait: Callable[[StoreUnavailableError, float], None] = lambda _error, _seconds: None

    def send(
        self, sequence: EventSequence, *, most_events: int | None, stopping: Stopping, progress: SendingProgress | None = None
    ) -> Sent:
        """Send a sequence, or what is left of it; the topic is made if there is none.

        Args:
            sequence: what to send.
            most_events: of the whole sequence, what was sent earlier included.
            stopping: ends it earlier; what is due by then is sent.
            progress: remembers how far it has come.

        Raises:
            StoreUnavailableError: the log is out of reach for longer than patience lasts; the same command goes on.
            StoreAccessError: the log refuses the events.
        """
        begun_at = progress.next if progress else 0
        sent = Sent(begun_at, begun_at)
        if not self._persist(self._make_topic, stopping):
            return sent
        outgoing = _first_events(sequence.outgoing(begun_at), None if most_events is None else most_events - begun_at)
        for batch in _batches(outgoing, sequence.begins_at, stopping):
            if not self._append(batch, stopping, sent):
                return sent
            sent.next += len(batch)
            if progress:
                progress.advance(sent.next)
            self.on_sent(sent)
        is_limited = most_events is not None and sent.next >= most_events
        sent.is_complete = sent.next == sequence.length or not (is_limited or stopping.is_wished)
        if progress and sent.is_complete:
            progress.complete()
        return sent

    def _make_topic(self) -> None:
        # One that exists may have another number of partitions: who sends need not mind.
        if self.topic not in self.log.topics():
            self.log.create_topic(self.topic, self.partitions)

    def _append(self, batch: list[Event], stopping: Stopping, sent: Sent) -> bool:
        """Append a batch, however long that takes; tell whether that was done before it was time to stop."""
        try:
            return self._persist(lambda: self.log.append(self.topic, batch), stopping)
        except EventTooLargeError as error:
            # A large event is alone in its batch.
            self.on_refused(batch[0], error)
            sent.refused += 1
            return True

    def _persist(self, work: Callable[[], object], stopping: Stopping) -> bool:
        """Do what needs the log, again while it is out of reach; tell whether that was done before it was time to stop."""
        given_up_at, wait_seconds = time.monotonic() + self.patience_seconds, _FIRST_WAIT_SECONDS
        while True:
            try:
                work()
                return True
            except StoreUnavailableError as error:
                if time.monotonic() > given_up_at:
                    raise
                self.on_wait(error, wait_seconds)
                if stopping.wait(wait_seconds):
                    return False
                wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)


def _first_events(outgoing: Iterator[Outgoing], count: int | None) -> Iterator[Outgoing]:
    """Yield no more than so many events, and the pauses between them."""
    left = float("inf") if count is None else count
    while left > 0 and (item := next(outgoing, None)) is not None:
        yield item
        left -= item.event is not None


def _batches(outgoing: Iterator[Outgoing], begins_at: datetime | None, stopping: Stopping) -> Iterator[list[Event]]:
    """Yield the events when they are due, those that are due together in one batch; end when it is time to stop."""
    origin = None if begins_at is None else begins_at.timestamp()
    batch, size, since = list[Event](), 0, time.monotonic()
    for event, after_seconds in outgoing:
        if origin is None:
            origin = time.time() - after_seconds
        length = 0 if event is None else len(event.value)
        is_full = len(batch) == _MOST_EVENTS or size + length > _MOST_BYTES
        is_early = origin + after_seconds > time.time()
        if batch and (is_early or is_full or length > _LARGE_BYTES or time.monotonic() - since > _MOST_DELAY_SECONDS):
            yield batch
            batch, size, since = [], 0, time.monotonic()
        if stopping.wait(origin + after_seconds - time.time()):
            break
        if event is None:
            continue
        batch.append(event)
        size += length
        if length > _LARGE_BYTES:
            yield batch
            batch, size, since = [], 0, time.monotonic()
    if batch:
        yield batch
