"""What a CSV file holds, told by its columns: records of a known kind, a table of something else, or the next part of a sibling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mlops_assets.errors import SourceError
from mlops_assets.tabular.layout import CsvLayout

_SHOWN_TITLES = 6


@dataclass(frozen=True)
class TableKind:
    """A kind of records, and how their columns are called.

    Attributes:
        name: for people.
        fields: the titles of the columns by `field_name`, those of `required` among them.
        required: fields without which there are no records; any other column may be missing.
        is_record: whether the cells of a row, by field, look like such a record; for files without a header.
    """

    name: str
    fields: tuple[str, ...]
    required: frozenset[str]
    is_record: Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class Table:
    """A CSV file whose records are of a known kind.

    Attributes:
        kind: what they are.
        layout: how the file is written.
        titles: the file's title of each field; None for a column that is missing.
        continues: the name of the file whose columns it has, if it has no header of its own.
    """

    kind: TableKind
    layout: CsvLayout
    titles: Mapping[str, str | None]
    continues: str | None = None

    @property
    def missing(self) -> list[str]:
        """The fields that the file has no column for."""
        return [name for name, title in self.titles.items() if title is None]

    @property
    def note(self) -> str | None:
        """What is worth knowing about the file, for people."""
        parts = [f"has no header; read as a continuation of {self.continues}"] if self.continues else []
        parts += [f"columns missing, and therefore empty: {', '.join(self.missing)}"] if self.missing else []
        return "; ".join(parts) or None

    def require_columns(self, where: object) -> None:
        """Raise a `SourceError` that names the missing columns if there are no records without them."""
        if self.kind.required.intersection(self.missing):
            hint = "" if len(self.layout.titles) > 1 else " (is it separated by something else than commas?)"
            raise SourceError(
                f"{where}: columns missing: {', '.join(self.missing)}. It has: {', '.join(self.layout.titles)}{hint}. "
                "Download it again with all columns, or move it out if it is not a file of this kind."
            )


@dataclass(frozen=True)
class OtherTable:
    """A CSV file that plainly holds something else.

    Attributes:
        reason: how one can tell, for people.
    """

    reason: str


def field_name(title: str) -> str:
    """Return a title as a field: `Case Number`, `CASE NUMBER` and `case_number` are one."""
    return re.sub(r"[^\w.]+", "_", title.strip().lower())


def recognize(where: object, layout: CsvLayout, kinds: Sequence[TableKind]) -> Table | OtherTable:
    """Return what a file with a header holds.

    A file counts as of a kind if it has half of the kind's columns, or if most of its own are the kind's; whether one is missing
    that must not be is for `Table.require_columns` to say. A file with less in common is another table.

    Raises:
        SourceError: two columns have the same title; or the file has a single column, which says too little.
    """
    names = [field_name(title) for title in layout.titles]
    kind = max(kinds, key=lambda kind: (len(set(names).intersection(kind.fields)), kind.required <= set(names)))
    shared = set(names).intersection(kind.fields)
    if len(names) > 1 and 2 * len(shared) < len(kind.fields) and 2 * len(shared) <= len(names):
        shown = ", ".join(title or "(no title)" for title in layout.titles[:_SHOWN_TITLES])
        more = f" and {len(names) - _SHOWN_TITLES} more" if len(names) > _SHOWN_TITLES else ""
        return OtherTable(f"is another table: its columns are {shown}{more}")
    repeated = [title for title, name in zip(layout.titles, names, strict=True) if name in shared and names.count(name) > 1]
    if repeated:
        raise SourceError(f"{where}: two columns are named {repeated[-1]!r}")
    titles = dict(zip(names, layout.titles, strict=True))
    return Table(kind, layout, {name: titles.get(name) for name in kind.fields})


def continue_sibling(
    where: object, layout: CsvLayout, rows: Sequence[Sequence[str]], siblings: Iterable[tuple[str, Table]]
) -> Table:
    """Return what a file without a header holds: records in the columns of a sibling, as the parts of a split file have.

    Args:
        where: what the file is called in messages.
        layout: how it is written.
        rows: its first rows.
        siblings: the other files' names and what they hold.

    Raises:
        SourceError: the rows fit no sibling's columns, or those of several that are not the same.
    """
    fitting: dict[tuple[str, ...], tuple[str, Table]] = {}
    for name, table in siblings:
        if table.layout.has_header and _fits(table, rows):
            fitting.setdefault(table.layout.titles, (name, table))
    if len(fitting) != 1:
        which = (
            f"fit those of {' and of '.join(name for name, _ in fitting.values())}" if fitting else "fit no other file's columns"
        )
        raise SourceError(
            f"{where}: has no header, and its rows {which}. If it is a part of a split file, put that file's first line "
            "on top of it; otherwise move it out."
        )
    name, table = next(iter(fitting.values()))
    return Table(table.kind, replace(layout, titles=table.layout.titles), table.titles, continues=name)


def _fits(table: Table, rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether most rows are records in the columns of a table; the first and the last may have been cut through."""
    names = [field_name(title) for title in table.layout.titles]
    whole = [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)]
    return 2 * sum(table.kind.is_record(row) for row in whole) >= max(len(rows) - 2, 1)
