"""Recorded events as a person has them: JSON lines, CSV or Parquet, packed or not, one file or a folder of them.

Every line and row is yielded, in the order of the files: one that cannot be read as it is, for whoever takes dead letters.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from mlops_assets.errors import SourceError
from mlops_assets.tabular.files import SourceFile, list_files
from mlops_assets.tabular.layout import DamagedRecord, read_layout

if TYPE_CHECKING:
    from mlops_assets.tabular.layout import CsvLayout

_PARQUET_MAGIC = b"PAR1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINES_ENDINGS = (".jsonl", ".ndjson")
_LONGEST_LINE_BYTES = 64 << 20
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """A record as it came.

    Attributes:
        file_name: its file's path below the folder.
        position: number of the line or row in its file, from 0; the header of a CSV file is not counted.
        content: the bytes of a line of JSON, or of a line of CSV that is damaged; the values of any other row by column.
    """

    file_name: str
    position: int
    content: bytes | dict[str, Any]


def recorded_files(path: Path) -> list[SourceFile]:
    """Return the files of a recording.

    Raises:
        SourceError: there is nothing at `path`.
    """
    return list_files(path, "recorded events")


def recording_identity(path: Path) -> str:
    """Return a text that only this recording in its present state has.

    Raises:
        SourceError: there is nothing at `path`.
    """
    states = ", ".join(f"{file.name} ({file.size} bytes, {file.mtime_ns})" for file in recorded_files(path))
    return f"recording {path.absolute()}: {states}"


def read_rows(file: SourceFile) -> Iterator[RecordedRow]:
    """Yield the rows of a file, a few megabytes of it in memory at a time. Blank lines hold nothing, and are passed over.

    Raises:
        SourceError: the file is none of the three, has no header, or is damaged; what can be read of it is yielded before.
    """
    head = file.head()
    start = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if head.startswith(_PARQUET_MAGIC):
        yield from _read_parquet(file)
    elif start.startswith(b"[") and ".json" in file.name.lower() and not _has_lines_ending(file.name):
        yield from _read_list(file)
    elif start.startswith(b"{") or _has_lines_ending(file.name):
        yield from _read_lines(file)
    else:
        yield from _read_csv(file, head)


def _has_lines_ending(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(_LINES_ENDINGS)


def _read_lines(file: SourceFile) -> Iterator[RecordedRow]:
    position = 0
    try:
        with file.open() as stream:
            while line := stream.readline(_LONGEST_LINE_BYTES):
                if line.strip():
                    yield RecordedRow(file.name, position, line.rstrip(b"\r\n"))
                position += 1
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{file.path}: cannot be read after {position:,} lines: {error}; is it complete?") from error


def _read_list(file: SourceFile) -> Iterator[RecordedRow]:
    try:
        items = from_json(file.content())
    except ValueError as error:
        raise SourceError(f"{file.path}: is no list in JSON: {error}; save it with an object on each line") from error
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            raise SourceError(f"{file.path}: item {position} of the list is a {type(item).__name__}, not an object")
        yield RecordedRow(file.name, position, item)


def _read_parquet(file: SourceFile) -> Iterator[RecordedRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    position = 0
    try:
        with pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    yield RecordedRow(file.name, position, row)
                    position += 1
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{file.path}: is damaged Parquet ({error}); fetch it again") from error


def _read_csv(file: SourceFile, head: bytes) -> Iterator[RecordedRow]:
    layout = read_layout(head, file.path)
    if not layout.has_header:
        raise SourceError(f"{file.path}: has no header; its first line must name the columns")
    if len(set(layout.titles)) < len(layout.titles):
        raise SourceError(f"{file.path}: two columns have the same name; rename one")
    yield from _csv_rows(file, layout)


def _csv_rows(file: SourceFile, layout: CsvLayout) -> Iterator[RecordedRow]:
    from mlops_assets.tabular.records import stream_records

    damaged: list[DamagedRecord] = []
    position = 0
    for batch in stream_records(file, layout, {title: title for title in layout.titles}, damaged):
        # Damaged rows are known with the batch that they are in, not where in it.
        for record in damaged:
            yield RecordedRow(file.name, position, record.text.encode())
            position += 1
        damaged.clear()
        for row in batch.to_pylist():
            yield RecordedRow(file.name, position, row)
            position += 1
    for record in damaged:
        yield RecordedRow(file.name, position, record.text.encode())
        position += 1
