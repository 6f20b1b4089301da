"""Readings that somebody recorded: CSV files of the known layouts, and responses of the feed kept whole."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from mlops_assets.donostia_parking.cities import DONOSTIA, City
from mlops_assets.donostia_parking.export_layouts import LAYOUTS, RecordedFile, open_recording
from mlops_assets.donostia_parking.feed_values import read_time
from mlops_assets.donostia_parking.source import CSV_TYPE, JSON_TYPE, Snapshot
from mlops_assets.errors import NotEnoughDataError, SourceError

_ENDINGS = (".csv", ".csv.gz", ".json", ".geojson", ".json.gz")
_MOMENT_IN_NAME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})[T_ -]?(\d{2})[:-]?(\d{2})[:-]?(\d{2})(?!\d)")


class ExportParkingSource:
    """Recordings of one city in a folder (subfolders included), or a single file.

    CSV files may hold any period and may overlap: what they say twice is one snapshot. A response of the feed kept whole counts
    if its file name has the moment of the request in it, in UTC, as `raw_20251009_215854.json` has. Records whose moment cannot be
    read stay with the record before them, so that they are rejected there and not lost.
    """

    def __init__(self, path: Path, city: City) -> None:
        """Read what of `path` belongs to `city`."""
        self._path = path.absolute()
        self._city = city

    def describe(self) -> str:
        """Say which files are read, and which are passed over because they are something else or another city's."""
        others = [self._name(path) for path in self._list_files() if not self._read(path)]
        return f"recordings of {self._city.name} at {self._path}" + (f", but not {', '.join(others)}" if others else "")

    def fetch_snapshot(self, at: datetime) -> Snapshot:
        """Refuse: a recording has no present."""
        raise NotEnoughDataError(
            f"snapshot of {at.isoformat()}: {self._path} is a recording, which has no present; land what it holds"
        )

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        """Yield the recorded snapshots of a window in order of time; see `ParkingSource`."""
        return iter([snapshot for snapshot in self._snapshots() if since <= snapshot.requested_at < until])

    def recorded_span(self) -> tuple[datetime, datetime] | None:
        """Return the moments of the first and the last recorded snapshot."""
        moments = [snapshot.requested_at for snapshot in self._snapshots()]
        return min(moments), max(moments)

    def _snapshots(self) -> list[Snapshot]:
        """Return all snapshots by time and content, each once however many files have it."""
        found = {
            (snapshot.requested_at, snapshot.body): snapshot
            for path in reversed(self._list_files())
            for snapshot in self._read(path)
        }
        if not found:
            known = "; ".join(", ".join(sorted(layout.columns)) for layout in LAYOUTS if layout.city == self._city)
            raise NotEnoughDataError(
                f"recordings of {self._city.name}: no file at {self._path} is one. CSV files need these columns: {known}"
            )
        return [found[key] for key in sorted(found)]

    def _read(self, path: Path) -> list[Snapshot]:
        """Return the snapshots of a file, none if it is something else or another city's."""
        body = _read_bytes(path)
        if ".json" in path.suffixes or path.suffix == ".geojson":
            moment = _moment_in_name(path.name)
            is_ours = self._city == DONOSTIA and moment is not None
            return [Snapshot(moment, body, self._name(path), JSON_TYPE)] if is_ours and moment else []
        recording = open_recording(body)
        if recording is None or recording.layout.city != self._city:
            return []
        return [Snapshot(moment, body, self._name(path), CSV_TYPE) for moment, body in _split(path, recording)]

    def _list_files(self) -> list[Path]:
        if self._path.is_file():
            return [self._path]
        if not self._path.is_dir():
            raise SourceError(f"recordings: there is no file or folder {self._path}; set the export path to where they are")
        return sorted(path for path in self._path.rglob("*") if _is_recording(path))

    def _name(self, path: Path) -> str:
        return path.name if path == self._path else path.relative_to(self._path).as_posix()


def _is_recording(path: Path) -> bool:
    return path.name.lower().endswith(_ENDINGS) and not path.name.startswith(".") and path.is_file()


def _read_bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"recordings: {path} cannot be read: {error}; is it complete?") from error


def _moment_in_name(name: str) -> datetime | None:
    found = _MOMENT_IN_NAME.search(name)
    return None if found is None else read_time("{}-{}-{} {}:{}:{}".format(*found.groups()), "UTC")


def _split(path: Path, recording: RecordedFile) -> list[tuple[datetime, bytes]]:
    """Return the lines of each moment below the header, in the order of the file."""
    lines_of: dict[datetime, list[bytes]] = {}
    homeless: list[bytes] = []
    moment: datetime | None = None
    for line, cells in recording.records():
        moment = read_time(recording.moment_of(cells), recording.layout.time_zone) or moment
        lines = homeless if moment is None else lines_of.setdefault(moment, [])
        lines.append(line)
    if homeless and not lines_of:
        raise SourceError(
            f"recordings: not one of the {len(homeless)} lines of {path} has a {recording.layout.time_column} that can be read"
        )
    if homeless:
        next(iter(lines_of.values()))[:0] = homeless
    return [(moment, b"".join([_ended(recording.header), *map(_ended, lines)])) for moment, lines in lines_of.items()]


def _ended(line: bytes) -> bytes:
    """Return a line with the line end that the last one of a file may lack."""
    return line if line.endswith((b"\n", b"\r")) else line + b"\n"
