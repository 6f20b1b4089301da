"""The event log in segment files: a folder for every topic, in it a folder for every partition.

An append writes under a lock file per partition, and flushes to the disk before it returns. Readers take no lock.
"""

from __future__ import annotations

import shutil
import uuid
from collections import defaultdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from mlops_assets.stores.disk import disk_errors
from mlops_assets.stores.events.base import (
    DOCTOR_TOPIC,
    Event,
    missing_topic,
    partition_of,
    require_same_partitions,
    require_topic_name,
    stored_schema,
)
from mlops_assets.stores.events.segment_partition import SegmentPartition, flush_folder, held
from mlops_assets.stores.health import HealthCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from mlops_assets.stores.events.base import OffsetRange


class SegmentEventLog:
    """An event log in a local folder."""

    def __init__(self, folder: Path, *, segment_bytes: int = 64 << 20, patience_seconds: float = 60) -> None:
        """Use `folder`, which is made with the first topic.

        Args:
            folder: where the topics are.
            segment_bytes: a file that has reached this size is not appended to any more.
            patience_seconds: how long to wait for others who append to the same partition.
        """
        self._folder = folder
        self._place = f"cannot use the event log in {folder}"
        self._segment_bytes = segment_bytes
        self._patience_seconds = patience_seconds
        self._opened: dict[str, list[SegmentPartition]] = {}

    def create_topic(self, topic: str, partitions: int) -> None:
        """Make the folders of a topic, all at once by a rename; a topic that exists with as many partitions is left as it is."""
        require_topic_name(topic)
        with disk_errors(self._place):
            self._folder.mkdir(parents=True, exist_ok=True)
            with held(self._folder / "~lock", self._patience_seconds):
                if not (self._folder / topic).exists():
                    self._make(topic, partitions)
        require_same_partitions(self.location(topic), len(self._partitions(topic)), partitions)

    def topics(self) -> dict[str, int]:
        """Return the number of partitions of every topic."""
        # A name with `~` is that of a topic which is being made.
        with disk_errors(self._place):
            names = sorted(folder.name for folder in _folders_in(self._folder) if not folder.name.startswith("~"))
        return {name: len(self._partitions(name)) for name in names}

    def append(self, topic: str, events: Sequence[Event]) -> dict[int, OffsetRange]:
        """Append events and flush them to the disk; a writer that is killed leaves the first ones of a partition, or none."""
        partitions = self._partitions(topic)
        by_partition: dict[int, list[Event]] = defaultdict(list)
        for event in events:
            by_partition[partition_of(event, len(partitions))].append(event)
        return {number: partitions[number].append(_as_batch(chosen)) for number, chosen in sorted(by_partition.items())}

    def watermarks(self, topic: str) -> dict[int, OffsetRange]:
        """Return for every partition the offsets that can be read."""
        return {number: partition.watermark() for number, partition in enumerate(self._partitions(topic))}

    def read(self, topic: str, offsets: OffsetRange) -> pa.Table:
        """Read exactly the events at some offsets."""
        partitions = self._partitions(topic)
        if offsets.partition >= len(partitions):
            raise missing_topic(f"{self.location(topic)} with a partition {offsets.partition}")
        return partitions[offsets.partition].read(offsets)

    def drop_before(self, topic: str, next_offsets: Mapping[int, int]) -> None:
        """Drop the files that hold nothing but events before these offsets, by partition. Kafka's brokers do so by themselves."""
        partitions = self._partitions(topic)
        for number, offset in next_offsets.items():
            partitions[number].drop_before(offset)

    def location(self, topic: str) -> str:
        """Return the folder of a topic."""
        return str(self._folder / topic)

    def check_health(self) -> HealthCheck:
        """Make a topic, append an event, read it back and remove them."""
        topic = f"{DOCTOR_TOPIC}-{uuid.uuid4().hex}"
        self.create_topic(topic, partitions=1)
        try:
            given = self.append(topic, [Event(b"well", datetime.now(timezone.utc))])
            self.read(topic, given[0])
        finally:
            del self._opened[topic]
            shutil.rmtree(self._folder / topic)
        return HealthCheck("folder of this machine")

    def _make(self, topic: str, partitions: int) -> None:
        unfinished = self._folder / f"~{topic}"
        shutil.rmtree(unfinished, ignore_errors=True)
        for number in range(partitions):
            (unfinished / str(number)).mkdir(parents=True)
        flush_folder(unfinished)
        unfinished.rename(self._folder / topic)
        flush_folder(self._folder)

    def _partitions(self, topic: str) -> list[SegmentPartition]:
        """Return the partitions of a topic, in the order of their numbers.

        Raises:
            StoreAccessError: there is no such topic.
        """
        if topic not in self._opened:
            require_topic_name(topic)
            with disk_errors(self._place):
                found = [folder for folder in _folders_in(self._folder / topic) if folder.name.isdigit()]
            folders = sorted(found, key=lambda folder: int(folder.name))
            if not folders:
                raise missing_topic(self.location(topic))
            self._opened[topic] = [SegmentPartition(folder, self._segment_bytes, self._patience_seconds) for folder in folders]
        return self._opened[topic]


def _folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, none if it is not there; `Path.glob` would take one that may not be read for empty."""
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _as_batch(events: Sequence[Event]) -> pa.RecordBatch:
    import pyarrow as pa

    columns = {
        "event_at": [event.event_at_ms * 1000 for event in events],
        "key": [event.key for event in events],
        "value": [event.value for event in events],
        "headers": [list(event.headers.items()) for event in events],
    }
    return pa.record_batch([pa.array(columns[field.name], field.type) for field in stored_schema()], schema=stored_schema())
