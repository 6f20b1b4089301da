"""The warehouse in MySQL or MariaDB: a database per domain, or one database for all if the URL names it.

Every call opens a connection, does one transaction and closes it. What MySQL does not do in a transaction, making and changing
tables, comes before. Writers of one partition wait for each other by a named lock, which ends at the latest with the
connection; writers of different partitions work side by side. So do writers of a partition and of the whole table, which the
platform never has at once: named locks cannot be shared. Readers see the last committed rows.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import timezone
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import empty_frame, to_arrow, to_pandas
from mlops_assets.errors import ContractError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.warehouse.mysql_connection import (
    may_load_data,
    open_connection,
    require_readable,
    rows_of,
    run,
    translated,
)
from mlops_assets.stores.warehouse.mysql_tables import columns_present, columns_to_read, make_or_evolve, must_evolve
from mlops_assets.stores.warehouse.mysql_values import lines, require_finite, tuples
from mlops_assets.stores.warehouse.names import TableName, quoted, table_name
from mlops_assets.stores.warehouse.partitions import (
    partition_column,
    partition_value,
    require_key,
    require_single_partition,
    stored_partitions,
)
from mlops_assets.stores.warehouse.rows import frame_as_promised
from mlops_assets.stores.warehouse.server_sql import where_partition_in
from mlops_assets.stores.warehouse.server_url import database_of, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import pyarrow as pa
    from pymysql import Connection

    from mlops_assets.contracts import Column, TableContract
    from mlops_assets.partition import Partition

_INCOMING = "mlops_assets_incoming"


class MySQLWarehouse:
    """A warehouse in a MySQL or MariaDB server."""

    def __init__(self, url: str, timeout_seconds: float = 60) -> None:
        """Use the server that a URL names, and wait this long for writers of the same partition or table."""
        require_readable(url)
        self._url = url
        self._database = database_of(url)
        self._timeout_seconds = timeout_seconds

    def replace_partition(self, contract: TableContract, partition: Partition | None, frame: pd.DataFrame) -> None:
        """Replace exactly the rows of one partition, or of the whole table if `partition` is None, in one transaction."""
        rows = to_arrow(frame, contract)
        require_finite(rows, contract)
        if partition is not None:
            require_single_partition(contract, partition, rows)
        where = where_partition_in(contract, None if partition is None else [partition], _quoted)
        name = self._name(contract)
        part = "the whole table" if partition is None else str(partition_value(contract, partition))
        with self._writing(contract, part) as connection:
            connection.begin()
            run(connection, f"DELETE FROM {name.quoted('`')}{where}")
            _append(connection, contract, name, rows)
            connection.commit()

    def upsert(self, contract: TableContract, frame: pd.DataFrame) -> None:
        """Insert rows, replacing those with the same key, in one transaction."""
        rows = to_arrow(frame, contract)
        require_finite(rows, contract)
        require_key(contract)
        name = self._name(contract)
        table, incoming = name.quoted("`"), replace(name, table=_INCOMING)
        columns = ", ".join(map(_quoted, contract.column_names))
        same_key = " AND ".join(f"kept.{_quoted(column)} = incoming.{_quoted(column)}" for column in contract.key)
        with self._writing(contract, "the whole table") as connection:
            # MySQL understands names such as `kept` only with a database chosen.
            connection.select_db(name.namespace)
            run(connection, f"CREATE TEMPORARY TABLE {incoming.quoted('`')} LIKE {table}")
            connection.begin()
            _append(connection, contract, incoming, rows)
            run(connection, f"DELETE kept FROM {table} AS kept JOIN {incoming.quoted('`')} AS incoming ON {same_key}")
            run(connection, f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {incoming.quoted('`')}")
            connection.commit()

    def read(self, contract: TableContract, partitions: Sequence[Partition] | None = None) -> pd.DataFrame:
        """Read the rows of some partitions, or all rows, ordered by the contract's key. A table not made yet is empty."""
        where = where_partition_in(contract, partitions, _quoted)
        name = self._name(contract)
        with self._connection(contract.label, f"GRANT SELECT ON {name}", read_only=True) as connection:
            stored = columns_to_read(connection, name, contract)
            if not stored:
                return empty_frame(contract)
            selected = ", ".join(_selected(column, found) for column, found in stored.items())
            return frame_as_promised(run(connection, f"SELECT {selected} FROM {name.quoted('`')}{where}"), contract)

    def partitions(self, contract: TableContract) -> list[Partition]:
        """Return the partitions that have rows, in order."""
        column, name = partition_column(contract), self._name(contract)
        with self._connection(contract.label, f"GRANT SELECT ON {name}", read_only=True) as connection:
            if column not in columns_present(connection, name):
                return []
            found = run(connection, f"SELECT DISTINCT {_quoted(column)} FROM {name.quoted('`')}")
        return stored_partitions(contract, found[column].to_pylist())

    def query(self, sql: str) -> pd.DataFrame:
        """Run a read-only query and return its rows; sums and means are integers or floats."""
        with self._connection("query", "GRANT SELECT ON the tables of the query", read_only=True) as connection:
            return to_pandas(run(connection, sql))

    def location(self, contract: TableContract) -> str:
        """Return the server and the table's name in it."""
        return f"{without_credentials(self._url)}: {self._name(contract)}"

    def check_health(self) -> HealthCheck:
        """Write a table where the user may make one, read it back and drop it; tell the server's version and clock."""
        with (
            self._connection("health check", "GRANT ALL ON a database") as connection,
            self._writable_database(connection) as database,
        ):
            table = f"{_quoted(database)}.mlops_assets_doctor_{uuid.uuid4().hex[:16]}"
            run(connection, f"CREATE TABLE {table} (version TEXT, clock_at DATETIME(6)) ENGINE=InnoDB")
            try:
                run(connection, f"INSERT INTO {table} VALUES (VERSION(), UTC_TIMESTAMP(6))")
                (row,) = run(connection, f"SELECT version, clock_at FROM {table}").to_pylist()
            finally:
                run(connection, f"DROP TABLE {table}")
        product = "MariaDB" if "MariaDB" in row["version"] else "MySQL"
        return HealthCheck(f"{product} {row['version'].partition('-')[0]}", row["clock_at"].astimezone(timezone.utc))

    @contextmanager
    def _connection(self, subject: str, needed: str, *, read_only: bool = False) -> Iterator[Connection]:
        """Yield a connection; what the driver complains about in the block names the server, the subject and the GRANT needed."""
        import pymysql

        try:
            with open_connection(self._url, timeout_seconds=self._timeout_seconds, read_only=read_only) as connection:
                yield connection
        except pymysql.Error as error:
            raise translated(error, self._url, subject, needed) from error

    @contextmanager
    def _writing(self, contract: TableContract, part: str) -> Iterator[Connection]:
        """Yield a connection that nobody else of this platform has for this part of the table, which is made or evolved."""
        name = self._name(contract)
        with self._connection(contract.label, f"GRANT ALL ON {name.namespace}.*") as connection:
            if must_evolve(connection, name, contract):
                with self._lock(connection, f"{name}, the table's columns"):
                    make_or_evolve(connection, name, contract)
            with self._lock(connection, f"{name}, {part}"):
                yield connection

    @contextmanager
    def _lock(self, connection: Connection, key: str) -> Iterator[None]:
        """Wait for other writers, and keep them waiting until the block ends, or the connection does."""
        name = f"mlops_assets.{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
        seconds = math.ceil(self._timeout_seconds)
        ((is_mine,),) = rows_of(run(connection, "SELECT GET_LOCK(%s, %s)", (name, seconds)))
        if not is_mine:
            raise StoreUnavailableError(
                f"{without_credentials(self._url)}: {key}: somebody else has been writing it for {seconds} s; try again later"
            )
        yield
        run(connection, "SELECT RELEASE_LOCK(%s)", (name,))

    @contextmanager
    def _writable_database(self, connection: Connection) -> Iterator[str]:
        """Yield a database in which the user may make tables: that of the URL, one that exists, or a new one."""
        granted = (
            "SELECT schema_name FROM information_schema.schemata JOIN information_schema.schema_privileges "
            "ON schema_name LIKE schema_privileges.table_schema WHERE privilege_type = 'CREATE' ORDER BY schema_name LIMIT 1"
        )
        existing = [self._database] if self._database else [row[0] for row in rows_of(run(connection, granted))]
        if existing:
            yield existing[0]
            return
        database = f"mlops_assets_doctor_{uuid.uuid4().hex[:16]}"
        run(connection, f"CREATE DATABASE {database}")
        yield database
        run(connection, f"DROP DATABASE {database}")

    def _name(self, contract: TableContract) -> TableName:
        return table_name(contract, self._database)


