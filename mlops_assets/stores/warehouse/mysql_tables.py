"""Tables of MySQL and MariaDB, made and evolved from contracts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_assets.stores.warehouse.evolution import evolution, stored_names
from mlops_assets.stores.warehouse.mysql_connection import rows_of, run
from mlops_assets.stores.warehouse.names import TableName, quoted

if TYPE_CHECKING:
    from pymysql import Connection

    from mlops_assets.contracts import Column, ColumnType, TableContract

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "longtext",
    "int8": "tinyint",
    "int32": "int",
    "int64": "bigint",
    "float32": "float",
    "float64": "double",
    "bool": "tinyint(1)",
    "date": "date",
    # TIMESTAMP ends in 2038.
    "timestamp": "datetime(6)",
    "json": "json",
}
_NO_DATABASE, _NO_TABLE = 1049, 1146
_INDEXED_CHARACTERS = 64
"""How much of a text an index holds; enough to find a row, and short enough for a key of a dozen texts."""


def columns_present(connection: Connection, name: TableName) -> dict[str, str]:
    """Return name and type of the columns of a table, none if there is no table."""
    import pymysql

    try:
        found = run(connection, f"SHOW FULL COLUMNS FROM {name.quoted('`')}").to_pylist()
    except (pymysql.err.ProgrammingError, pymysql.err.OperationalError) as error:
        if error.args[0] in (_NO_DATABASE, _NO_TABLE):
            return {}
        raise
    return {row["Field"]: _type_found(row["Type"], row["Collation"], connection) for row in found}


def _type_found(declared: str, collation: str | None, connection: Connection) -> str:
    """Return a type as `_SQL_TYPES` has it: without the width of integers, which means nothing, and with JSON recognised."""
    # To MariaDB, JSON is text in a collation that texts of this platform do not have there.
    if declared == "longtext" and collation == "utf8mb4_bin" and string_collation(connection.get_server_info()) != collation:
        return "json"
    return declared if declared == "tinyint(1)" else re.sub(r"^(tinyint|int|bigint)\(\d+\)$", r"\1", declared)


def columns_to_read(connection: Connection, name: TableName, contract: TableContract) -> dict[Column, str]:
    """Return the columns that a table has, each with its name there until the connection ends; none if there is no table."""
    stored = stored_names(columns_present(connection, name), contract)
    if all(column.name == found for column, found in stored.items()):
        return stored
    # A writer could rename the column between this look and the reading, but not of a table that a transaction has read.
    connection.begin()
    run(connection, f"SELECT 1 FROM {name.quoted('`')} LIMIT 1")
    return stored_names(columns_present(connection, name), contract)


def must_evolve(connection: Connection, name: TableName, contract: TableContract) -> bool:
    """Tell whether a contract's table is missing, or must rename or add columns.

    Raises:
        ContractError: the table has a column of another type, or under both its names.
    """
    return evolution(columns_present(connection, name), contract, _SQL_TYPES).is_needed


def make_or_evolve(connection: Connection, name: TableName, contract: TableContract) -> None:
    """Make a contract's table with its database, or rename and add columns. MySQL commits each of these by itself."""
    present = columns_present(connection, name)
    collation = string_collation(connection.get_server_info())
    needed = evolution(present, contract, _SQL_TYPES)
    declared = [_declared(column, collation) for column in needed.added]
    if present and needed.is_needed:
        renamed = [f"RENAME COLUMN {quoted(former, '`')} TO {quoted(today, '`')}" for former, today in needed.renamed.items()]
        run(connection, f"ALTER TABLE {name.quoted('`')} {', '.join([*renamed, *(f'ADD COLUMN {text}' for text in declared)])}")
    elif not present:
        _make_database(connection, name.namespace, collation)
        index = _index(contract)
        run(connection, f"CREATE TABLE {name.quoted('`')} ({', '.join([*declared, *index])}) ENGINE=InnoDB")


def _make_database(connection: Connection, database: str, collation: str) -> None:
    # CREATE DATABASE IF NOT EXISTS asks for the permission even if the database exists.
    known = "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s"
    if not rows_of(run(connection, known, (database,))):
        run(connection, f"CREATE DATABASE IF NOT EXISTS {quoted(database, '`')} CHARACTER SET utf8mb4 COLLATE {collation}")


def _declared(column: Column, collation: str) -> str:
    character_set = f" CHARACTER SET utf8mb4 COLLATE {collation}" if column.type == "string" else ""
    return f"{quoted(column.name, '`')} {_SQL_TYPES[column.type]}{character_set} NULL"


def _index(contract: TableContract) -> list[str]:
    """Return the index that finds a partition, or the rows of a key where there are no partitions.

    It cannot be unique, as MySQL has no unique index over texts of any length; `upsert` sees to it.
    """
    names = (contract.partition_column,) if contract.partition_column else contract.key
    parts = [quoted(name, "`") + (f"({_INDEXED_CHARACTERS})" if contract.column(name).type == "string" else "") for name in names]
    return [f"INDEX ({', '.join(parts)})"] if parts else []


def string_collation(server_version: str) -> str:
    """Return the collation in which texts differ if any character differs, also in case, accents and spaces at the end."""
    if "MariaDB" in server_version:
        return "utf8mb4_nopad_bin"
    numbers = tuple(int(number) for number in re.findall(r"\d+", server_version)[:3])
    return "utf8mb4_0900_bin" if numbers >= (8, 0, 17) else "utf8mb4_bin"
