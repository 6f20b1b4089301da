"""Reading the records of a CSV file as text, a few megabytes at a time, whatever its layout."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.csv

from mlops_assets.errors import SourceError
from mlops_assets.tabular.layout import DamagedRecord

if TYPE_CHECKING:
    from mlops_assets.tabular.files import SourceFile
    from mlops_assets.tabular.layout import CsvLayout

_BLOCK_BYTES = 4 << 20


def stream_records(
    file: SourceFile, layout: CsvLayout, titles: Mapping[str, str | None], damaged: list[DamagedRecord] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the file's records as text with a column per field, in the file's order; empty cells are null.

    Args:
        file: the file.
        layout: how it is written.
        titles: the file's title of each wanted field; without one the field is null in every record.
        damaged: receives the records that do not have as many fields as the header; those of a batch and before it come first.

    Raises:
        SourceError: truncated gzip, text that is not UTF-8, a quote that never closes.
    """
    first_number = layout.skipped_lines + layout.has_header + 1
    seen = 0

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        nonlocal seen
        if damaged is not None:
            reason = f"has {row.actual_columns} fields where the header has {row.expected_columns}"
            damaged.append(DamagedRecord(file.name, row.text, reason, row.number - first_number - seen))
        seen += 1
        return "skip"

    present = {name: title for name, title in titles.items() if title is not None}
    try:
        with _open(file, layout) as stream:
            reader = pyarrow.csv.open_csv(
                stream,
                # By several threads the reader is no faster, and does not number the rows that it hands to `keep`.
                read_options=pyarrow.csv.ReadOptions(
                    block_size=_BLOCK_BYTES,
                    use_threads=False,
                    skip_rows=layout.skipped_lines,
                    column_names=None if layout.has_header else list(layout.titles),
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=keep
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=list(present.values()),
                    column_types={title: pa.string() for title in present.values()},
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            for batch in reader:
                columns = dict(zip(present, batch.columns, strict=True))
                missing = pa.nulls(batch.num_rows, pa.string())
                yield pa.RecordBatch.from_arrays([columns.get(name, missing) for name in titles], names=list(titles))
    except (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{file.path}: {_explain(error)}") from error


def _open(file: SourceFile, layout: CsvLayout) -> pa.NativeFile:
    """Open a file for Arrow, which unpacks by itself."""
    if layout.is_wrapped:
        return pa.PythonFile(_Unwrapped(file.open(), layout.delimiter), mode="r")
    return pa.input_stream(str(file.path), compression="gzip" if file.is_packed() else None)


class _Unwrapped(io.RawIOBase):
    """The text of a CSV file without the quotes around its lines as a whole."""

    def __init__(self, content: BinaryIO, delimiter: str) -> None:
        self._text = io.TextIOWrapper(content, "utf-8-sig", newline="")
        self._lines = self._unwrap(delimiter)
        self._rest = bytearray()

    def readable(self) -> bool:
        """Tell that the stream is for reading."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as there are lines."""
        while len(self._rest) < len(buffer) and (line := next(self._lines, None)) is not None:
            self._rest += line.encode()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        del self._rest[:count]
        return count

    def close(self) -> None:
        """Close the file."""
        self._text.close()
        super().close()

    def _unwrap(self, delimiter: str) -> Iterator[str]:
        for row in csv.reader(self._text, delimiter=delimiter):
            if len(row) == 1:
                yield f"{row[0]}\n"
            else:
                line = io.StringIO()
                csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(row)
                yield line.getvalue()


def _explain(error: Exception) -> str:
    text = str(error)
    if "UTF8" in text or isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8; it looks like Latin-1 or Windows-1252, save it as UTF-8 ({text})"
    if "Truncated compressed" in text or isinstance(error, EOFError):
        return "is truncated gzip: the download or copy broke off; fetch it again"
    if "zlib" in text or isinstance(error, zlib.error):
        return f"is damaged gzip; fetch it again ({text})"
    if "straddl" in text or isinstance(error, csv.Error):
        return f"has an opening quote that is never closed ({text})"
    return f"cannot be read as CSV: {text}"
