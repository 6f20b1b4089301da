"""What every event log does, whatever it is made of."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

from mlops_assets.errors import PermanentError, SettingsError, StoreAccessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from mlops_assets.stores.health import HealthCheck

DOCTOR_TOPIC = "mlops_assets_doctor"
"""Where a log that is asked whether it works writes its trial."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
# As Kafka has it, so that a topic of a SQLite file can become a topic of Kafka.
_TOPIC_NAME = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")


class EventTooLargeError(StoreAccessError):
    """An event is larger than the log takes."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as its producer wrote it down.

    Attributes:
        value: what happened, in any encoding.
        event_at: when it happened; a moment after 1970-01-01 00:00 UTC, which Kafka takes for "now". Kept in whole milliseconds.
        key: events of one key are in one partition, in the order in which they were appended.
        headers: named bytes beside the value.

    Raises:
        ValueError: `event_at` has no time zone or is too early, or the name of a header has a NUL in it.
    """

    value: bytes
    event_at: datetime
    key: bytes | None = None
    headers: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.event_at.tzinfo is None:
            raise ValueError(f"event_at {self.event_at} has no time zone")
        if excess := self.event_at.microsecond % 1000:
            object.__setattr__(self, "event_at", self.event_at.replace(microsecond=self.event_at.microsecond - excess))
        if self.event_at <= _EPOCH:
            raise ValueError(f"event_at {self.event_at} is not after 1970-01-01")
        for name in self.headers:
            if "\0" in name:
                raise ValueError(f"the name {name!r} of a header has a NUL in it")

    @property
    def event_at_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return (self.event_at - _EPOCH) // _MILLISECOND


@dataclass(frozen=True, order=True, slots=True)
class OffsetRange:
    """Offsets of one partition, half-open: from `start` up to, not including, `end`.

    Raises:
        ValueError: the range ends before it starts, or starts below zero.
    """

    partition: int
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"offsets {self.start} to {self.end} are no range")

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"partition {self.partition}, offsets [{self.start}, {self.end})"

    def cut(self, most_events: int) -> Iterator[OffsetRange]:
        """Yield the range in pieces of at most so many offsets; reading piece by piece bounds the memory it takes."""
        for start in range(self.start, self.end, most_events):
            yield OffsetRange(self.partition, start, min(start + most_events, self.end))


class EventLog(Protocol):
    """Topics in partitions, to which events are only ever appended. What was read at an offset is what is read there ever after.

    The log keeps no reader's place: who lands events keeps their offsets together with them.
    """

    def create_topic(self, topic: str, partitions: int) -> None:
        """Make a topic; one that exists with as many partitions is left as it is.

        Raises:
            PermanentError: the topic exists with another number of partitions, by which keys would have to move.
        """

    def topics(self) -> dict[str, int]:
        """Return the number of partitions of every topic."""

    def append(self, topic: str, events: Sequence[Event]) -> dict[int, OffsetRange]:
        """Append events, each to the partition that `partition_of` gives, and return once they are durable.

        Events of one partition keep their order. Appending the same events again appends them a second time. An append that raises,
        or whose process is killed, may have appended some of them.

        Raises:
            EventTooLargeError: one of the events is larger than the log takes; some of the others may have been appended.

        Returns:
            By partition, the smallest range that holds the events appended to it. In Kafka, events that other producers appended
            at the same time may lie between them.
        """

    def watermarks(self, topic: str) -> dict[int, OffsetRange]:
        """Return for every partition the offsets that can be read: from the first event kept to the next to be written."""

    def read(self, topic: str, offsets: OffsetRange) -> pa.Table:
        """Read exactly the events at some offsets, as a table of `event_schema()` in the order of the offsets.

        Raises:
            PermanentError: some of the events were dropped by retention, or are not written yet.
        """

    def location(self, topic: str) -> str:
        """Return where the topic is, as people and other tools write it, without credentials."""

    def check_health(self) -> HealthCheck:
        """Append an event and read it back; raise what a user of the log would meet."""


def event_schema() -> pa.Schema:
    """Return the columns of events that were read.

    Producers other than this package may give the name of a header twice, or no value to it, so `headers` is a map; `value` is null
    where they deleted a key, and `event_at` where a very old message has no time.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("partition", pa.int32(), nullable=False),
            pa.field("offset", pa.int64(), nullable=False),
            pa.field("event_at", pa.timestamp("us", tz="UTC")),
            pa.field("key", pa.binary()),
            pa.field("value", pa.binary()),
            pa.field("headers", pa.map_(pa.string(), pa.binary())),
        ]
    )


def partition_of(event: Event, partitions: int) -> int:
    """Return the partition of an event: CRC-32 of its key, or of its value if it has no key.

    For keys this is what librdkafka calls `consistent`, so producers in other languages place them alike.
    """
    return zlib.crc32(event.value if event.key is None else event.key) % partitions


def require_topic_name(topic: str) -> None:
    """Refuse a name that not every event log can take.

    Raises:
        SettingsError: it has other characters than letters, digits, `.`, `_` and `-`, or is too long.
    """
    if not _TOPIC_NAME.fullmatch(topic):
        raise SettingsError(f"{topic!r} is not a name for a topic; use letters, digits, '.', '_' and '-', at most 249")


def require_same_partitions(location: str, found: int, wanted: int) -> None:
    """Refuse to take a topic for one with another number of partitions.

    Raises:
        PermanentError: the numbers differ.
    """
    if found != wanted:
        raise PermanentError(
            f"{location} has {found} partitions, not {wanted}; ask for {found}, or move its events to a new topic, because another "
            "number sends keys to other partitions"
        )


def missing_topic(location: str) -> StoreAccessError:
    """Return the error for a topic that nobody made: it is never made by the way, with whatever number of partitions."""
    return StoreAccessError(f"there is no topic {location}; create it first")


def require_readable(label: str, wanted: OffsetRange, kept: OffsetRange) -> None:
    """Refuse offsets whose events are gone, or not there yet.

    Args:
        label: what is read, as the error shall name it.
        wanted: the offsets to be read.
        kept: the offsets of the same partition that can be read.

    Raises:
        PermanentError: it says which offsets are not to be had.
    """
    first_readable = min(wanted.end, kept.start)
    if wanted.start < first_readable:
        lost = OffsetRange(wanted.partition, wanted.start, first_readable)
        raise PermanentError(
            f"{label}: the events of {lost} were dropped by retention before they were read; go on at offset {kept.start}, and "
            "keep events for longer"
        )
    if wanted.end > kept.end:
        raise PermanentError(
            f"{label}: {wanted} was asked for, but the log ends before offset {kept.end}; if it was longer once, it was made anew, "
            "and offsets read from the old one mean nothing here"
        )
