"""Readings that somebody collected: CSV files of the known layouts, and responses of the feed kept whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.cities import DONOSTIA, City
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.donostia_parking.sources.base import CSV_TYPE, FIRST_DATE, JSON_TYPE, Snapshot
from mlops_assets.donostia_parking.sources.bodies import count_records
from mlops_assets.donostia_parking.sources.export_layouts import KINDS, LAYOUTS, HistoricalFile, open_file
from mlops_assets.donostia_parking.sources.feed_values import read_time
from mlops_assets.donostia_parking.sources.landing import snapshot_name
from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.tabular.export_files import ExportFile, but_not
from mlops_assets.tabular.files import SourceFile, list_files
from mlops_assets.tabular.identification import Unrecognized, identify, lacks_header
from mlops_assets.tabular.kinds import OtherTable

if TYPE_CHECKING:
    from mlops_assets.tabular.kinds import Table

_JSON_ENDINGS = (".json", ".geojson", ".json.gz", ".geojson.gz")
_MOMENT_IN_NAME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})[T_ -]?(\d{2})[:-]?(\d{2})[:-]?(\d{2})(?!\d)")
_END_OF_TIME = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class _Content:
    """What a file of the export holds.

    Attributes:
        snapshots: its snapshots of the city, if it has any.
        table: its columns, if it is CSV.
        set_aside: why it is plainly nothing to be read.
        unrecognized: why it is not read although it may hold readings.
        error: why it cannot be read.
    """

    snapshots: tuple[Snapshot, ...] = ()
    table: Table | None = None
    set_aside: str | None = None
    unrecognized: str | None = None
    error: str | None = None

    @property
    def status(self) -> str:
        """One of the statuses of an `ExportFile`."""
        if self.error:
            return "unreadable"
        return "unrecognized" if self.unrecognized else "set_aside" if self.set_aside else "read"

    @property
    def note(self) -> str | None:
        """What is worth knowing about the file."""
        return self.error or self.unrecognized or self.set_aside or (self.table.note if self.table else None)

    def is_settled(self, siblings: Iterable[tuple[str, Table]]) -> bool:
        """Tell whether the file need not be looked at again, beside these other files and what they hold."""
        if self.error or self.unrecognized:
            return False
        if self.table is None or self.table.continues is None:
            return True
        return any(table.layout.has_header and table.layout.titles == self.table.layout.titles for _, table in siblings)


class ExportParkingSource:
    """Historical files of one city in a folder (subfolders included), or a single file.

    CSV files may hold any period and may overlap: what they say twice is one snapshot. A file without a header that continues
    another one's columns, as the parts of a split file do, is read, and so is CSV of any other name; see `identification`. A file
    of which nobody can tell what it holds, and a packed archive, is an error that names it. A response of the feed kept whole
    counts if its file name has the moment of the request in it, in UTC, as `raw_20251009_215854.json` has; a moment at which there
    can be no readings is an error that names the file.

    A record whose moment cannot be read, or lies outside the time in which there can be readings, stays with the record before it,
    so that it is rejected there and not lost.
    """

    def __init__(self, path: Path, city: City, until: datetime = _END_OF_TIME) -> None:
        """Read what of `path` belongs to `city`.

        Args:
            path: a folder or a file.
            city: whose car parks they are.
            until: up to when there can be readings; a later moment is a typing error.
        """
        self._path = path.absolute()
        self._city = city
        self._possible = LocalDay(FIRST_DATE, city.time_zone).start, until
        self._known: dict[SourceFile, _Content] = {}

    def describe(self) -> str:
        """Say which files are read, and which are not: something else, another city's, files that cannot be read."""
        others = [file.name for file, content in self._contents().items() if content.status != "read"]
        return f"historical files of {self._city.name} at {self._path}{but_not(others)}"

    def fetch_snapshot(self, at: datetime) -> Snapshot:
        """Refuse: files have no present."""
        raise NotEnoughDataError(
            f"snapshot of {at.isoformat()}: {self._path} holds historical files, which have no present; land what they hold"
        )

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        """Yield the collected snapshots of a window in order of time; see `ParkingSource`."""
        return iter([snapshot for snapshot in self._snapshots() if since <= snapshot.requested_at < until])

    def available_range(self) -> tuple[datetime, datetime] | None:
        """Return the moments of the first and the last collected snapshot."""
        moments = [snapshot.requested_at for snapshot in self._snapshots()]
        return min(moments), max(moments)

    def export_files(self) -> list[ExportFile]:
        """Return every file at the path, and to which days its records belong; see `ParkingSource`."""
        return [
            ExportFile(file.name, content.status, content.note, self._count_records(content.snapshots))
            for file, content in self._contents().items()
        ]

    def _count_records(self, snapshots: Iterable[Snapshot]) -> Counter[tuple[str, str]]:
        """Return the numbers of records by day and by the name under which their snapshot lands."""
        counts: Counter[tuple[str, str]] = Counter()
        for snapshot in snapshots:
            day = LocalDay.of(snapshot.requested_at, self._city.time_zone).key
            counts[day, snapshot_name(self._city, snapshot)] += count_records(snapshot.body, self._city)
        return counts

    def _snapshots(self) -> list[Snapshot]:
        """Return all snapshots by time and content, each once however many files have it.

        Raises:
            NotEnoughDataError: no file holds any.
            SourceError: of a file nobody can tell what it holds.
        """
        contents = self._contents()
        for content in contents.values():
            if content.error is not None:
                raise SourceError(content.error)
        found = {
            (snapshot.requested_at, snapshot.body): snapshot
            for content in reversed(contents.values())
            for snapshot in content.snapshots
        }
        if not found:
            known = "; ".join(", ".join(sorted(layout.columns)) for layout in LAYOUTS if layout.city == self._city)
            raise NotEnoughDataError(
                f"historical files of {self._city.name}: no file at {self._path} is one. CSV files need these columns: {known}"
            )
        return [found[key] for key in sorted(found)]

    def _contents(self) -> dict[SourceFile, _Content]:
        """Return what each file holds, by name; a file is not read again while neither it nor what it continues has changed."""
        files = list_files(self._path, "historical files")
        siblings: list[tuple[str, Table]] = []
        contents: dict[SourceFile, _Content] = {}
        # Files without a header come last: each may continue any of the others.
        for file in sorted(files, key=lambda file: not _is_response(file) and lacks_header(file, KINDS)):
            known = self._known.get(file)
            contents[file] = known if known and known.is_settled(siblings) else self._read(file, siblings)
            table = contents[file].table
            if table is not None:
                siblings.append((file.name, table))
        self._known = contents
        return {file: contents[file] for file in files}

    def _read(self, file: SourceFile, siblings: Sequence[tuple[str, Table]]) -> _Content:
        try:
            return self._read_response(file) if _is_response(file) else self._read_csv(file, siblings)
        except SourceError as error:
            return _Content(error=str(error))

    def _read_csv(self, file: SourceFile, siblings: Sequence[tuple[str, Table]]) -> _Content:
        found = identify(file, KINDS, siblings)
        if isinstance(found, Unrecognized):
            return _Content(unrecognized=found.reason)
        if isinstance(found, OtherTable):
            return _Content(set_aside=found.reason)
        historical = open_file(file, found)
        if historical.layout.city != self._city:
            return _Content(table=found, set_aside=f"is of {historical.layout.city.name}")
        return _Content(tuple(self._split(file, historical)), found)

    def _read_response(self, file: SourceFile) -> _Content:
        """Return a response of the feed, whose moment is in the name of its file.

        Raises:
            SourceError: there can be no readings of that moment.
        """
        if self._city != DONOSTIA:
            return _Content(set_aside=f"a response kept whole is of {DONOSTIA.name}")
        found = _MOMENT_IN_NAME.search(file.path.name)
        if found is None:
            example = "raw_20251009_215854.json"
            return _Content(unrecognized=f"its name has no timestamp of the request in it (UTC), as {example} has")
        moment = self._possible_moment("{}-{}-{} {}:{}:{}".format(*found.groups()), "UTC")
        if moment is None:
            raise SourceError(f"{file.path}: {found[0]} in its name is no moment {self._possible_span()}; correct the name")
        return _Content((Snapshot(moment, file.content(), file.name, JSON_TYPE),))

    def _split(self, file: SourceFile, historical: HistoricalFile) -> Iterator[Snapshot]:
        """Yield the lines of each moment below the header, in the order of the file.

        Raises:
            SourceError: not one line has a possible moment.
        """
        lines_of: dict[datetime, list[bytes]] = {}
        undated: list[bytes] = []
        moment: datetime | None = None
        for line, cells in historical.records():
            moment = self._moment_of(historical, cells) or moment
            lines = undated if moment is None else lines_of.setdefault(moment, [])
            lines.append(line)
        if undated and not lines_of:
            raise SourceError(
                f"{file.path}: not one of its {len(undated)} lines has a {historical.layout.time_column} that can be read and lies "
                f"{self._possible_span()}"
            )
        if undated:
            next(iter(lines_of.values()))[:0] = undated
        for moment, lines in lines_of.items():
            body = b"".join([_ended(historical.header), *map(_ended, lines)])
            yield Snapshot(moment, body, file.name, CSV_TYPE)

    def _moment_of(self, historical: HistoricalFile, cells: Sequence[str]) -> datetime | None:
        return self._possible_moment(historical.moment_of(cells), historical.layout.time_zone)

    def _possible_moment(self, text: str, time_zone: str) -> datetime | None:
        moment = read_time(text, time_zone)
        first, last = self._possible
        return moment if moment is not None and first <= moment <= last else None

    def _possible_span(self) -> str:
        first, last = self._possible
        return f"between {first:%Y-%m-%d} and {last:%Y-%m-%d}"


def _is_response(file: SourceFile) -> bool:
    return file.name.lower().endswith(_JSON_ENDINGS)


def _ended(line: bytes) -> bytes:
    """Return a line with the line end that the last one of a file may lack."""
    return line if line.endswith((b"\n", b"\r")) else line + b"\n"
