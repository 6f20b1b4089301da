"""Where a contract's table is found in a database server: one rule for every warehouse that has namespaces.

A namespace is what the server calls schema (PostgreSQL), database (MySQL) or dataset (BigQuery). Each domain has its own, so
that `SELECT ... FROM domain.name` works in every warehouse; where a URL names one namespace, all domains share that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_assets.contracts import TableContract


@dataclass(frozen=True)
class TableName:
    """The name of a table in two parts.

    Attributes:
        namespace: the schema, database or dataset that holds the table.
        table: the table's name within it.
    """

    namespace: str
    table: str

    def __str__(self) -> str:
        """Return the name as people write it in SQL."""
        return f"{self.namespace}.{self.table}"

    def quoted(self, quote: str) -> str:
        """Return the name for a statement, each part between quotes of the server's kind."""
        return f"{quoted(self.namespace, quote)}.{quoted(self.table, quote)}"


def table_name(contract: TableContract, fixed_namespace: str | None = None) -> TableName:
    """Return where the table of a contract is: `domain.name`, or `fixed_namespace.domain__name` if the URL names a namespace."""
    if fixed_namespace is None:
        return TableName(contract.domain, contract.name)
    return TableName(fixed_namespace, f"{contract.domain}__{contract.name}")


def quoted(name: str, quote: str) -> str:
    """Return a name between quotes, those inside it doubled."""
    return quote + name.replace(quote, quote * 2) + quote
