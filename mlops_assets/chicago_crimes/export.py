"""Crimes from CSV files that a person downloaded from the portal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.chicago_crimes.export_cache import ExportCache
from mlops_assets.chicago_crimes.portal_csv import PortalFile, read_titles, stream_records
from mlops_assets.chicago_crimes.source import (
    CRIMES_DATASET,
    PORTAL_FIELDS,
    STATION_FIELDS,
    STATIONS_DATASET,
    ChangedMonths,
    DamagedRecord,
    RawRecords,
)
from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.months import Month

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATIONS_WORD = "station"
"""Files with this word in their name hold police stations, all others crimes."""


class ExportCrimeSource:
    """Crimes and police stations from a folder of portal CSV files (`.csv`, `.csv.gz`, also in subfolders), or from a single file.

    Files may hold any months, one day or the whole history, and may overlap. Rows whose date cannot be read, and lines that cannot
    be split into fields, are given with the earliest month of their file, so that they are rejected there and not lost.
    """

    def __init__(self, path: Path, cache: Path) -> None:
        """Read from `path`; keep the index of months and split files in the folder `cache`."""
        self._path = path.absolute()
        self._cache = ExportCache(cache.absolute())

    def describe(self) -> str:
        """Say which files are read, and which are passed over because they are tables of something else."""
        others = [file.name for file, months in self._months_of_files().items() if not months]
        return f"portal CSV files at {self._path}" + (f", but not {', '.join(others)}" if others else "")

    def months(self) -> list[Month]:
        """Return the months of which some file has crimes, in order."""
        return sorted({month for months in self._months_of_files().values() for month in months})

    def read_month(self, month: Month) -> RawRecords:
        """Return the records of a month from all files that hold some; see `CrimeSource`."""
        months_of = self._months_of_files()
        tables, damaged = [], []
        for file, months in months_of.items():
            if month in months:
                table, broken = self._read(file, month, months)
                tables.append(table.append_column("source_name", pa.repeat(file.name, len(table))))
                damaged += broken
        if not tables:
            known = sorted({month for months in months_of.values() for month in months})
            span = f"{len(known)} months from {known[0]} to {known[-1]}" if known else "no crimes"
            raise NotEnoughDataError(
                f"crimes of {month}: no file at {self._path} has any; the {len(months_of)} files there hold {span}"
            )
        return RawRecords(pa.concat_tables(tables), tuple(damaged))

    def _read(self, file: PortalFile, month: Month, months: tuple[Month, ...]) -> tuple[pa.Table, list[DamagedRecord]]:
        if len(months) > 1:
            return self._cache.read_split(file, month, months)
        damaged: list[DamagedRecord] = []
        table = _read_text(file, PORTAL_FIELDS, damaged)
        file.require_unchanged()
        return table, damaged

    def read_stations(self) -> pa.Table:
        """Return the police stations from the file with "station" in its name; see `CrimeSource`."""
        files = [file for file in self._list_files() if _STATIONS_WORD in file.path.name.lower()]
        if len(files) != 1:
            found = f"several: {', '.join(file.name for file in files)}" if files else "none"
            raise SourceError(
                f"police stations: expected one CSV file with {_STATIONS_WORD!r} in its name at {self._folder()}, found {found}. "
                f"Download dataset {STATIONS_DATASET} (Police Stations) as CSV from the portal and put it there."
            )
        damaged: list[DamagedRecord] = []
        stations = _read_text(files[0], STATION_FIELDS, damaged)
        if damaged:
            raise SourceError(f"{files[0].path}: the line {damaged[0].text!r} {damaged[0].reason}")
        return stations

    def available_months(self) -> list[Month]:
        """Return the months of which a file has crimes; see `CrimeSource`."""
        return sorted({month for months in self._months_of_files().values() for month in months})

    def changed_months(self, cursor: str | None) -> ChangedMonths:
        """Return the months whose files came, changed or went since the cursor; see `CrimeSource`.

        The cursor keeps a fingerprint per month of the name, size and time of its files, so it stays small for a folder of daily
        files, and needs nothing else to notice that a file is gone.
        """
        fingerprints = _fingerprints(self._months_of_files())
        before = _read_cursor(cursor)
        changed = sorted(key for key in {*fingerprints, *before} if fingerprints.get(key) != before.get(key)) if before else []
        return ChangedMonths(tuple(Month.parse(key) for key in changed), json.dumps({"export": fingerprints}))

    def _months_of_files(self) -> dict[PortalFile, tuple[Month, ...]]:
        files = [file for file in self._list_files() if _STATIONS_WORD not in file.path.name.lower() or file.path == self._path]
        if not files:
            raise NotEnoughDataError(
                f"crimes: no .csv or .csv.gz file at {self._path}; download dataset {CRIMES_DATASET} (Crimes) as CSV from "
                "the portal and put it there"
            )
        return self._cache.months_of(files)

    def _list_files(self) -> list[PortalFile]:
        """Return all CSV files by name; a single file stands for itself and the stations file beside it."""
        if self._path.is_dir():
            paths = [path for path in self._path.rglob("*") if _is_csv(path)]
        elif self._path.is_file():
            beside = [path for path in self._path.parent.iterdir() if _is_csv(path) and _STATIONS_WORD in path.name.lower()]
            paths = [self._path, *(path for path in beside if path != self._path)]
        else:
            raise SourceError(f"crimes: there is no file or folder {self._path}; set the export path to where the portal's CSV is")
        return [PortalFile.at(path, path.relative_to(self._folder()).as_posix()) for path in sorted(paths)]

    def _folder(self) -> Path:
        return self._path if self._path.is_dir() else self._path.parent


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz")) and not path.name.startswith(".") and path.is_file()


def _read_text(file: PortalFile, fields: tuple[str, ...], damaged: list[DamagedRecord]) -> pa.Table:
    schema = pa.schema([pa.field(name, pa.string()) for name in fields])
    return pa.Table.from_batches(stream_records(file, read_titles(file, fields), damaged), schema)


def _fingerprints(months_of: dict[PortalFile, tuple[Month, ...]]) -> dict[str, str]:
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