def _append(connection: Connection, contract: TableContract, name: TableName, rows: pa.Table) -> None:
    """Insert rows by LOAD DATA if the server takes data from clients, else by INSERT."""
    if not rows.num_rows:
        return
    columns = ", ".join(map(_quoted, contract.column_names))
    ((takes_data, most_bytes),) = rows_of(run(connection, "SELECT @@local_infile, @@max_allowed_packet"))
    if takes_data and may_load_data(connection):
        _load(connection, contract, f"{name.quoted('`')} CHARACTER SET utf8mb4 ({columns})", rows)
    else:
        start = f"INSERT INTO {name.quoted('`')} ({columns}) VALUES ".encode()
        for piece in tuples(rows, most_bytes // 2):
            connection.query(start + piece)


def _load(connection: Connection, contract: TableContract, target: str, rows: pa.Table) -> None:
    with tempfile.TemporaryDirectory(prefix="mlops-assets-") as folder:
        path = Path(folder) / "rows"
        try:
            with path.open("wb") as file:
                file.writelines(lines(rows))
        except OSError as error:
            raise StoreAccessError(f"{contract.label}: cannot write rows to {path}: {error}; make room, or set TMPDIR") from error
        with connection.cursor() as cursor, _naming_the_lost_connection():
            loaded = cursor.execute(f"LOAD DATA LOCAL INFILE %s INTO TABLE {target}", (str(path),))
    # What would be an error from a file of the server's is a warning from one of the client's.
    warnings = run(connection, "SHOW WARNINGS LIMIT 1").to_pylist()
    if warnings or loaded != rows.num_rows:
        complaint = warnings[0]["Message"] if warnings else "no reason given"
        raise ContractError(f"{contract.label}: MySQL would keep {loaded} of {rows.num_rows} rows, or change values: {complaint}")


@contextmanager
def _naming_the_lost_connection() -> Iterator[None]:
    """Raise what broke a connection: PyMySQL says goodbye over the broken one, and raises what comes of that."""
    from pymysql import OperationalError

    try:
        yield
    except AttributeError as error:
        if isinstance(error.__context__, OperationalError):
            raise error.__context__ from None
        raise


def _selected(column: Column, stored_name: str) -> str:
    # As text, a FLOAT has 6 digits, which is fewer than it holds.
    return f"{_quoted(stored_name)}{' * 1E0' if column.type == 'float32' else ''} AS {_quoted(column.name)}"


def _quoted(name: str) -> str:
    return quoted(name, "`")
