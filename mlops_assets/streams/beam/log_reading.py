"""Reading an event log in a pipeline: a splittable DoFn over the `EventLog` protocol, so Kafka and the embedded log are read alike.

Positions are offsets, and each is claimed before its message is handed on: what a runner takes away between two claims, to give it
to another worker or to go on later, is read there, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from mlops_assets.stores.events import OffsetRange as Offsets
from mlops_assets.streams.batches import MessageBatch

if TYPE_CHECKING:
    from mlops_assets.stores.events import EventLog

BATCH_OFFSETS = 10_000
"""Offsets that are read at once: a bound on memory, and on what is read again after a failure."""

SPLIT_OFFSETS = 100_000
"""A longer range is given to several workers from the start."""

_IDLE_SECONDS = 0.5
_ENDLESS = 2**63 - 1


@dataclass(frozen=True)
class LogPartition:
    """What is to be read of a partition.

    Attributes:
        partition: number of the partition.
        start: first offset.
        end: offset behind the last one that is there by now.
    """

    partition: int
    start: int
    end: int


def partitions_to_read(log: EventLog, topic: str) -> list[LogPartition]:
    """Return all that the log keeps of a topic by now."""
    return [LogPartition(number, kept.start, kept.end) for number, kept in sorted(log.watermarks(topic).items())]


class ReadLog(beam.PTransform):
    """Messages of a topic as `MessageBatch`es, whose Beam timestamps are those at which they landed."""

    def __init__(
        self,
        open_log: Callable[[], EventLog],
        topic: str,
        partitions: list[LogPartition],
        landed_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> None:
        """Read some partitions.

        Args:
            open_log: opens the log in a worker.
            topic: of the log.
            partitions: to read.
            landed_at: when what is there by now lands; None to follow the log: then messages land when they are read.
            ends_at: stop following then, or as soon as what is there by now is read; None for never.
        """
        super().__init__()
        self._partitions = partitions
        reader = (open_log, topic)
        self._dofn = ReadPartition(*reader, landed_at) if landed_at else FollowPartition(*reader, ends_at)

    def expand(self, begin: Any) -> Any:
        """Hand the partitions out, and read them."""
        return begin | "Partitions" >> beam.Create(self._partitions) | "Read" >> beam.ParDo(self._dofn)


class _Bounded(RestrictionProvider):
    """Offsets that are all there already."""

    def initial_restriction(self, element: LogPartition) -> OffsetRange:
        return OffsetRange(element.start, element.end)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, _element: LogPartition, restriction: OffsetRange) -> int:
        return int(restriction.size())

    def split(self, _element: LogPartition, restriction: OffsetRange) -> Iterator[OffsetRange]:
        yield from restriction.split(SPLIT_OFFSETS)


class _Endless(RestrictionProvider):
    """All offsets that there will ever be."""

    def initial_restriction(self, element: LogPartition) -> OffsetRange:
        return OffsetRange(element.start, _ENDLESS)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, _element: LogPartition, _restriction: OffsetRange) -> int:
        return 1

    def truncate(self, _element: LogPartition, _restriction: OffsetRange) -> None:
        """Let a pipeline that is drained stop here: what follows is still in the log."""
        return


_ALL_OFFSETS = beam.DoFn.RestrictionParam(_Bounded())
_ENDLESS_OFFSETS = beam.DoFn.RestrictionParam(_Endless())
_CLOCK = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider())


class _Reader(beam.DoFn):
    """Reads pieces of a topic that are claimed offset by offset."""

    def __init__(self, open_log: Callable[[], EventLog], topic: str) -> None:
        self._open_log = open_log
        self._topic = topic
        self._log: EventLog | None = None

    @property
    def log(self) -> EventLog:
        """The log, opened once in each worker."""
        if self._log is None:
            self._log = self._open_log()
        return self._log

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_log": None}

    def read(self, offsets: Offsets, landed_at: datetime, tracker: Any) -> Iterator[TimestampedValue]:
        """Yield the messages at those offsets that could be claimed; the last claim says whether there are more to claim."""
        messages = self.log.read(self._topic, offsets)
        claimed = offsets.start
        while claimed < offsets.end and tracker.try_claim(claimed):
            claimed += 1
        if claimed < offsets.end:
            found = messages["offset"].to_numpy()
            messages = messages.slice(0, int((found < claimed).sum()))
        if messages.num_rows:
            yield TimestampedValue(MessageBatch(messages, landed_at), Timestamp.from_utc_datetime(landed_at))


class ReadPartition(_Reader):
    """Reads the offsets that a partition has, batch by batch."""

    def __init__(self, open_log: Callable[[], EventLog], topic: str, landed_at: datetime) -> None:
        super().__init__(open_log, topic)
        self._landed_at = landed_at

    # Beam reads annotations as hints of the types of elements.
    def process(self, element, tracker=_ALL_OFFSETS):  # type: ignore[no-untyped-def]
        """Yield the messages of a restriction; it may become shorter meanwhile."""
        offset = tracker.current_restriction().start
        while offset < (stop := tracker.current_restriction().stop):
            piece = Offsets(element.partition, offset, min(offset + BATCH_OFFSETS, stop))
            yield from self.read(piece, self._landed_at, tracker)
            offset = piece.end


class FollowPartition(_Reader):
    """Reads what a partition has, and then whatever is appended to it; its watermark is the clock."""

    def __init__(self, open_log: Callable[[], EventLog], topic: str, ends_at: datetime | None) -> None:
        super().__init__(open_log, topic)
        self._ends_at = ends_at

    @beam.DoFn.unbounded_per_element()
    def process(self, element, tracker=_ENDLESS_OFFSETS, watermark=_CLOCK):  # type: ignore[no-untyped-def]
        """Yield messages until there are no more for now, or until the reading ends."""
        offset = tracker.current_restriction().start
        while offset < (stop := tracker.current_restriction().stop):
            now = datetime.now(timezone.utc)
            watermark.set_watermark(Timestamp.from_utc_datetime(now))
            if self._ends_at is not None and now >= self._ends_at and offset >= element.end:
                tracker.try_claim(stop - 1)
                return
            end = min(self.log.watermarks(self._topic)[element.partition].end, offset + BATCH_OFFSETS, stop)
            if end <= offset:
                tracker.defer_remainder(Duration(_IDLE_SECONDS))
                return
            yield from self.read(Offsets(element.partition, offset, end), now, tracker)
            offset = end
