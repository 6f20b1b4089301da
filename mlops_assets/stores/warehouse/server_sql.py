"""The little SQL that PostgreSQL and MySQL write alike."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.stores.warehouse.partitions import PartitionValue, partition_column, partition_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops_assets.contracts import TableContract
    from mlops_assets.partition import Partition


def where_partition_in(
    contract: TableContract, partitions: Sequence[Partition] | None, quote: Callable[[str], str], string_prefix: str = ""
) -> str:
    """Return the WHERE of the rows of some partitions, no rows if there are none, and nothing at all for the whole table.

    Partitions are written as literals, because the planner sees those.

    Args:
        contract: of the table.
        partitions: which ones.
        quote: puts the name of a column between quotes.
        string_prefix: what begins a string in which a backslash escapes.
    """
    if partitions is None:
        return ""
    literals = ", ".join(_literal(value, string_prefix) for value in partition_values(contract, partitions))
    return f" WHERE {quote(partition_column(contract))} IN ({literals})" if literals else " WHERE FALSE"


def _literal(value: PartitionValue, string_prefix: str) -> str:
    """Return a value as both servers read it in a session in UTC."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "''")
        return f"{string_prefix}'{escaped}'"
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}'"
    return f"DATE '{value.isoformat()}'"
