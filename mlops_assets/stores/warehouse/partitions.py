"""Rules about partitions and keys that hold in every warehouse, whatever its SQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from mlops_assets.errors import ContractError
from mlops_assets.partition import Partition

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.contracts import TableContract

PartitionValue = date | datetime | str
"""What stands in the partition column of a row."""

_SHORTEST_DAY = timedelta(hours=23)
"""A day on which clocks go forward."""


def partition_column(contract: TableContract) -> str:
    """Return the column that holds the partition.

    Raises:
        ContractError: the contract names none.
    """
    if contract.partition_column is None:
        raise ContractError(f"{contract.label} declares no partition column")
    return contract.partition_column


def partition_value(contract: TableContract, partition: Partition) -> PartitionValue:
    """Return what the partition column of a partition's rows holds, which the column's type decides.

    A `date` is the day on which the partition begins where its calendar is followed, a `timestamp` the time at which it begins,
    a `string` its key. A partition without a window says its beginning by its key: `2024-01`, `2024-01-31`.

    Raises:
        ContractError: the column is of another type, or would hold the same for other partitions, as a date does for hours.
    """
    name = partition_column(contract)
    type_ = contract.column(name).type
    if type_ == "string":
        return partition.key
    if type_ not in ("date", "timestamp"):
        raise ContractError(f"{contract.label}: partition column {name!r} is {type_}; use date, timestamp or string")
    start = partition.window[0] if partition.window else _start_in_key(contract, partition)
    if type_ == "timestamp":
        return start.astimezone(timezone.utc)
    if partition.window and partition.window[1] - start < _SHORTEST_DAY:
        raise ContractError(
            f"{contract.label}: {partition} shares its day with other partitions, which the dates in {name!r} cannot tell apart; "
            "make the column a timestamp or a string"
        )
    return start.date()


def partition_values(contract: TableContract, partitions: Iterable[Partition]) -> list[PartitionValue]:
    """Return what the partition column holds for each of some partitions."""
    return [partition_value(contract, partition) for partition in partitions]


def stored_partitions(contract: TableContract, values: Iterable[PartitionValue | None]) -> list[Partition]:
    """Return the partitions whose values a table holds, in order, under the name of the partition column."""
    name = partition_column(contract)
    return sorted((Partition(name, _as_key(value)) for value in values if value is not None), key=lambda found: found.key)


def require_single_partition(contract: TableContract, partition: Partition, rows: pa.Table) -> None:
    """Refuse rows of another partition than the one they are about to replace.

    Raises:
        ContractError: there are such rows; it says how many, and of which partition.
    """
    expected = partition_value(contract, partition)
    counts = {entry["values"]: entry["counts"] for entry in rows[partition_column(contract)].value_counts().to_pylist()}
    for found, count in counts.items():
        if found != expected:
            raise ContractError(
                f"{contract.label}: {count} rows of partition {found} were about to be written to partition {expected}"
            )


def require_key(contract: TableContract) -> None:
    """Refuse to upsert rows that nothing identifies.

    Raises:
        ContractError: the contract has no key.
    """
    if not contract.key:
        raise ContractError(f"{contract.label} has no key, so its rows cannot be upserted")


def _as_key(value: PartitionValue) -> str:
    """Return a key from which `partition_value` makes the same value again."""
    if isinstance(value, str):
        return value
    return (value.astimezone(timezone.utc) if isinstance(value, datetime) else value).isoformat()


def _start_in_key(contract: TableContract, partition: Partition) -> datetime:
    """Return the beginning of a partition that has no window but a key such as `2024-01`, `2024-01-31` or `2024-01-31T05:00+01:00`.

    A day or month begins at midnight UTC.
    """
    try:
        start = datetime.fromisoformat(f"{partition.key}-01" if len(partition.key) == len("2024-01") else partition.key)
    except ValueError as error:
        raise ContractError(
            f"{contract.label}: {partition} is no time, as the partition column {contract.partition_column!r} needs; make the "
            "column a string"
        ) from error
    return start if start.tzinfo else start.replace(tzinfo=timezone.utc)
