"""Tables of PostgreSQL, made and evolved from contracts, and the locks on which writers wait for each other."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ContractError
from mlops_assets.stores.warehouse.evolution import evolution, stored_names
from mlops_assets.stores.warehouse.names import quoted, table_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adbc_driver_manager.dbapi import Cursor

    from mlops_assets.contracts import Column, ColumnType, TableContract
    from mlops_assets.stores.warehouse.partitions import PartitionValue

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "text",
    "int8": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "float32": "real",
    "float64": "double precision",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp with time zone",
    # Not jsonb, which has another notation for large and small numbers.
    "json": "json",
}
_LONGEST_NAME_BYTES = 63


def require_short_names(contract: TableContract) -> None:
    """Refuse names that PostgreSQL would cut, and then not find again.

    Raises:
        ContractError: a name is too long.
    """
    for name in (contract.domain, contract.name, *contract.column_names):
        if len(name.encode()) > _LONGEST_NAME_BYTES:
            raise ContractError(f"{contract.label}: PostgreSQL keeps {_LONGEST_NAME_BYTES} bytes of a name; {name!r} is longer")


def columns_present(cursor: Cursor, contract: TableContract) -> dict[str, str]:
    """Return name and type of the columns of a table, none if there is no table."""
    # Not information_schema, which hides tables that the user may not read: they would seem to be empty.
    statement = (
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
        "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = $1 AND relname = $2 AND attnum > 0 AND NOT attisdropped"
    )
    name = table_name(contract)
    return dict(fetch_rows(cursor, statement, (name.namespace, name.table)))


def columns_to_read(cursor: Cursor, contract: TableContract) -> dict[Column, str]:
    """Return the columns that a table has, each with its name there until the transaction ends; none if there is no table."""
    stored = stored_names(columns_present(cursor, contract), contract)
    if all(column.name == name for column, name in stored.items()):
        return stored
    # A writer could rename the column between this look and the reading.
    cursor.execute(f"LOCK TABLE {quoted_table(contract)} IN ACCESS SHARE MODE")
    return stored_names(columns_present(cursor, contract), contract)


def must_evolve(cursor: Cursor, contract: TableContract) -> bool:
    """Tell whether a contract's table is missing, or must rename or add columns.

    Raises:
        ContractError: the table has a column of another type, or under both its names.
    """
    return evolution(columns_present(cursor, contract), contract, _SQL_TYPES).is_needed


def make_or_evolve(cursor: Cursor, contract: TableContract) -> None:
    """Make a contract's table, or rename and add columns, if nobody else has done it meanwhile."""
    lock_writers(cursor, contract)
    present = columns_present(cursor, contract)
    if not present:
        _make(cursor, contract)
        return
    needed = evolution(present, contract, _SQL_TYPES)
    for former, name in needed.renamed.items():
        cursor.execute(f"ALTER TABLE {quoted_table(contract)} RENAME COLUMN {quoted_name(former)} TO {quoted_name(name)}")
    for column in needed.added:
        cursor.execute(f"ALTER TABLE {quoted_table(contract)} ADD COLUMN {_declared(column)}")


def _make(cursor: Cursor, contract: TableContract) -> None:
    namespace = table_name(contract).namespace
    # CREATE SCHEMA IF NOT EXISTS asks for the permission even if the schema exists, and fails if two run at once.
    if not fetch_rows(cursor, "SELECT 1 FROM pg_namespace WHERE nspname = $1", (namespace,)):
        _lock(cursor, namespace)
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted_name(namespace)}")
    columns = ", ".join(map(_declared, contract.columns))
    cursor.execute(f"CREATE TABLE {quoted_table(contract)} ({columns})")
    if contract.partition_column:
        cursor.execute(f"CREATE INDEX ON {quoted_table(contract)} ({quoted_name(contract.partition_column)})")
    elif contract.key:
        cursor.execute(f"CREATE UNIQUE INDEX ON {quoted_table(contract)} ({', '.join(map(quoted_name, contract.key))})")


def lock_writers(cursor: Cursor, contract: TableContract, partition: PartitionValue | None = None) -> None:
    """Wait for other writers of a partition, or of any part of the table, and keep them waiting until the transaction ends."""
    table = str(table_name(contract))
    if partition is None:
        _lock(cursor, table)
    else:
        _lock(cursor, table, shared=True)
        _lock(cursor, f"{table} {partition}")


def _lock(cursor: Cursor, key: str, *, shared: bool = False) -> None:
    number = int.from_bytes(hashlib.blake2b(f"mlops-assets {key}".encode(), digest_size=8).digest(), "big", signed=True)
    fetch_rows(cursor, f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}({number})")


def fetch_rows(cursor: Cursor, statement: str, parameters: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
    """Run a query and return its rows. Without fetching them, the driver would not run it: not even one that locks."""
    cursor.execute(statement, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _declared(column: Column) -> str:
    return f"{quoted_name(column.name)} {_SQL_TYPES[column.type]}"


def quoted_table(contract: TableContract) -> str:
    """Return a table's name for a statement."""
    return table_name(contract).quoted('"')


def quoted_name(name: str) -> str:
    """Return the name of a column or schema for a statement."""
    return quoted(name, '"')
