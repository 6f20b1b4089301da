"""A topic as it lands, batch by batch, and found again by day.

A batch is a closed range of offsets of one partition, under the name that `offset_names` gives it. Beside the batches, empty
objects say of which days their messages are, so that a late message refreshes the day it is about, and nobody reads the whole
stream for it:

    days/utc_date=2026-11-27/spotify-events.00003.00000000000000001000-00000000000000001999

They are written after their batch and before the next one, and those of the last batch once more by the next run: whoever reads
days after landing finds them complete, wherever a run before was killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError, PlatformError
from mlops_assets.stores.events import next_ranges
from mlops_assets.stores.events.base import OffsetRange, event_schema
from mlops_assets.stores.landing.landed_events import as_parquet
from mlops_assets.stores.landing.offset_names import in_blocks, landed_offsets, last_range, next_offsets, offset_name

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.stores.events import EventLog
    from mlops_assets.stores.landing.objects import Landing

DaysOf = Callable[["pa.Table", datetime], Collection[date]]
"""Names the days (UTC) of some messages, given when they landed."""

_LANDED_AT = b"landed_at"
LANDED_TOPIC = b"landed_topic"
"""In the metadata of the schema of a batch: under which name its topic has landed."""
_PARTITIONS_AT_ONCE = 4


@dataclass(frozen=True)
class Landed:
    """What one look at a topic landed.

    Attributes:
        ranges: of offsets, each a batch.
        message_count: in them; a log may have offsets without a message, as transactions and compaction leave them.
        days: of the messages in them.
        errors: by partition, why it could not be landed to its end; the others were.
        began_at: by partition, the offset that would have landed next before.
        next_offsets: by partition, the offset that lands next now.
    """

    ranges: Sequence[OffsetRange]
    message_count: int
    days: Collection[date]
    errors: Mapping[int, PlatformError]
    began_at: Mapping[int, int]
    next_offsets: Mapping[int, int]

    @property
    def offset_count(self) -> int:
        """How many offsets have landed."""
        return sum(map(len, self.ranges))


class StreamLanding:
    """What has landed of a topic. One run at a time may land; any number may read."""

    def __init__(self, landing: Landing, topic: str, days_of: DaysOf) -> None:
        """Look at what has landed of `topic`, whose messages are of the days that `days_of` names."""
        self._landing = landing
        self._topic = topic
        self._days_of = days_of

    @property
    def uri(self) -> str:
        """Where the batches are."""
        return self._landing.uri

    def next_offsets(self) -> dict[int, int]:
        """Return, by partition, the offset that lands next.

        Raises:
            PermanentError: batches are missing between others, or overlap.
        """
        return next_offsets(self._landing, self.landed_topic)

    def land(self, log: EventLog, now: datetime, *, most_events: int, batch_events: int, has_time: Callable[[], bool]) -> Landed:
        """Land what the log has by now and the lake has not, partition by partition, several at a time.

        Args:
            log: where the messages are.
            now: when they land; each batch keeps it.
            most_events: land about so many offsets at most, of all partitions alike.
            batch_events: most offsets of one batch; with the number of partitions at once, a bound on memory.
            has_time: asked before every batch; False ends the work, which the next run goes on with.
        """
        # Looked up before the watermarks, so that it is never ahead of them.
        name = self.landed_topic
        landed = next_offsets(self._landing, name)
        watermarks = log.watermarks(self._topic)
        share = max(1, most_events // max(1, sum(kept.end > landed.get(p, kept.start) for p, kept in watermarks.items())))
        errors: dict[int, PlatformError] = {
            partition: self._made_anew(f"partition {partition} is gone") for partition in landed if partition not in watermarks
        }

        def land_partition(partition: int) -> tuple[list[OffsetRange], int, set[date]]:
            ranges, messages, days = list[OffsetRange](), 0, set[date]()
            try:
                self._finish_last(log, name, partition, watermarks[partition], landed)
                for offsets in self._ranges(watermarks[partition], landed, share, batch_events):
                    if not has_time():
                        break
                    count, of_batch = self._land_batch(log, name, offsets, now)
                    messages, days = messages + count, days | of_batch
                    ranges.append(offsets)
            except PlatformError as error:
                errors[partition] = error
            return ranges, messages, days

        with ThreadPoolExecutor(_PARTITIONS_AT_ONCE) as pool:
            done = list(pool.map(land_partition, watermarks))
        ranges = [each for of_partition, _, _ in done for each in of_partition]
        return Landed(
            ranges,
            message_count=sum(count for _, count, _ in done),
            days=set().union(*(days for _, _, days in done)),
            errors=errors,
            began_at=landed,
            # Those of a partition are in their order, so that its last one counts.
            next_offsets={**landed, **{offsets.partition: offsets.end for offsets in ranges}},
        )

    def batches_of(self, day: date) -> Iterator[tuple[pa.Table, datetime]]:
        """Yield the batches that may hold messages of a day: `event_schema()` and when it landed, by partition and offset.

        All topics that have landed here count, under whatever name or generation.
        """
        folder = _folder_of(day)
        ranges = sorted(_marked(name.removeprefix(folder)) for name in self._landing.names(folder))
        names = {offset_name(topic, offsets): topic for topic, offsets in ranges}
        for name, content in self._landing.read(list(names)):
            yield _read_batch(content, names[name])

    def days_behind(self, offsets: Mapping[int, int]) -> set[date]:
        """Return the days of what has landed at or behind some offsets, by partition; of all of one that is not named.

        What a run landed that died before it could tell is found by the offsets that the run before it told.
        """
        name, days = self.landed_topic, set[date]()
        for mark in self._landing.names("days/"):
            folder, _, marked = mark.rpartition("/")
            topic, landed = _marked(marked)
            if topic == name and landed.start >= offsets.get(landed.partition, 0):
                days.add(date.fromisoformat(folder[-10:]))
        return days

    def newest_landed_at(self) -> dict[int, datetime]:
        """Return, by partition, when a batch last landed."""
        name = self.landed_topic
        found = {}
        for partition, end in next_offsets(self._landing, name).items():
            ((_, content),) = self._landing.read([offset_name(name, last_range(self._landing, name, partition, end))])
            found[partition] = _read_batch(content)[1]
        return found

    def message_count(self) -> int:
        """Count the messages of all batches, of every topic and generation that has landed here, by their footers."""
        import pyarrow.parquet as pq

        names = [name for name in self._landing.names("topic=") if landed_offsets(name) is not None]
        return sum(rows for _, rows in self._landing.look_into(names, lambda file: int(pq.read_metadata(file).num_rows)))

    def accept_loss(self, log: EventLog, lost: OffsetRange, reason: str, now: datetime) -> None:
        """Go on behind offsets that the log has dropped before they landed: an empty batch, on record, stands for them.

        Raises:
            PermanentError: they do not begin where the partition goes on, or the log still has some of them.
        """
        kept = log.watermarks(self._topic).get(lost.partition)
        if kept is None or lost.end > kept.start:
            first = "no such partition" if kept is None else f"messages from offset {kept.start} on"
            raise PermanentError(f"{self._topic}: the log has {first}, so {lost} is not what is lost")
        name = self.landed_topic
        start = next_offsets(self._landing, name).get(lost.partition, lost.start)
        if lost.start != start or not lost:
            raise PermanentError(
                f"{self._topic}: what is lost of partition {lost.partition} begins at offset {start}, not in {lost}"
            )
        for piece in in_blocks(lost):
            content = as_parquet(event_schema().empty_table(), {_LANDED_AT: now.isoformat().encode(), b"lost": reason.encode()})
            self._landing.land([(offset_name(name, piece), content)])

    def accept_new_topic(self, log: EventLog, reason: str, now: datetime) -> str:
        """Go on with a topic that was deleted and made anew, whose offsets mean other messages; what landed of the old one stays.

        Returns:
            The name under which the new one lands.

        Raises:
            PermanentError: the topic is the one that has landed.
        """
        if not self._is_made_anew(log):
            raise PermanentError(f"topic {self._topic} is the one that has landed; nothing says that it was made anew")
        number = len(self._generations()) + 2
        record = json.dumps({"accepted_at": now.isoformat(), "reason": reason, "former": self.landed_topic}, sort_keys=True)
        self._landing.land([(f"generations/topic={self._topic}/{number:05d}.json", record.encode())])
        return self.landed_topic

    def _is_made_anew(self, log: EventLog) -> bool:
        """Tell whether a partition is gone, ends before what has landed, or has another message where the last one landed."""
        name = self.landed_topic
        landed, watermarks = next_offsets(self._landing, name), log.watermarks(self._topic)
        for partition, end in landed.items():
            kept = watermarks.get(partition)
            if kept is None or kept.end < end:
                return True
            try:
                self._finish_last(log, name, partition, kept, landed)
            except PermanentError:
                return True
        return False

    @property
    def landed_topic(self) -> str:
        """The name under which the topic lands: its own, with `~2` and so on once it was made anew."""
        generations = self._generations()
        return f"{self._topic}~{len(generations) + 1}" if generations else self._topic

    def _generations(self) -> list[str]:
        return list(self._landing.names(f"generations/topic={self._topic}/"))

    def _ranges(self, kept: OffsetRange, landed: Mapping[int, int], most: int, batch: int) -> Iterator[OffsetRange]:
        total = 0
        for offsets in next_ranges({kept.partition: kept}, landed, batch):
            for piece in in_blocks(offsets):
                if total >= most:
                    return
                total += len(piece)
                yield piece

    def _land_batch(self, log: EventLog, name: str, offsets: OffsetRange, now: datetime) -> tuple[int, set[date]]:
        messages = log.read(self._topic, offsets)
        days = set(self._days_of(messages, now))
        self._landing.land([(offset_name(name, offsets), as_parquet(messages, {_LANDED_AT: now.isoformat().encode()}))])
        self._mark(name, offsets, days)
        return messages.num_rows, days

    def _mark(self, name: str, offsets: OffsetRange, days: Collection[date]) -> None:
        self._landing.land((_folder_of(day) + _mark(name, offsets), b"") for day in days)

    def _finish_last(self, log: EventLog, name: str, partition: int, kept: OffsetRange, landed: Mapping[int, int]) -> None:
        """Mark the days of the last batch again, for a run may have died before it did, and look whether the log is still the same.

        Raises:
            PermanentError: at the last landed offset, the log has another message than the one that landed.
        """
        if partition not in landed:
            return
        last = last_range(self._landing, name, partition, landed[partition])
        ((_, content),) = self._landing.read([offset_name(name, last)])
        messages, landed_at = _read_batch(content)
        if messages.num_rows:
            self._mark(name, last, set(self._days_of(messages, landed_at)))
        if not (messages.num_rows and kept.start < last.end <= kept.end):
            return
        newest = messages.slice(messages.num_rows - 1)
        offset = newest["offset"][0].as_py()
        if offset >= kept.start:
            found = log.read(self._topic, OffsetRange(partition, offset, offset + 1))
            if found.num_rows and found["value"][0] != newest["value"][0]:
                raise self._made_anew(f"offset {offset} of partition {partition} has another message than the one that landed")

    def _made_anew(self, what: str) -> PermanentError:
        return PermanentError(
            f"topic {self._topic} was deleted and made anew: {what}; what it had and has not landed is lost. Run the job that "
            "accepts the new topic, and it lands from its beginning"
        )


def _folder_of(day: date) -> str:
    return f"days/utc_date={day.isoformat()}/"


def _mark(topic: str, offsets: OffsetRange) -> str:
    return f"{topic}.{offsets.partition:05d}.{offsets.start:020d}-{offsets.end - 1:020d}"


def _marked(mark: str) -> tuple[str, OffsetRange]:
    topic, partition, offsets = mark.rsplit(".", 2)
    first, last = offsets.split("-")
    return topic, OffsetRange(int(partition), int(first), int(last) + 1)


def _read_batch(content: bytes, topic: str = "") -> tuple[pa.Table, datetime]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(pa.BufferReader(content)).read()
    landed_at = datetime.fromisoformat(table.schema.metadata[_LANDED_AT].decode())
    return table.cast(event_schema()).replace_schema_metadata({LANDED_TOPIC: topic.encode()} if topic else None), landed_at
