"""What is known about each file of an export: whether it holds crimes, how it is written, and how many records of which months."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc

from mlops_assets.chicago_crimes.sources.export_months import UNDATED, MonthsOfRecords, month_of
from mlops_assets.chicago_crimes.sources.portal_tables import CRIMES_TABLE, STATIONS_TABLE
from mlops_assets.errors import SourceError
from mlops_assets.months import Month
from mlops_assets.tabular.files import SourceFile
from mlops_assets.tabular.identification import Unrecognized, identify, lacks_header
from mlops_assets.tabular.kinds import OtherTable, Table
from mlops_assets.tabular.layout import CsvLayout, DamagedRecord
from mlops_assets.tabular.records import stream_records

_KINDS_OF_RECORDS = (CRIMES_TABLE, STATIONS_TABLE)
_KINDS = {kind.name: kind for kind in _KINDS_OF_RECORDS}


@dataclass(frozen=True)
class IndexedFile:
    """A file of an export and what it was found to hold.

    Attributes:
        file: the file, in the state in which it was looked at.
        table: its crimes, or police stations; None if it holds something else, or cannot be read.
        counts: how many crimes, damaged records included, it has of each month, in order.
        first: the month of its first dated record.
        until: the last month that a crime could lie in when the file was looked at.
        set_aside: why it is plainly neither of crimes nor of stations.
        unrecognized: why it is not read although it may hold some.
        error: why nobody can tell what it holds.
    """

    file: SourceFile
    table: Table | None = None
    counts: Mapping[Month, int] = field(default_factory=dict)
    first: Month | None = None
    until: Month | None = None
    set_aside: str | None = None
    unrecognized: str | None = None
    error: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether what it holds does not depend on files that may come yet."""
        return self.error is None and self.unrecognized is None

    @property
    def holds_stations(self) -> bool:
        """Whether it is a file of police stations."""
        return self.table is not None and self.table.kind is STATIONS_TABLE

    def to_json(self) -> dict[str, Any]:
        """Return what is worth remembering."""
        return {
            "size": self.file.size,
            "mtime_ns": self.file.mtime_ns,
            "set_aside": self.set_aside,
            "table": self.table
            and {
                "kind": self.table.kind.name,
                "layout": asdict(self.table.layout),
                "titles": self.table.titles,
                "continues": self.table.continues,
            },
            "counts": {month.key: count for month, count in self.counts.items()},
            "first": self.first and self.first.key,
            "until": self.until and self.until.key,
        }

    @classmethod
    def from_json(cls, file: SourceFile, entry: Mapping[str, Any]) -> IndexedFile | None:
        """Return what was remembered of a file; None if it was in another state then."""
        if (entry["size"], entry["mtime_ns"]) != (file.size, file.mtime_ns):
            return None
        table = entry["table"]
        if table is not None:
            layout = CsvLayout(**{**table["layout"], "titles": tuple(table["layout"]["titles"])})
            table = Table(_KINDS[table["kind"]], layout, table["titles"], table["continues"])
        return cls(
            file,
            table,
            {Month.parse(key): count for key, count in entry["counts"].items()},
            entry["first"] and Month.parse(entry["first"]),
            entry["until"] and Month.parse(entry["until"]),
            entry["set_aside"],
        )


def look_at(files: Iterable[SourceFile], known: Iterable[IndexedFile], possible: tuple[Month, Month]) -> list[IndexedFile]:
    """Return what some files hold, reading each through once.

    Args:
        files: to be looked at.
        known: what the other files of the export hold.
        possible: the first and the last month that a crime can lie in.
    """
    siblings = [(other.file.name, other.table) for other in known if other.table is not None]
    found = []
    # Files without a header come last: each may continue any of the others.
    for file in sorted(files, key=lambda file: lacks_header(file, _KINDS_OF_RECORDS)):
        found.append(_look_at(file, siblings, possible))
        if found[-1].table is not None:
            siblings.append((file.name, found[-1].table))
    return found


def _look_at(file: SourceFile, siblings: Sequence[tuple[str, Table]], possible: tuple[Month, Month]) -> IndexedFile:
    try:
        found = identify(file, _KINDS_OF_RECORDS, siblings)
        if isinstance(found, Unrecognized):
            return IndexedFile(file, unrecognized=found.reason)
        if isinstance(found, OtherTable):
            return IndexedFile(file, set_aside=found.reason)
        return IndexedFile(file, found) if found.kind is STATIONS_TABLE else _count_months(file, found, possible)
    except SourceError as error:
        return IndexedFile(file, error=str(error))


def _count_months(file: SourceFile, table: Table, possible: tuple[Month, Month]) -> IndexedFile:
    """Return how many records a file has of each month.

    Raises:
        SourceError: not one record can be given a month.
    """
    title = table.titles["date"]
    if title is None:
        table.require_columns(file.path)
    months, counts = MonthsOfRecords(table, possible), Counter[int]()
    damaged: list[DamagedRecord] = []
    example = None
    for batch in stream_records(file, table.layout, {"date": title}, damaged):
        numbers, sizes = np.unique(months.of_records(batch["date"]), return_counts=True)
        counts.update(dict(zip(numbers.tolist(), sizes.tolist(), strict=True)))
        example = example or pc.first(batch["date"]).as_py()
    counts.update(months.of_damaged(damaged))
    file.require_unchanged()
    total, undated = sum(counts.values()), counts.pop(UNDATED, 0)
    if not counts:
        dates = f"a readable date from {possible[0]} to {possible[1]} in {title!r}, for example {example!r}"
        raise SourceError(f"{file.path}: has a header but {f'none of its {total} rows has {dates}' if total else 'no rows'}")
    first = min(counts) if months.first == UNDATED else months.first
    counts[first] += undated
    by_month = {month_of(number): counts[number] for number in sorted(counts)}
    return IndexedFile(file, table, by_month, month_of(first), possible[1])
