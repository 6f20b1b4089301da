"""One partition of an event log in segment files: a folder whose newest file is appended to."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.stores.disk import disk_errors
from mlops_assets.stores.events.base import OffsetRange, event_schema, require_readable
from mlops_assets.stores.events.segment_files import Segment, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from mlops_assets.stores.events.segment_files import Batch

# Appends take milliseconds, and so should waiting for one.
_POLL_SECONDS = 0.005


@dataclass(frozen=True)
class _Tail:
    """Where the next batch goes.

    Attributes:
        segment: the newest one.
        position: behind its last complete batch.
        offset: of the next event.
    """

    segment: Segment
    position: int
    offset: int


class SegmentPartition:
    """One partition of a topic. Several threads and processes may use it at once."""

    def __init__(self, folder: Path, segment_bytes: int, patience_seconds: float) -> None:
        """Use a folder that exists; a segment of `segment_bytes` or more is not appended to any more."""
        self._folder = folder
        self._place = f"cannot use the event log in {folder}"
        self._number = int(folder.name)
        self._segment_bytes = segment_bytes
        self._patience_seconds = patience_seconds
        self._empty_tail = self._known_tail = _Tail(Segment.starting_at(folder, 0), 0, 0)

    def append(self, events: pa.RecordBatch) -> OffsetRange:
        """Append events, flush them to the disk and return their offsets. What a killed writer left is cut away first."""
        with disk_errors(self._place), held(self._folder / "~lock", self._patience_seconds):
            tail = self._tail()
            _cut(tail)
            if tail.position >= self._segment_bytes:
                tail = _Tail(Segment.starting_at(self._folder, tail.offset), 0, tail.offset)
            data = encode(events, tail.offset)
            is_new = not tail.segment.path.exists()
            with tail.segment.path.open("ab") as file:
                if is_new:
                    flush_folder(self._folder)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            end = tail.offset + events.num_rows
            self._known_tail = _Tail(tail.segment, tail.position + len(data), end)
            return OffsetRange(self._number, tail.offset, end)

    def watermark(self) -> OffsetRange:
        """Return the offsets that can be read."""
        with disk_errors(self._place):
            return self._kept()[0]

    def read(self, offsets: OffsetRange) -> pa.Table:
        """Read exactly the events at some offsets.

        Raises:
            PermanentError: they are not there, or damaged.
        """
        import pyarrow as pa

        with disk_errors(self._place):
            kept, segments = self._kept()
            require_readable(str(self._folder), offsets, kept)
            try:
                return pa.Table.from_batches(self._read(segments, offsets), schema=event_schema())
            except FileNotFoundError:
                # Retention may have dropped the file meanwhile.
                require_readable(str(self._folder), offsets, self.watermark())
                raise

    def drop_before(self, offset: int) -> None:
        """Remove the files all of whose events lie before an offset, oldest first; the newest file always stays."""
        with disk_errors(self._place):
            segments = Segment.all_in(self._folder)
            for segment, following in pairwise(segments):
                if following.offset <= offset:
                    segment.path.unlink(missing_ok=True)
                    flush_folder(self._folder)

    def _tail(self) -> _Tail:
        """Return where the next batch goes. All before it is on the disk: what was read once never changes, even by a power cut."""
        segments = Segment.all_in(self._folder)
        if not segments:
            return self._empty_tail
        newest, known = segments[-1], self._known_tail
        if known.segment != newest:
            known = _Tail(newest, 0, newest.offset)
        position, offset = known.position, known.offset
        with newest.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < position:
                raise newest.damaged(size, offset, f"it had {position} bytes before")
            for batch in newest.batches(file, size, position, offset):
                position, offset = batch.end_position, batch.end_offset
            if position > known.position:
                os.fsync(file.fileno())
        self._known_tail = _Tail(newest, position, offset)
        return self._known_tail

    def _kept(self) -> tuple[OffsetRange, list[Segment]]:
        """Return the offsets that can be read, and the files that hold them: those listed once the end was known."""
        end = self._tail().offset
        segments = Segment.all_in(self._folder)
        start = segments[0].offset if segments else 0
        return OffsetRange(self._number, start, max(start, end)), segments

    def _read(self, segments: list[Segment], offsets: OffsetRange) -> Iterator[pa.RecordBatch]:
        for segment, following in zip(segments, [*segments[1:], None], strict=False):
            is_before = following is not None and following.offset <= offsets.start
            if not is_before and segment.offset < offsets.end:
                yield from self._read_segment(segment, following, offsets)

    def _read_segment(self, segment: Segment, following: Segment | None, offsets: OffsetRange) -> Iterator[pa.RecordBatch]:
        position, reached = 0, segment.offset
        with segment.path.open("rb") as file:
            for batch in segment.batches(file, os.fstat(file.fileno()).st_size):
                if batch.offset >= offsets.end:
                    return
                if batch.end_offset > offsets.start:
                    yield self._placed(batch, segment.events(file, batch), offsets)
                position, reached = batch.end_position, batch.end_offset
        if following is not None and reached != following.offset:
            raise segment.damaged(position, reached, f"the next file begins at offset {following.offset}")
        if following is None and reached < offsets.end:
            raise segment.damaged(position, reached, f"events up to offset {offsets.end} were there before")

    def _placed(self, batch: Batch, events: pa.RecordBatch, offsets: OffsetRange) -> pa.RecordBatch:
        """Return the events of a batch that lie in a range, with their partition and offsets."""
        import numpy as np
        import pyarrow as pa

        first, end = max(batch.offset, offsets.start), min(batch.end_offset, offsets.end)
        events = events.slice(first - batch.offset, end - first)
        partitions = np.full(events.num_rows, self._number, np.int32)
        columns = [pa.array(partitions), pa.array(np.arange(first, end)), *events.columns]
        return pa.RecordBatch.from_arrays(columns, schema=event_schema())


def _cut(tail: _Tail) -> None:
    """Cut away what a writer that was killed, or whose disk was full, wrote of a batch."""
    path = tail.segment.path
    if path.exists() and path.stat().st_size > tail.position:
        with path.open("r+b") as file:
            file.truncate(tail.position)
            os.fsync(file.fileno())


@contextmanager
def held(lock: Path, patience_seconds: float) -> Iterator[None]:
    """Hold a lock file, waiting for other threads and processes.

    Raises:
        StoreUnavailableError: somebody else held it for all this time.
    """
    import filelock

    try:
        with filelock.FileLock(lock).acquire(timeout=patience_seconds, poll_interval=_POLL_SECONDS):
            yield
    except filelock.Timeout as error:
        raise StoreUnavailableError(f"{lock} was held by another process for {patience_seconds:g} s") from error


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, so that a power cut does not lose a file that was made or removed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
