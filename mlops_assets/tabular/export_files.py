"""What became of every record of an export: kept, rejected, or still waiting for its partition to be materialized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_assets.contracts import Column, TableContract

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_FILES = 5
STATUSES = ("read", "set_aside", "unrecognized", "unreadable")

RecordCounts = Mapping[tuple[str, str], int]
"""Numbers of records by partition and `source_name`."""


@dataclass(frozen=True)
class ExportFile:
    """A file of an export, and where its records belong.

    Attributes:
        name: its path below the folder of the export.
        status: one of `STATUSES`.
        note: why it was set aside or cannot be read, or what else is worth knowing about it.
        counts: its records by partition and the `source_name` that they have in the tables; damaged ones included.
    """

    name: str
    status: str
    note: str | None = None
    counts: RecordCounts = field(default_factory=dict)


def export_files_contract(domain: str, *, partition: str) -> TableContract:
    """Return the contract of a domain's `export_files`; `partition` says what partitions are, for example a month."""
    return TableContract(
        domain=domain,
        name="export_files",
        description=(
            "One row per file of the export, and what became of its records. Of every file, records read = kept + rejected + "
            "waiting. Without rows if the source is no export."
        ),
        columns=(
            Column("file_name", "string", "Path of the file below the folder of the export."),
            Column(
                "status",
                "string",
                "Whether its records are read, and if not, whether it plainly is something else (set_aside), a person should look "
                "(unrecognized) or must act (unreadable).",
                allowed=STATUSES,
            ),
            Column("note", "string", "Why it is not read, or what else is worth knowing about it.", nullable=True),
            Column("first_partition", "string", f"First {partition} that it has records of.", nullable=True),
            Column("last_partition", "string", f"Last {partition} that it has records of.", nullable=True),
            Column("record_count", "int64", "Records in the file, damaged ones included.", minimum=0),
            Column("kept_count", "int64", "Records that became rows.", minimum=0),
            Column("rejected_count", "int64", "Records that are kept as rejects, older versions and repeats included.", minimum=0),
            Column("waiting_count", "int64", f"Records of a {partition} that has not been materialized.", minimum=0),
            Column(
                "missing_count",
                "int64",
                f"Records of a materialized {partition} that are in no table, because the file was changed since or they were "
                f"lost, and those of a {partition} that never is materialized; less than 0 if the tables have more than the file.",
            ),
        ),
        key=("file_name",),
    )


def account_for_files(
    files: Iterable[ExportFile],
    kept: RecordCounts,
    rejected: RecordCounts,
    materialized: Collection[str],
    awaited: Collection[str],
) -> pd.DataFrame:
    """Return what became of the records of every file: rows of `export_files_contract`, by file name.

    Args:
        files: of the export.
        kept: the rows of the domain's table.
        rejected: the rows of its rejects.
        materialized: the partitions that the two tables have.
        awaited: the partitions that they may get; there will never be any other.
    """
    import pandas as pd

    rows = []
    for file in files:
        counts: Counter[str] = Counter()
        for place, count in file.counts.items():
            if place[0] in awaited and place[0] not in materialized:
                counts["waiting_count"] += count
                continue
            counts["kept_count"] += kept.get(place, 0)
            counts["rejected_count"] += rejected.get(place, 0)
            counts["missing_count"] += count - kept.get(place, 0) - rejected.get(place, 0)
        partitions = [partition for partition, _ in file.counts]
        rows.append(
            {
                "file_name": file.name,
                "status": file.status,
                "note": file.note,
                "first_partition": min(partitions, default=None),
                "last_partition": max(partitions, default=None),
                "record_count": sum(file.counts.values()),
                **{name: counts[name] for name in ("kept_count", "rejected_count", "waiting_count", "missing_count")},
            }
        )
    columns = export_files_contract("", partition="").column_names
    return pd.DataFrame(rows, columns=columns).sort_values("file_name", ignore_index=True)


def but_not(names: Sequence[str]) -> str:
    """Return the words that say which files are not read, to be put behind those that say which are; nothing if all are."""
    shown, more = ", ".join(names[:_SHOWN_FILES]), len(names) - _SHOWN_FILES
    return f", but not {shown}{f' and {more} more' if more > 0 else ''}" if names else ""
