"""Rules about partitions and keys that hold in every warehouse, whatever its SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import ContractError

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

    from mlops_assets.contracts import TableContract


def partition_column(contract: TableContract) -> str:
    """Return the column that holds the partition.

    Raises:
        ContractError: the contract names none.
    """
    if contract.partition_column is None:
        raise ContractError(f"{contract.label} declares no partition column")
    return contract.partition_column


def require_single_partition(contract: TableContract, partition: date, rows: pa.Table) -> None:
    """Refuse rows of another partition than the one they are about to replace.

    Raises:
        ContractError: there are such rows; it says how many, and of which partition.
    """
    counts = {entry["values"]: entry["counts"] for entry in rows[partition_column(contract)].value_counts().to_pylist()}
    for found, count in counts.items():
        if found != partition:
            raise ContractError(
                f"{contract.label}: {count} rows of partition {found} were about to be written to partition {partition}"
            )


def require_key(contract: TableContract) -> None:
    """Refuse to upsert rows that nothing identifies.

    Raises:
        ContractError: the contract has no key.
    """
    if not contract.key:
        raise ContractError(f"{contract.label} has no key, so its rows cannot be upserted")


def other_type(contract: TableContract, column: str, found: str, wanted: str) -> ContractError:
    """Return the error for a column whose type in the warehouse is not that of the contract: it is never converted silently."""
    return ContractError(
        f"{contract.label}: column {column!r} is {found} in the warehouse but {wanted} in the contract; rename the column or "
        "migrate the table"
    )
