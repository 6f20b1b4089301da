"""What was learnt about portal CSV files, kept: what each holds, and files of many months split once into months.

A single download of the portal holds 300 months. Without the split, each monthly partition would read all of it again.
Everything here can be deleted at any time; it is made again from the files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_assets.chicago_crimes.sources.base import FIRST_MONTH
from mlops_assets.chicago_crimes.sources.export_index import IndexedFile, look_at
from mlops_assets.chicago_crimes.sources.export_months import MonthsOfRecords, month_of, number_of
from mlops_assets.errors import TransientError
from mlops_assets.months import Month
from mlops_assets.tabular.files import SourceFile
from mlops_assets.tabular.layout import DamagedRecord
from mlops_assets.tabular.records import stream_records

_BUFFER_BYTES = 192 << 20
"""Text held in memory while a file is split; large, so that an unsorted file gives few and not tiny pieces per month."""

_FORMAT = 3
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

    def index_of(self, files: Sequence[SourceFile], until: Month) -> list[IndexedFile]:
        """Return what each file holds. Files that are new or changed since the last time are read through once.

        Args:
            files: all files of the export.
            until: the last month that a crime can lie in.
        """
        known = self._known(files)
        if len(known) < len(files):
            with self._lock():
                known = self._extend_index(files, until)
        return [known[file] for file in files]

    def _known(self, files: Sequence[SourceFile]) -> dict[SourceFile, IndexedFile]:
        index = self._load_index()
        entries = ((file, index.get(str(file.path))) for file in files)
        found = [IndexedFile.from_json(file, entry) for file, entry in entries if entry is not None]
        known = {indexed.file: indexed for indexed in found if indexed is not None}
        headers = {indexed.table.layout.titles for indexed in known.values() if indexed.table and not indexed.table.continues}
        # What a file without a header holds is known for as long as one with its columns is there.
        return {
            file: indexed
            for file, indexed in known.items()
            if not (indexed.table and indexed.table.continues and indexed.table.layout.titles not in headers)
        }

    def _extend_index(self, files: Sequence[SourceFile], until: Month) -> dict[SourceFile, IndexedFile]:
        known = self._known(files)
        new = look_at([file for file in files if file not in known], list(known.values()), (FIRST_MONTH, until))
        known |= {indexed.file: indexed for indexed in new}
        kept = {path: entry for path, entry in self._load_index().items() if _is_current(path, entry)}
        # The others are looked at again each time: what they lack may be a sibling.
        kept |= {str(indexed.file.path): indexed.to_json() for indexed in known.values() if indexed.is_settled}
        self._write_index(kept)
        self._remove_leftovers(kept)
        return known

    def _load_index(self) -> dict[str, dict[str, Any]]:
        try:
            index = json.loads(self._index_path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return index["files"] if index.get("format") == _FORMAT else {}

    def _write_index(self, index: Mapping[str, dict[str, Any]]) -> None:
        temporary = self._folder / ".index.json.tmp"
        temporary.write_text(json.dumps({"format": _FORMAT, "files": index}), "utf-8")
        temporary.replace(self._index_path)

    def _remove_leftovers(self, index: Mapping[str, dict[str, Any]]) -> None:
        """Remove half-made splits and those of files that are gone or changed."""
        wanted = {_split_name(path, entry) for path, entry in index.items()}
        for folder in self._splits.glob("*"):
            if folder.name not in wanted:
                shutil.rmtree(folder)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        from filelock import FileLock

        self._splits.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock"):
            yield

    def read_split(self, indexed: IndexedFile, month: Month) -> tuple[pa.Table, list[DamagedRecord]]:
        """Return one month of a file that holds several, splitting the file if that has not been done.

        Returns:
            The records as text, a column per field, and the damaged ones.

        Raises:
            SourceError: a column is missing without which there are no records.
        """
        file, table = indexed.file, indexed.table
        assert table is not None
        table.require_columns(file.path)
        split = self._splits / _split_name(str(file.path), indexed.to_json())
        if not split.exists():
            with self._lock():
                if not split.exists():
                    _make_split(indexed, split)
        try:
            pieces = [pq.read_table(piece, partitioning=None) for piece in sorted(split.glob(f"{month}.*.parquet"))]
            damaged = json.loads((split / "damaged.json").read_text("utf-8")).get(month.key, [])
        except FileNotFoundError as error:
            raise TransientError(f"{file.path}: was changed, and its split files removed, while {month} was being read") from error
        schema = pa.schema([pa.field(name, pa.string()) for name in table.titles])
        return pa.concat_tables([schema.empty_table(), *pieces]), [DamagedRecord(*record) for record in damaged]


def _make_split(indexed: IndexedFile, split: Path) -> None:
    """Write the records of each month of a file into a folder of their own."""
    file, table = indexed.file, indexed.table
    assert table is not None
    assert indexed.first is not None
    assert indexed.until is not None
    temporary = split.with_name(f".{split.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    damaged: list[DamagedRecord] = []
    months = MonthsOfRecords(table, (FIRST_MONTH, indexed.until), number_of(indexed.first))
    pieces = _MonthlyPieces(temporary)
    for batch in stream_records(file, table.layout, table.titles, damaged):
        pieces.add(batch, months.of_records(batch["date"]))
    pieces.write()
    of_months: dict[str, list[tuple[str, str, str]]] = {}
    for record, number in zip(damaged, months.of_damaged(damaged), strict=True):
        of_months.setdefault(month_of(number).key, []).append((record.source_name, record.text, record.reason))
    (temporary / "damaged.json").write_text(json.dumps(of_months), "utf-8")
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
            table = pa.Table.from_batches(batches)
            pq.write_table(table, self._folder / f"{month_of(number)}.{self._round:04d}.parquet", compression="lz4")
        self._batches.clear()
        self._bytes = 0
        self._round += 1


def _is_current(path: str, entry: Mapping[str, Any]) -> bool:
    try:
        state = Path(path).stat()
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) == (entry["size"], entry["mtime_ns"])


def _split_name(path: str, entry: Mapping[str, Any]) -> str:
    """Return the name of a file's split: another one for each state of the file, and for each way to read it."""
    state = json.dumps([_FORMAT, path, entry], sort_keys=True)
    return hashlib.sha256(state.encode()).hexdigest()[:32]
