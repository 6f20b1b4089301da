"""The layouts of historical CSV files, told apart by their columns, and reading their lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from mlops_assets.donostia_parking.cities import BIRMINGHAM, DONOSTIA, City
from mlops_assets.donostia_parking.sources.feed_values import decode, read_time, read_whole_number
from mlops_assets.donostia_parking.sources.records import RawReading, UnreadableSnapshotError
from mlops_assets.errors import SourceError
from mlops_assets.tabular.files import SourceFile
from mlops_assets.tabular.kinds import Table, TableKind, field_name, recognize
from mlops_assets.tabular.layout import header_line, read_layout, split_line, unwrapped_line


@dataclass(frozen=True)
class Layout:
    """One way in which readings were collected.

    Attributes:
        name: for people.
        city: whose car parks they are.
        time_column: the column with the moment of the reading.
        time_zone: of moments that name none.
        fields: the column of each field of a `RawReading`.
        optional: columns that a file need not have.
    """

    name: str
    city: City
    time_column: str
    time_zone: str
    fields: Mapping[str, str]
    optional: frozenset[str] = frozenset()

    @property
    def columns(self) -> list[str]:
        """The columns that tell this layout from others; a file may have more."""
        return [self.time_column, *dict.fromkeys(self.fields.values())]

    def kind(self) -> TableKind:
        """Return the layout as a kind of table."""
        required = frozenset(map(field_name, self.columns)) - frozenset(map(field_name, self.optional))
        return TableKind(self.name, tuple(map(field_name, self.columns)), required, self._is_record)

    def _is_record(self, record: Mapping[str, str]) -> bool:
        number = record.get(field_name(self.fields.get("free") or self.fields["occupied"]))
        moment = read_time(record.get(field_name(self.time_column), ""), self.time_zone)
        return moment is not None and read_whole_number(number) is not None


LAYOUTS = (
    Layout(
        "collector of 2022",
        DONOSTIA,
        "timestamp",
        "UTC",
        {"name": "properties.nombre", "free": "properties.libres"},
    ),
    Layout("collector of 2024", DONOSTIA, "timestamp", "UTC", {"name": "nombre", "free": "libres"}),
    # Its columns lat and lon hold northing and easting in metres.
    Layout(
        "collector of 2025",
        DONOSTIA,
        "timestamp",
        "UTC",
        {"car_park_id": "parking_id", "name": "name", "free": "free", "total": "total", "x": "lon", "y": "lat"},
        frozenset({"parking_id", "total", "lon", "lat"}),
    ),
    Layout(
        "Parking Birmingham",
        BIRMINGHAM,
        "LastUpdated",
        BIRMINGHAM.time_zone,
        {"car_park_id": "SystemCodeNumber", "name": "SystemCodeNumber", "total": "Capacity", "occupied": "Occupancy"},
    ),
)

KINDS = tuple(layout.kind() for layout in LAYOUTS)
"""The layouts as kinds of tables."""

_LAYOUT_OF = {layout.name: layout for layout in LAYOUTS}


@dataclass(frozen=True)
class HistoricalFile:
    """A CSV file of readings, or a snapshot cut out of one, its layout known.

    Attributes:
        layout: what its columns mean.
        table: its titles, and how it is written.
        header: its header as it stands in the file, or that of the file which it continues.
        lines: the lines below, as they stand in the file.
    """

    layout: Layout
    table: Table
    header: bytes
    lines: Sequence[bytes]

    def records(self) -> Iterator[tuple[bytes, list[str]]]:
        """Yield every record, one per line: the line and its cells; blank lines are passed over.

        A line stands for itself, so that a quote that nobody closed spoils no other one.
        """
        for line in self.lines:
            cells = split_line(decode(line).rstrip("\r\n"), self.table.layout)
            if cells:
                yield line, cells

    def moment_of(self, cells: Sequence[str]) -> str:
        """Return the text of a record's moment, empty if the record is too short to have one."""
        return cells[self._time_position] if self._time_position < len(cells) else ""

    @cached_property
    def _time_position(self) -> int:
        position = self.position(self.layout.time_column)
        assert position is not None
        return position

    def position(self, column: str) -> int | None:
        """Return where a column of the layout stands; None if it is missing."""
        title = self.table.titles[field_name(column)]
        return None if title is None else self.table.layout.titles.index(title)


def open_file(file: SourceFile, found: Table) -> HistoricalFile:
    """Return the readings that a CSV file holds, its columns known.

    Raises:
        SourceError: the file cannot be read, or lacks a column.
    """
    found.require_columns(file.path)
    content, layout = file.content(), found.layout
    lines = content.splitlines(keepends=True)[layout.skipped_lines :]
    header = lines.pop(0) if layout.has_header else b""
    if layout.is_wrapped:
        lines = [unwrapped_line(decode(line), layout.delimiter).encode() for line in lines]
    if layout.is_wrapped or not layout.has_header:
        header = header_line(found.layout).encode() + b"\n"
    # From here on the lines stand below a header and without quotes around them, as in any other file.
    plain = replace(found, layout=replace(found.layout, skipped_lines=0, has_header=True, is_wrapped=False))
    return HistoricalFile(_LAYOUT_OF[found.kind.name], plain, header, lines)


def open_snapshot(body: bytes) -> HistoricalFile | None:
    """Return the readings of a landed snapshot, a header and lines; nothing if its header is of no known layout."""
    header, *lines = body.splitlines(keepends=True) or [b""]
    table = _table_below(header)
    return None if table is None else HistoricalFile(_LAYOUT_OF[table.kind.name], table, header, lines)


@lru_cache(maxsize=256)
def _table_below(header: bytes) -> Table | None:
    try:
        layout = read_layout(header, "the snapshot")
        found = recognize("the snapshot", layout, KINDS) if layout.has_header else None
        if isinstance(found, Table):
            found.require_columns("the snapshot")
            return found
    except SourceError:
        pass
    return None


def read_historical(body: bytes, city: City) -> list[RawReading]:
    """Return the records of a snapshot from a historical file, as they came.

    Raises:
        UnreadableSnapshotError: the header is of no known layout, or of another city's, or there is no record.
    """
    file = _require(body, city)
    positions = {field: file.position(column) for field, column in file.layout.fields.items()}
    present = {field: position for field, position in positions.items() if position is not None}
    return [_read_record(file, present, line, cells) for line, cells in file.records()]


def _require(body: bytes, city: City) -> HistoricalFile:
    file = open_snapshot(body)
    if file is None:
        raise UnreadableSnapshotError("malformed_snapshot", "the snapshot is neither JSON nor CSV of a known layout")
    if file.layout.city != city:
        raise UnreadableSnapshotError("malformed_snapshot", f"the snapshot is of {file.layout.city.name}, not of {city.name}")
    if next(file.records(), None) is None:
        raise UnreadableSnapshotError("empty_snapshot", "the snapshot has a header and no lines")
    return file


def _read_record(file: HistoricalFile, positions: Mapping[str, int], line: bytes, cells: Sequence[str]) -> RawReading:
    titles = file.table.layout.titles
    if len(cells) != len(titles):
        return RawReading(raw=line, fault=("malformed_record", f"the line has {len(cells)} cells, the header {len(titles)}"))
    fields: dict[str, Any] = {"raw": line, **{field: cells[position] for field, position in positions.items()}}
    text = file.moment_of(cells)
    read_at = read_time(text, file.layout.time_zone)
    if read_at is None:
        return RawReading(fault=("unreadable_value", f"{file.layout.time_column} {text!r} is not a date and time"), **fields)
    return RawReading(read_at=read_at, **fields)
