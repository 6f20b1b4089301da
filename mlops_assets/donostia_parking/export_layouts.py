"""The layouts of recorded CSV files, told apart by their headers, and reading their lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_assets.donostia_parking.cities import BIRMINGHAM, DONOSTIA, City
from mlops_assets.donostia_parking.feed_values import decode, read_time
from mlops_assets.donostia_parking.records import RawReading, UnreadableSnapshotError


@dataclass(frozen=True)
class Layout:
    """One way in which readings were recorded.

    Attributes:
        name: for people.
        city: whose car parks they are.
        time_column: the column with the moment of the reading.
        time_zone: of moments that name none.
        fields: the column of each field of a `RawReading`.
    """

    name: str
    city: City
    time_column: str
    time_zone: str
    fields: Mapping[str, str]

    @property
    def columns(self) -> set[str]:
        """The columns that tell this layout from others; a file may have more."""
        return {self.time_column, *self.fields.values()}


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
    ),
    Layout(
        "Parking Birmingham",
        BIRMINGHAM,
        "LastUpdated",
        BIRMINGHAM.time_zone,
        {"car_park_id": "SystemCodeNumber", "name": "SystemCodeNumber", "total": "Capacity", "occupied": "Occupancy"},
    ),
)


@dataclass(frozen=True)
class RecordedFile:
    """A recorded CSV file, its layout known.

    Attributes:
        layout: what its columns mean.
        titles: its header, column by column.
        header: its header as it stands in the file.
        lines: the lines below, as they stand in the file.
    """

    layout: Layout
    titles: Sequence[str]
    header: bytes
    lines: Sequence[bytes]

    def records(self) -> Iterator[tuple[bytes, list[str]]]:
        """Yield every record, one per line: the line and its cells; blank lines are passed over.

        A line stands for itself, so that a quote that nobody closed spoils no other one.
        """
        for line in self.lines:
            cells = _cells(line)
            if cells:
                yield line, cells

    def moment_of(self, cells: Sequence[str]) -> str:
        """Return the text of a record's moment, empty if the record is too short to have one."""
        position = self.titles.index(self.layout.time_column)
        return cells[position] if position < len(cells) else ""


def open_recording(body: bytes) -> RecordedFile | None:
    """Return the recording that a CSV file is, or nothing if its header is of no known layout."""
    header, *lines = body.splitlines(keepends=True) or [b""]
    titles = [title.strip() for title in _cells(header)]
    layout = next((layout for layout in LAYOUTS if layout.columns <= set(titles)), None)
    return None if layout is None else RecordedFile(layout, titles, header, lines)


def read_recorded(body: bytes, city: City) -> list[RawReading]:
    """Return the records of a recorded snapshot, as they came.

    Raises:
        UnreadableSnapshotError: the header is of no known layout, or of another city's, or there is no record.
    """
    recording = _require(body, city)
    positions = {field: recording.titles.index(column) for field, column in recording.layout.fields.items()}
    return [_read_record(recording, positions, cells) for _, cells in recording.records()]


def record_texts(body: bytes, city: City) -> list[str]:
    """Return every record as its lines stand in the file, in the order of `read_recorded`."""
    recording = _require(body, city)
    return [decode(line).rstrip("\r\n") for line, _ in recording.records()]


def _require(body: bytes, city: City) -> RecordedFile:
    recording = open_recording(body)
    if recording is None:
        raise UnreadableSnapshotError("malformed_snapshot", "the snapshot is neither JSON nor CSV of a known layout")
    if recording.layout.city != city:
        raise UnreadableSnapshotError("malformed_snapshot", f"the snapshot is of {recording.layout.city.name}, not of {city.name}")
    if next(recording.records(), None) is None:
        raise UnreadableSnapshotError("empty_snapshot", "the snapshot has a header and no lines")
    return recording


def _read_record(recording: RecordedFile, positions: Mapping[str, int], cells: Sequence[str]) -> RawReading:
    if len(cells) != len(recording.titles):
        return RawReading(fault=("malformed_record", f"the line has {len(cells)} cells, the header {len(recording.titles)}"))
    text = recording.moment_of(cells)
    read_at = read_time(text, recording.layout.time_zone)
    if read_at is None:
        return RawReading(fault=("unreadable_value", f"{recording.layout.time_column} {text!r} is not a date and time"))
    fields: dict[str, Any] = {field: cells[position] for field, position in positions.items()}
    return RawReading(read_at=read_at, **fields)


def _cells(line: bytes) -> list[str]:
    text = decode(line).rstrip("\r\n")
    if '"' not in text:
        return text.split(",") if text.strip() else []
    # The csv module of Python 3.10 refuses a zero byte, and any refuses a cell as large as a file.
    try:
        return next(csv.reader([text.replace("\0", "\ufffd")]), [])
    except csv.Error:
        return [text]
