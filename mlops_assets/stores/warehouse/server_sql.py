"""The little SQL that PostgreSQL and MySQL write alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.stores.warehouse.partitions import partition_column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from mlops_assets.contracts import TableContract


def where_partition_in(contract: TableContract, days: Sequence[date] | None, quote: Callable[[str], str]) -> str:
    """Return the WHERE of the rows of some partitions, no rows if there are none, and nothing at all for the whole table.

    Days are written as literals: they hold nothing that could end one, and the planner sees them.
    """
    if days is None:
        return ""
    literals = ", ".join(f"DATE '{day.isoformat()}'" for day in days)
    return f" WHERE {quote(partition_column(contract))} IN ({literals})" if literals else " WHERE FALSE"
