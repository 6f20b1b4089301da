"""Crimes from CSV files that a person downloaded from the portal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.chicago_crimes.sources.base import CRIMES_DATASET, STATIONS_DATASET, ChangedMonths, RawRecords
from mlops_assets.chicago_crimes.sources.export_cache import ExportCache
from mlops_assets.chicago_crimes.sources.export_index import IndexedFile
from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.months import Month
from mlops_assets.tabular.export_files import ExportFile, but_not
from mlops_assets.tabular.files import SourceFile, list_files
from mlops_assets.tabular.identification import is_csv_by_name
from mlops_assets.tabular.layout import DamagedRecord
from mlops_assets.tabular.records import stream_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STATIONS_WORD = "station"
"""A file beside a single one of crimes is looked at if it has this word in its name: it may hold the police stations."""

_END_OF_TIME = Month(2199, 12)


class ExportCrimeSource:
    """Crimes and police stations from a folder of portal CSV files (`.csv`, `.csv.gz`, also in subfolders), or from a single file.

    Files may hold any months, one day or the whole history, and may overlap. A file without a header that continues another one's
    columns, as the parts of a split file do, is read, and so is CSV of any other name; see `identification`. A file of which nobody
    can tell what it holds, and a packed archive, is an error that names it. What a damaged line or a row without a possible date
    belongs to is told by `export_months`.
    """

    def __init__(self, path: Path, cache: Path, until: Month = _END_OF_TIME) -> None:
        """Read from `path`.

        Args:
            path: the folder or file.
            cache: a folder for the index of the files and for files split by month.
            until: the last month in which a crime can have happened by now; a later date is a typing error.
        """
        self._path = path.absolute()
        self._cache = ExportCache(cache.absolute())
        self._until = until

    def describe(self) -> str:
        """Say which files are read, and which are not: tables of something else, files that cannot be read."""
        others = [file.name for file in self.export_files() if file.status != "read"]
        return f"portal CSV files at {self._path}{but_not(others)}"

    def export_files(self) -> list[ExportFile]:
        """Return every file at the path but those of stations, and to which months its records belong."""
        return [_as_export_file(indexed) for indexed in self._crimes_files()]

    def read_month(self, month: Month) -> RawRecords:
        """Return the records of a month from all files that hold some; see `CrimeSource`."""
        files = self._readable()
        tables, damaged = [], []
        for indexed in files:
            if month in indexed.counts:
                table, broken = self._read(indexed, month)
                tables.append(table.append_column("source_name", pa.repeat(indexed.file.name, len(table))))
                damaged += broken
        if not tables:
            known = sorted({month for indexed in files for month in indexed.counts})
            span = f"{len(known)} months from {known[0]} to {known[-1]}" if known else "no crimes"
            raise NotEnoughDataError(
                f"crimes of {month}: no file at {self._path} has any; the {len(files)} files there hold {span}"
            )
        return RawRecords(pa.concat_tables(tables), tuple(damaged))

    def _read(self, indexed: IndexedFile, month: Month) -> tuple[pa.Table, list[DamagedRecord]]:
        if len(indexed.counts) > 1:
            return self._cache.read_split(indexed, month)
        return _read_whole(indexed)

    def replay_month(self, month: Month) -> RawRecords:
        """Return the records of a month from the files again; see `CrimeSource`."""
        return self.read_month(month)

    def read_stations(self) -> pa.Table:
        """Return the police stations from the one file that holds some; see `CrimeSource`."""
        files = [indexed for indexed in self._index() if indexed.holds_stations]
        if len(files) != 1:
            found = f"several: {', '.join(indexed.file.name for indexed in files)}" if files else "none"
            raise SourceError(
                f"police stations: expected one CSV file of them at {self._folder()}, found {found}. Download dataset "
                f"{STATIONS_DATASET} (Police Stations) as CSV from the portal and put it there, as police_stations.csv."
            )
        stations, damaged = _read_whole(files[0])
        if damaged:
            raise SourceError(f"{files[0].file.path}: the line {damaged[0].text!r} {damaged[0].reason}")
        return stations

    def available_months(self) -> list[Month]:
        """Return the months of which a file has crimes; see `CrimeSource`."""
        return sorted({month for indexed in self._readable() for month in indexed.counts})

    def changed_months(self, cursor: str | None) -> ChangedMonths:
        """Return the months whose files came, changed or went since the cursor; see `CrimeSource`.

        The cursor keeps a fingerprint per month of the name, size and time of its files, so it stays small for a folder of daily
        files, and needs nothing else to notice that a file is gone.
        """
        fingerprints = _fingerprints({indexed.file: indexed.counts for indexed in self._readable()})
        before = _read_cursor(cursor)
        changed = sorted(key for key in {*fingerprints, *before} if fingerprints.get(key) != before.get(key)) if before else []
        return ChangedMonths(tuple(Month.parse(key) for key in changed), json.dumps({"export": fingerprints}))

    def _readable(self) -> list[IndexedFile]:
        """Return what each file but those of stations holds.

        Raises:
            NotEnoughDataError: there is no CSV file.
            SourceError: of a file nobody can tell what it holds. A month read without it might lack crimes.
        """
        files = self._crimes_files()
        for indexed in files:
            if indexed.error is not None:
                raise SourceError(indexed.error)
        if not any(indexed.table or is_csv_by_name(indexed.file) for indexed in files):
            raise NotEnoughDataError(
                f"crimes: no .csv or .csv.gz file at {self._path}; download dataset {CRIMES_DATASET} (Crimes) as CSV from "
                "the portal and put it there"
            )
        return files

    def _crimes_files(self) -> list[IndexedFile]:
        return [indexed for indexed in self._index() if not indexed.holds_stations]

    def _index(self) -> list[IndexedFile]:
        """Return what each file holds: of the folder, or the single file and the stations beside it."""
        files = list_files(self._path, "crimes")
        if self._path.is_dir():
            return self._cache.index_of(files, self._until)
        beside = [
            SourceFile.at(path, path.name)
            for path in sorted(self._folder().iterdir())
            if _STATIONS_WORD in path.name.lower() and path != self._path and path.is_file()
        ]
        single, *others = self._cache.index_of([*files, *beside], self._until)
        return [single, *(indexed for indexed in others if indexed.holds_stations)]

    def _folder(self) -> Path:
        return self._path if self._path.is_dir() else self._path.parent


def _read_whole(indexed: IndexedFile) -> tuple[pa.Table, list[DamagedRecord]]:
    """Return all records of a file as text, a column per field, and the damaged ones.

    Raises:
        SourceError: a column is missing without which there are no records.
    """
    file, table = indexed.file, indexed.table
    assert table is not None
    table.require_columns(file.path)
    damaged: list[DamagedRecord] = []
    schema = pa.schema([pa.field(name, pa.string()) for name in table.titles])
    records = pa.Table.from_batches(stream_records(file, table.layout, table.titles, damaged), schema)
    file.require_unchanged()
    return records, damaged


def _as_export_file(indexed: IndexedFile) -> ExportFile:
    name = indexed.file.name
    if indexed.unrecognized is not None:
        return ExportFile(name, "unrecognized", indexed.unrecognized)
    if indexed.table is None:
        return ExportFile(name, "unreadable" if indexed.error else "set_aside", indexed.error or indexed.set_aside)
    try:
        indexed.table.require_columns(indexed.file.path)
    except SourceError as error:
        return ExportFile(name, "unreadable", str(error))
    return ExportFile(name, "read", indexed.table.note, {(month.key, name): count for month, count in indexed.counts.items()})


def _fingerprints(months_of: Mapping[SourceFile, Iterable[Month]]) -> dict[str, str]:
    states: dict[str, list[str]] = {}
    for file, months in months_of.items():
        for month in months:
            states.setdefault(month.key, []).append(f"{file.name}|{file.size}|{file.mtime_ns}")
    return {key: _digest(states[key]) for key in sorted(states)}


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _read_cursor(cursor: str | None) -> dict[str, str]:
    """Return the fingerprints in a cursor, or none if it was made by something else."""
    try:
        content = json.loads(cursor or "")
    except ValueError:
        return {}
    fingerprints = content.get("export") if isinstance(content, dict) else None
    return fingerprints if isinstance(fingerprints, dict) else {}
