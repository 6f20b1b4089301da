"""What is known about portal CSV files: which months each holds, and files of many months split once into months.

A single download of the portal holds 300 months. Without the split, each monthly partition would read all of it again.
Everything here can be deleted at any time; it is made again from the files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_assets.chicago_crimes.portal_csv import PortalFile, is_other_table, read_titles, stream_records
from mlops_assets.chicago_crimes.portal_values import clean_text, read_times
from mlops_assets.chicago_crimes.source import PORTAL_FIELDS, DamagedRecord
from mlops_assets.errors import SourceError, TransientError
from mlops_assets.months import Month

_BUFFER_BYTES = 192 << 20
"""Text held in memory while a file is split; large, so that an unsorted file gives few and not tiny pieces per month."""

_FORMAT = 1
"""Raise it when the index or the pieces are laid out differently: older ones are then made again."""


class ExportCache:
    """Index and split files in one folder, shared by all processes that read the same export.

    Work is done under a lock, so that of several processes that need a split one makes it and the others wait. Results get their
    name only when complete; what a killed process leaves behind is never trusted, and removed by the next one that works here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index_path = folder / "index.json"
        self._splits = folder / "splits"

    def months_of(self, files: Sequence[PortalFile]) -> dict[PortalFile, tuple[Month, ...]]:
        """Return the months whose crimes each file holds, in order; none for a table of something else.

        Files that are new or changed since the last time are read through once.

        Raises:
            SourceError: a file is not CSV, or is one of crimes without a date column or a readable date.
        """
        index = self._load_index()
        if any(_known_months(index, file) is None for file in files):
            with self._lock():
                index = self._extend_index(files)
        return {file: _known_months(index, file) or () for file in files}

    def _extend_index(self, files: Sequence[PortalFile]) -> dict[str, dict]:
        index = {path: entry for path, entry in self._load_index().items() if _is_current(path, entry)}
        try:
            for file in files:
                if _known_months(index, file) is None:
                    months = [month.key for month in _scan_months(file)]
                    index[str(file.path)] = {"size": file.size, "mtime_ns": file.mtime_ns, "months": months}
        finally:
            # Also after a broken file: what was learnt about the others need not be read again.
            self._write_index(index)
            self._remove_leftovers(index)
        return index

    def _load_index(self) -> dict[str, dict]:
        try:
            index = json.loads(self._index_path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return index["files"] if index.get("format") == _FORMAT else {}

    def _write_index(self, index: dict[str, dict]) -> None:
        temporary = self._folder / ".index.json.tmp"
        temporary.write_text(json.dumps({"format": _FORMAT, "files": index}), "utf-8")
        temporary.replace(self._index_path)

    def _remove_leftovers(self, index: dict[str, dict]) -> None:
        """Remove half-made splits and those of files that are gone or changed."""
        wanted = {_split_name(path, entry["size"], entry["mtime_ns"]) for path, entry in index.items()}
        for folder in self._splits.glob("*"):
            if folder.name not in wanted:
                shutil.rmtree(folder)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        from filelock import FileLock

        self._splits.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock"):
            yield

    def read_split(self, file: PortalFile, month: Month, months: Sequence[Month]) -> tuple[pa.Table, list[DamagedRecord]]:
        """Return one month of a file that holds several, splitting the file if that has not been done.

        Rows without a readable date, and damaged records, are given with the first month: they must be rejected somewhere.
        """
        split = self._splits / _split_name(str(file.path), file.size, file.mtime_ns)
        if not split.exists():
            with self._lock():
                if not split.exists():
                    self._make_split(file, months[0], split)
        try:
            pieces = [pq.read_table(piece, partitioning=None) for piece in sorted(split.glob(f"{month}.*.parquet"))]
            damaged = json.loads((split / "damaged.json").read_text("utf-8")) if month == months[0] else []
        except FileNotFoundError as error:
            raise TransientError(f"{file.path}: was changed, and its split files removed, while {month} was being read") from error
        return pa.concat_tables(pieces), [DamagedRecord(*record) for record in damaged]

    def _make_split(self, file: PortalFile, first: Month, split: Path) -> None:
        temporary = split.with_name(f".{split.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        damaged: list[DamagedRecord] = []
        pieces = _MonthlyPieces(temporary)
        for batch in stream_records(file, read_titles(file, PORTAL_FIELDS), damaged):
            pieces.add(batch, _month_numbers(batch["date"], unreadable=_number(first)))
        pieces.write()
        records = [(record.source_name, record.text, record.reason) for record in damaged]
        (temporary / "damaged.json").write_text(json.dumps(records), "utf-8")
        file.require_unchanged()
        temporary.replace(split)


class _MonthlyPieces:
    """Collects rows by month and writes them as Parquet pieces whenever the buffer is full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches: dict[int, list[pa.RecordBatch]] = {}
        self._bytes = 0
        self._round = 0

    def add(self, batch: pa.RecordBatch, months: np.ndarray) -> None:
        """Add rows, each with the number of its month; the order of rows within a month is kept."""
        if len(months) and (months != months[0]).any():
            order = np.argsort(months, kind="stable")
            batch, months = batch.take(pa.array(order)), months[order]
        starts = np.flatnonzero(np.diff(months, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(months)], strict=True):
            self._batches.setdefault(int(months[start]), []).append(batch.slice(start, end - start))
        self._bytes += batch.nbytes
        if self._bytes > _BUFFER_BYTES:
            self.write()

    def write(self) -> None:
        """Write what is buffered, one piece per month."""
        for number, batches in self._batches.items():
            month = Month(number // 12, number % 12 + 1)
            table = pa.Table.from_batches(batches)
            pq.write_table(table, self._folder / f"{month}.{self._round:04d}.parquet", compression="lz4")
        self._batches.clear()
        self._bytes = 0
        self._round += 1


def _scan_months(file: PortalFile) -> list[Month]:
    if is_other_table(file, PORTAL_FIELDS):
        return []
    # A missing column is an error for whoever wants the file's crimes, not for those who want other files of the folder.
    titles = read_titles(file, ("date",))
    numbers: set[int] = set()
    example, rows = None, 0
    for batch in stream_records(file, {"date": titles["date"]}):
        numbers.update(np.unique(_month_numbers(batch["date"], unreadable=-1)).tolist())
        rows += len(batch)
        example = example or (batch["date"][0].as_py() if len(batch) else None)
    numbers.discard(-1)
    file.require_unchanged()
    if not numbers:
        found = f"none of its {rows} rows has a readable date in {titles['date']!r}, for example {example!r}" if rows else "no rows"
        raise SourceError(f"{file.path}: has a header but {found}")
    return [Month(number // 12, number % 12 + 1) for number in sorted(numbers)]


def _month_numbers(dates: pa.Array, unreadable: int) -> np.ndarray:
    """Return the month of each local date, counted from the year 0, and `unreadable` where there is none."""
    moments = read_times(clean_text(dates))
    months = moments.to_numpy(zero_copy_only=False).astype("datetime64[M]").astype(np.int64) + 1970 * 12
    return np.where(np.asarray(pc.is_null(moments)), unreadable, months)


def _number(month: Month) -> int:
    return month.year * 12 + month.month - 1


def _known_months(index: dict[str, dict], file: PortalFile) -> tuple[Month, ...] | None:
    entry = index.get(str(file.path))
    if entry is None or (entry["size"], entry["mtime_ns"]) != (file.size, file.mtime_ns):
        return None
    return tuple(Month.parse(key) for key in entry["months"])


def _is_current(path: str, entry: dict) -> bool:
    try:
        state = Path(path).stat()
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) == (entry["size"], entry["mtime_ns"])


def _split_name(path: str, size: int, mtime_ns: int) -> str:
    return hashlib.sha256(f"{_FORMAT}|{path}|{size}|{mtime_ns}".encode()).hexdigest()[:32]
