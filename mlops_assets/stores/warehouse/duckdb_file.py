"""The warehouse in one DuckDB file.

DuckDB lets one process write at a time, so every call opens the file, does one transaction and closes it again, under a lock
file that makes the step processes of this platform wait for each other. A reader from outside that keeps the file open delays
writers; the wait is limited and then reported as transient.
"""

# Names in statements are quoted, values are parameters.
from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import empty_frame, to_arrow, to_pandas
from mlops_assets.errors import PermanentError, TransientError
from mlops_assets.stores.disk import disk_errors, refusal_behind
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.warehouse.evolution import evolution, stored_names
from mlops_assets.stores.warehouse.partitions import (
    partition_column,
    partition_value,
    partition_values,
    require_key,
    require_single_partition,
    stored_partitions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb
    import pandas as pd

    from mlops_assets.contracts import ColumnType, TableContract
    from mlops_assets.partition import Partition

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "int8": "TINYINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "json": "JSON",
}


class DuckDBWarehouse:
    """A warehouse in a DuckDB file."""

    def __init__(self, path: Path, timeout_seconds: float = 60) -> None:
        """Use the file at `path`, made at the first write, and wait this long for others who are using it."""
        self._path = path
        self._timeout_seconds = timeout_seconds

    def replace_partition(self, contract: TableContract, partition: Partition | None, frame: pd.DataFrame) -> None:
        """Replace exactly the rows of one partition, or of the whole table if `partition` is None, in one transaction."""
        rows = to_arrow(frame, contract)
        if partition is not None:
            require_single_partition(contract, partition, rows)
        with self._transaction(contract) as connection:
            where = "" if partition is None else f" WHERE {_quoted(partition_column(contract))} = ?"
            values = [] if partition is None else [partition_value(contract, partition)]
            connection.execute(f"DELETE FROM {_table(contract)}{where}", values)
            connection.register("incoming", rows)
            connection.execute(f"INSERT INTO {_table(contract)} BY NAME SELECT * FROM incoming{_order(contract)}")

    def upsert(self, contract: TableContract, frame: pd.DataFrame) -> None:
        """Insert rows, replacing those with the same key, in one transaction."""
        rows = to_arrow(frame, contract)
        require_key(contract)
        with self._transaction(contract) as connection:
            connection.register("incoming", rows)
            same_key = " AND ".join(f"kept.{_quoted(name)} = incoming.{_quoted(name)}" for name in contract.key)
            connection.execute(f"DELETE FROM {_table(contract)} AS kept USING incoming WHERE {same_key}")
            connection.execute(f"INSERT INTO {_table(contract)} BY NAME SELECT * FROM incoming{_order(contract)}")

    def read(self, contract: TableContract, partitions: Sequence[Partition] | None = None) -> pd.DataFrame:
        """Read the rows of some partitions, or all rows, ordered by the contract's key. A table not made yet is empty."""
        if not self._path.exists():
            return empty_frame(contract)
        with self._connection() as connection:
            stored = stored_names(_columns_present(connection, contract), contract)
            if not stored:
                return empty_frame(contract)
            selected = ", ".join(
                f"{_quoted(stored[column]) if column in stored else f'CAST(NULL AS {_SQL_TYPES[column.type]})'} AS "
                f"{_quoted(column.name)}"
                for column in contract.columns
            )
            where, values = "", []
            if partitions is not None:
                column = contract.column(partition_column(contract))
                # The type of no values at all is not that of any column.
                where = f" WHERE {_quoted(column.name)} IN (SELECT unnest(CAST(? AS {_SQL_TYPES[column.type]}[])))"
                values = [partition_values(contract, partitions)]
            statement = f"SELECT {selected} FROM {_table(contract)}{where}{_order(contract)}"
            return to_pandas(connection.execute(statement, values).arrow().read_all())

    def partitions(self, contract: TableContract) -> list[Partition]:
        """Return the partitions that have rows, in order."""
        column = partition_column(contract)
        if not self._path.exists():
            return []
        with self._connection() as connection:
            if column not in _columns_present(connection, contract):
                return []
            found = connection.execute(f"SELECT DISTINCT {_quoted(column)} FROM {_table(contract)}").arrow().read_all()
        return stored_partitions(contract, found[column].to_pylist())

    def query(self, sql: str) -> pd.DataFrame:
        """Run a query and return its rows."""
        with self._connection() as connection:
            return to_pandas(connection.execute(sql).arrow().read_all())

    def location(self, contract: TableContract) -> str:
        """Return the file and the table's name in it."""
        return f"{self._path}: {contract.domain}.{contract.name}"

    def check_health(self) -> HealthCheck:
        """Write a table, read it back and drop it, and tell the version."""
        with self._connection() as connection:
            connection.execute("CREATE OR REPLACE TABLE mlops_assets_doctor AS SELECT version() AS version")
            (version,) = connection.execute("SELECT version FROM mlops_assets_doctor").fetchall()[0]
            connection.execute("DROP TABLE mlops_assets_doctor")
        return HealthCheck(f"DuckDB {version.removeprefix('v')}")

    @contextmanager
    def _transaction(self, contract: TableContract) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection inside a transaction in which the contract's table exists with all its columns."""
        with self._connection() as connection:
            connection.begin()
            try:
                _make_or_evolve(connection, contract)
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        import filelock

        deadline = time.monotonic() + self._timeout_seconds
        try:
            with disk_errors(f"cannot use the warehouse {self._path}"):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                lock = filelock.FileLock(f"{self._path}.lock")
                with lock.acquire(timeout=self._timeout_seconds), self._connect_before(deadline) as connection:
                    connection.execute("SET TimeZone = 'UTC'")
                    yield connection
        except filelock.Timeout as error:
            raise TransientError(
                f"the warehouse {self._path} was in use by another step for {self._timeout_seconds:g} s"
            ) from error

    def _connect_before(self, deadline: float) -> duckdb.DuckDBPyConnection:
        import duckdb

        if not self._path.exists():
            self._make_file()
        while True:
            try:
                return duckdb.connect(str(self._path))
            except duckdb.IOException as error:
                if refusal_behind(error):
                    raise
                if "could not set lock" not in str(error).lower():
                    raise PermanentError(f"cannot open the warehouse {self._path}: {error}") from error
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"the warehouse {self._path} is held open by another program; close it and try again: {error}"
                    ) from error
            time.sleep(0.1)

    def _make_file(self) -> None:
        """Make the file under another name and rename it: one that a full disk or a kill cut off is no database any more."""
        import duckdb

        unfinished = self._path.with_name(f".{self._path.name}.new")
        unfinished.unlink(missing_ok=True)
        duckdb.connect(str(unfinished)).close()
        unfinished.replace(self._path)


def _make_or_evolve(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Make the contract's table, or rename and add columns."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(contract.domain)}")
    columns = ", ".join(f"{_quoted(column.name)} {_SQL_TYPES[column.type]}" for column in contract.columns)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {_table(contract)} ({columns})")
    needed = evolution(_columns_present(connection, contract), contract, _SQL_TYPES)
    for former, name in needed.renamed.items():
        connection.execute(f"ALTER TABLE {_table(contract)} RENAME COLUMN {_quoted(former)} TO {_quoted(name)}")
    for column in needed.added:
        connection.execute(f"ALTER TABLE {_table(contract)} ADD COLUMN {_quoted(column.name)} {_SQL_TYPES[column.type]}")


def _columns_present(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> dict[str, str]:
    rows = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = ? AND table_name = ?",
        [contract.domain, contract.name],
    ).fetchall()
    return dict(rows)


def _table(contract: TableContract) -> str:
    return f"{_quoted(contract.domain)}.{_quoted(contract.name)}"


def _order(contract: TableContract) -> str:
    return f" ORDER BY {', '.join(map(_quoted, contract.key))}" if contract.key else ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
