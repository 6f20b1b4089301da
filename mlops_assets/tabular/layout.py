"""How a CSV file is written: its delimiter, what stands above its header, whether it has one, whether its lines are in quotes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mlops_assets.errors import SourceError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STARTS = {
    b"PK\x03\x04": "an Excel workbook or zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"{": "JSON",
    b"[": "JSON",
    b"<": "an HTML or XML page",
}
_DELIMITERS = ",;\t|"
_QUOTED = re.compile('"[^"]*"')
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>.)"?[,;\t|]*', re.IGNORECASE)
_VALUE = re.compile(r"[+-]?[0-9][0-9.,eE+-]*|.*[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}.*|true|false", re.IGNORECASE)
"""What stands in rows and hardly ever in headers: a number, a date, a flag."""

HEAD_ROWS = 20
"""How many rows of a file without a header are looked at to see whose columns they have."""


@dataclass(frozen=True)
class CsvLayout:
    """How a CSV file is written.

    Attributes:
        titles: of its columns, as they stand in the file; of a file without a header those of the file that it continues.
        delimiter: between the cells of a line.
        skipped_lines: lines above the header, or above the first record: blank ones, and the `sep=,` of a spreadsheet.
        has_header: whether the first line below them is a header.
        is_wrapped: whether lines stand in quotes as a whole, as a spreadsheet writes what it takes for a single column.
    """

    titles: tuple[str, ...]
    delimiter: str = ","
    skipped_lines: int = 0
    has_header: bool = True
    is_wrapped: bool = False


@dataclass(frozen=True)
class DamagedRecord:
    """A record that could not be split into the fields of the header.

    Attributes:
        source_name: the file or request that it came from.
        text: the record as it was.
        reason: what is wrong with it, in words.
        position: how many whole records stand before it in the file.
    """

    source_name: str
    text: str
    reason: str
    position: int = 0


def read_layout(head: bytes, where: object) -> CsvLayout:
    """Return how a CSV file is written, from its first bytes; without a header it has no titles yet.

    Args:
        head: the beginning of the file, unpacked.
        where: what the file is called in messages.

    Raises:
        SourceError: the file is no CSV; the message says what it looks like.
    """
    text = _require_csv(head, where)
    lines = _lines(text)
    skipped, delimiter = _preamble(lines)
    body = "".join(lines[skipped:])
    delimiter = delimiter or max(_DELIMITERS, key=_QUOTED.sub("", lines[skipped]).count)
    first, *others = islice(_rows(body, delimiter), 2)
    unwrapped = _unwrapped(first, delimiter)
    is_wrapped = len(unwrapped) > len(first) or any(len(_unwrapped(row, delimiter)) == len(first) > len(row) for row in others)
    titles = tuple(unwrapped) if _is_header(unwrapped) else ()
    return CsvLayout(titles, delimiter, skipped, bool(titles), is_wrapped)


def head_rows(head: bytes, layout: CsvLayout) -> list[list[str]]:
    """Return the first rows below the header, or of a file without one; the last of them may have been cut off."""
    text = head.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", errors="replace")
    body = "".join(_lines(text)[layout.skipped_lines :])
    rows = (_unwrapped(row, layout.delimiter) if layout.is_wrapped else row for row in _rows(body, layout.delimiter))
    return list(islice(rows, int(layout.has_header), HEAD_ROWS))


def split_line(text: str, layout: CsvLayout) -> list[str]:
    """Return the cells of one line; none of a blank one. What cannot be split is a single cell."""
    if '"' not in text:
        return text.split(layout.delimiter) if text.strip() else []
    cells = next(_rows(text, layout.delimiter), [])
    return _unwrapped(cells, layout.delimiter) if layout.is_wrapped else cells


def unwrapped_line(text: str, delimiter: str) -> str:
    """Return a line without the quotes around it as a whole; any other line as it is."""
    cells = next(_rows(text, delimiter), [])
    return cells[0] if len(cells) == 1 and delimiter in cells[0] else text


def header_line(layout: CsvLayout) -> str:
    """Return the titles as the header of a file with this delimiter, without a line end."""
    line = io.StringIO()
    csv.writer(line, delimiter=layout.delimiter, lineterminator="").writerow(layout.titles)
    return line.getvalue()


def _require_csv(head: bytes, where: object) -> str:
    stripped = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    looks_like = "an empty file" if not stripped else None
    for start, description in _STARTS.items():
        if stripped.startswith(start):
            looks_like = description
    if looks_like is None and b"\0" in stripped.splitlines()[0]:
        looks_like = "binary data"
    if looks_like:
        raise SourceError(f"{where}: looks like {looks_like}, not like CSV; download it again as CSV")
    return head.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", errors="replace")


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their ends; other than `splitlines`, at line ends only and not at form feeds."""
    return list(io.StringIO(text, newline=""))


def _preamble(lines: Sequence[str]) -> tuple[int, str | None]:
    """Return how many lines stand above the first one with cells, and the delimiter if one of them names it.

    A file of nothing but such lines has its last one for a header.
    """
    delimiter = None
    for number, line in enumerate(lines):
        found = _SEPARATOR_LINE.fullmatch(line.strip())
        if found:
            delimiter = found["delimiter"]
        elif line.strip():
            return number, delimiter
    return len(lines) - 1, delimiter


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of a text; a row that the csv module refuses is one cell, and the last."""
    # The csv module of Python 3.10 refuses a zero byte, and any refuses a cell as large as a file.
    lines = io.StringIO(text.replace("\0", "\ufffd"), newline="")
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        yield from rows
    except csv.Error:
        yield [text]


def _unwrapped(row: Sequence[str], delimiter: str) -> list[str]:
    """Return the cells inside of a row's only cell; any other row as it is."""
    if len(row) != 1 or delimiter not in row[0]:
        return list(row)
    return next(_rows(row[0], delimiter), [])


def _is_header(cells: Sequence[str]) -> bool:
    """Tell whether cells are titles: words. A column without a title is an index, as pandas writes one."""
    titles = [cell.strip() for cell in cells if cell.strip()]
    return bool(titles) and not any(_VALUE.fullmatch(title) for title in titles)
