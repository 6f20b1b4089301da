"""Segment files: batches of events one behind the other, in files that only grow.

A file is named by the offset of its first event, in 20 digits. A batch is a header and a payload, the Arrow IPC message of its
events. The header (little-endian) holds a mark with the version of the format, the offset of the first event, the size of the
payload in bytes, the number of events, the CRC-32 of the payload, and the CRC-32 of the header up to there.

Bytes arrive in a file in order, so a writer that was killed leaves an incomplete batch at the end of the last file and nowhere
else. Only that is taken for torn; a complete batch that does not match its checksums was damaged and is an error.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from mlops_assets.errors import PermanentError
from mlops_assets.stores.events.base import stored_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

_MARK = b"mlopsEV1"
_FIELDS = struct.Struct("<8sQQII")
_CHECKSUM = struct.Struct("<I")
_HEADER_SIZE = _FIELDS.size + _CHECKSUM.size
_DIGITS = 20
_SUFFIX = ".segment"
# A batch is read as a whole, so this bounds what reading a single event costs.
_BATCH_BYTES = 1 << 20


@dataclass(frozen=True)
class Batch:
    """Where a batch lies.

    Attributes:
        position: of its first byte in its file.
        offset: of its first event in the partition.
        count: its number of events.
        payload_size: in bytes.
        payload_checksum: CRC-32 of the payload.
    """

    position: int
    offset: int
    count: int
    payload_size: int
    payload_checksum: int

    @property
    def end_offset(self) -> int:
        """The offset of the next batch."""
        return self.offset + self.count

    @property
    def end_position(self) -> int:
        """The position of the next batch."""
        return self.position + _HEADER_SIZE + self.payload_size


@dataclass(frozen=True)
class Segment:
    """One file of a partition.

    Attributes:
        path: the file.
        offset: of its first event.
    """

    path: Path
    offset: int

    @classmethod
    def starting_at(cls, folder: Path, offset: int) -> Segment:
        """Return the segment of a folder whose first event has this offset."""
        return cls(folder / f"{offset:0{_DIGITS}}{_SUFFIX}", offset)

    @classmethod
    def all_in(cls, folder: Path) -> list[Segment]:
        """Return the segments of a folder, oldest first."""
        return [cls(path, int(path.stem)) for path in sorted(folder.glob("[0-9]" * _DIGITS + _SUFFIX))]

    def batches(self, file: BinaryIO, size: int, position: int = 0, offset: int | None = None) -> Iterator[Batch]:
        """Yield the complete batches in the first `size` bytes of the file.

        The size is taken once, before: while a torn batch is cut away and another one written in its place, the bytes behind the
        size belong to neither.

        Args:
            file: this segment, opened for reading.
            size: how much of it to look at.
            position: of the first batch to yield.
            offset: of the first event at `position`; that of the segment if not given.

        Raises:
            PermanentError: a header was damaged.
        """
        expected = self.offset if offset is None else offset
        while position + _HEADER_SIZE <= size:
            file.seek(position)
            batch = self._parsed(file.read(_HEADER_SIZE), position, expected)
            if batch is None or batch.end_position > size:
                return
            yield batch
            position, expected = batch.end_position, batch.end_offset

    def events(self, file: BinaryIO, batch: Batch) -> pa.RecordBatch:
        """Return the events of a batch.

        Raises:
            PermanentError: the payload was damaged.
        """
        import pyarrow as pa

        file.seek(batch.position + _HEADER_SIZE)
        payload = file.read(batch.payload_size)
        if zlib.crc32(payload) != batch.payload_checksum:
            raise self.damaged(batch.position, batch.offset, "its events do not match their checksum")
        return pa.ipc.read_record_batch(pa.py_buffer(payload), stored_schema())

    def damaged(self, position: int, offset: int, what: str) -> PermanentError:
        """Return the error for a file that does not hold what was written to it."""
        return PermanentError(
            f"{self.path} is damaged at byte {position}, where the event at offset {offset} begins: {what}. Restore the file "
            f"from a backup; if the machine lost its power during the last append, cut the file to {position} bytes"
        )

    def _parsed(self, header: bytes, position: int, expected_offset: int) -> Batch | None:
        """Return what a header says; None if the file was cut before its end."""
        if len(header) < _HEADER_SIZE:
            return None
        fields, (checksum,) = header[: _FIELDS.size], _CHECKSUM.unpack(header[_FIELDS.size :])
        mark, offset, payload_size, count, payload_checksum = _FIELDS.unpack(fields)
        if mark != _MARK or zlib.crc32(fields) != checksum:
            raise self.damaged(position, expected_offset, "the header of a batch does not match its checksum")
        if offset != expected_offset:
            raise self.damaged(position, expected_offset, f"the batch there begins at offset {offset}")
        return Batch(position, offset, count, payload_size, payload_checksum)


def encode(events: pa.RecordBatch, offset: int) -> bytes:
    """Return the bytes of as many batches as events of this size need, the first of them beginning at this offset."""
    batch_length = max(1, _BATCH_BYTES * events.num_rows // events.nbytes)
    starts = range(0, events.num_rows, batch_length)
    return b"".join(part for start in starts for part in _encode_batch(events.slice(start, batch_length), offset + start))


def _encode_batch(events: pa.RecordBatch, offset: int) -> tuple[bytes, bytes, pa.Buffer]:
    payload = events.serialize()
    fields = _FIELDS.pack(_MARK, offset, payload.size, events.num_rows, zlib.crc32(payload))
    return fields, _CHECKSUM.pack(zlib.crc32(fields)), payload
