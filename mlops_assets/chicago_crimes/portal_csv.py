"""Reading one CSV file in any layout of the portal as text, in pieces, with errors that say what the file looks like."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from mlops_assets.chicago_crimes.source import DamagedRecord
from mlops_assets.errors import SourceError, TransientError

_BLOCK_BYTES = 4 << 20
_HEAD_BYTES = 64 << 10
_GZIP_MAGIC = b"\x1f\x8b"
_STARTS = {
    b"PK\x03\x04": "an Excel workbook or zip archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"{": "JSON",
    b"[": "JSON",
    b"<": "an HTML or XML page",
}


@dataclass(frozen=True)
class PortalFile:
    """A CSV file in a certain state: a file that was changed since is another one.

    Attributes:
        path: where it is.
        name: how messages and rows call it.
        size: its bytes.
        mtime_ns: when it was last written, in nanoseconds since 1970.
    """

    path: Path
    name: str
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path, name: str) -> PortalFile:
        """Return the file at `path` as it is now."""
        try:
            state = path.stat()
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
        return cls(path, name, state.st_size, state.st_mtime_ns)

    def require_unchanged(self) -> None:
        """Raise a `TransientError` if somebody has written to the file since."""
        if not self.path.exists() or PortalFile.at(self.path, self.name) != self:
            raise TransientError(f"{self.path}: was changed while it was being read; try again when it is complete")


def read_titles(file: PortalFile, fields: Sequence[str]) -> dict[str, str]:
    """Return the file's own title of each field.

    Titles may be those of the portal's CSV (`Case Number`, `CASE NUMBER`) or of its web API (`case_number`). Other columns, such as
    Year, Location or `:@computed_region_awaf_s7ux`, are passed over.

    Raises:
        SourceError: the file is not CSV, or lacks one of the fields.
    """
    titles = _read_first_line(file)
    by_field: dict[str, str] = {}
    for title in titles:
        name = _field_name(title)
        if name in fields and name in by_field:
            raise SourceError(f"{file.path}: two columns are named {title!r}")
        by_field[name] = title
    missing = [name for name in fields if name not in by_field]
    if missing:
        hint = "" if len(titles) > 1 else " (is it separated by something else than commas?)"
        raise SourceError(
            f"{file.path}: columns missing: {', '.join(missing)}. It has: {', '.join(titles)}{hint}. "
            "Download it again with all columns, or move it out if it is not a file of this kind."
        )
    return {name: by_field[name] for name in fields}


def is_other_table(file: PortalFile, fields: Sequence[str]) -> bool:
    """Tell whether a file is a proper CSV table, but of something else: it has fewer than half of the fields."""
    names = {_field_name(title) for title in _read_first_line(file)}
    return len(names) > 1 and 2 * len(names.intersection(fields)) < len(fields)


def _field_name(title: str) -> str:
    return re.sub(r"\W+", "_", title.strip().lower())


def _read_first_line(file: PortalFile) -> list[str]:
    head = _read_head(file)
    stripped = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    looks_like = "an empty file" if not stripped else None
    for start, description in _STARTS.items():
        if stripped.startswith(start):
            looks_like = description
    if looks_like is None and b"\0" in stripped:
        looks_like = "binary data"
    if looks_like:
        raise SourceError(f"{file.path}: looks like {looks_like}, not like CSV; download it again as CSV")
    return next(csv.reader(io.StringIO(stripped.decode("utf-8", errors="replace"), newline="")))


def _read_head(file: PortalFile) -> bytes:
    with file.path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head.startswith(_GZIP_MAGIC):
        return head
    text = b""
    try:
        # A gzip file may consist of several members, one after the other.
        while head.startswith(_GZIP_MAGIC) and len(text) < _HEAD_BYTES:
            member = zlib.decompressobj(wbits=31)
            text += member.decompress(head, _HEAD_BYTES)
            head = member.unused_data
    except zlib.error as error:
        raise SourceError(f"{file.path}: looks like damaged gzip ({error}); download it again") from error
    return text


def stream_records(
    file: PortalFile, titles: Mapping[str, str], damaged: list[DamagedRecord] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the file's records as text, a few megabytes at a time, with a column per field; empty fields are null.

    Args:
        file: the file; what is inside decides whether it is gzip, not its name.
        titles: the file's title of each wanted field.
        damaged: receives the records that do not have as many fields as the header.

    Raises:
        SourceError: truncated gzip, text that is not UTF-8, a quote that never closes.
    """

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        if damaged is not None:
            reason = f"has {row.actual_columns} fields where the header has {row.expected_columns}"
            damaged.append(DamagedRecord(file.name, row.text, reason))
        return "skip"

    try:
        with file.path.open("rb") as start:
            compression = "gzip" if start.read(2) == _GZIP_MAGIC else None
        with pa.input_stream(str(file.path), compression=compression) as stream:
            reader = pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=list(titles.values()),
                    column_types={title: pa.string() for title in titles.values()},
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            for batch in reader:
                yield pa.RecordBatch.from_arrays(batch.columns, names=list(titles))
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{file.path}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    text = str(error)
    if "UTF8" in text:
        return f"is not UTF-8; it looks like Latin-1 or Windows-1252, save it as UTF-8 ({text})"
    if "Truncated compressed" in text:
        return "is truncated gzip: the download or copy broke off; fetch it again"
    if "zlib" in text:
        return f"is damaged gzip; fetch it again ({text})"
    if "straddl" in text:
        return f"has an opening quote that is never closed ({text})"
    return f"cannot be read as CSV: {text}"
