"""The warehouse in a PostgreSQL database: a schema per domain, written and read in Arrow by binary COPY.

Every call opens a connection and closes it. Writers of one partition wait for each other by an advisory lock that ends with
the transaction; writers of different partitions work side by side. Readers see the last committed rows.
"""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager
from datetime import timezone
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from mlops_assets.contracts.frames import empty_frame, to_arrow, to_pandas
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.urls import options_of, parse_url
from mlops_assets.stores.warehouse.names import table_name
from mlops_assets.stores.warehouse.partitions import (
    partition_column,
    partition_value,
    require_key,
    require_single_partition,
    stored_partitions,
)
from mlops_assets.stores.warehouse.postgresql_connection import connect
from mlops_assets.stores.warehouse.postgresql_errors import translated
from mlops_assets.stores.warehouse.postgresql_tables import (
    columns_present,
    columns_to_read,
    fetch_rows,
    lock_writers,
    make_or_evolve,
    must_evolve,
    quoted_name,
    quoted_table,
    require_short_names,
)
from mlops_assets.stores.warehouse.rows import as_numbers, frame_as_promised
from mlops_assets.stores.warehouse.server_sql import where_partition_in
from mlops_assets.stores.warehouse.server_url import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import pyarrow as pa
    from adbc_driver_manager.dbapi import Connection, Cursor

    from mlops_assets.contracts import TableContract
    from mlops_assets.partition import Partition

_CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "application_name": "mlops-assets",
    "tcp_user_timeout": "300000",
}
"""Parameters of libpq, in seconds, the last one in milliseconds; those of the URL go first."""
_SESSION = (
    "SELECT set_config('TimeZone', 'UTC', true), set_config('lock_timeout', '{patience_ms}', true), "
    "set_config('transaction_read_only', '{read_only}', true)"
)
_INCOMING = "mlops_assets_incoming"
_COPIED = re.compile(r"[\s(]*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
"""Queries whose rows the driver may fetch by COPY; the others, such as EXPLAIN and SHOW, it fetches one by one."""


class PostgreSQLWarehouse:
    """A warehouse in a PostgreSQL database."""

    def __init__(self, url: str, timeout_seconds: float = 60) -> None:
        """Use the database that a libpq URL names, and wait this long for writers of the same partition or table."""
        self._url = "postgresql" + url[url.index(":") :]
        self._libpq_url = _libpq_url(self._url)
        self._timeout_seconds = timeout_seconds

    def replace_partition(self, contract: TableContract, partition: Partition | None, frame: pd.DataFrame) -> None:
        """Replace exactly the rows of one partition, or of the whole table if `partition` is None, in one transaction."""
        rows = to_arrow(frame, contract)
        if partition is not None:
            require_single_partition(contract, partition, rows)
        where = where_partition_in(contract, None if partition is None else [partition], quoted_name, "E")
        with self._connection(contract.label) as connection:
            self._make_or_evolve(connection, contract)
            with self._transaction(connection) as cursor:
                lock_writers(cursor, contract, None if partition is None else partition_value(contract, partition))
                cursor.execute(f"DELETE FROM {quoted_table(contract)}{where}")
                _append(cursor, contract, rows)

    def upsert(self, contract: TableContract, frame: pd.DataFrame) -> None:
        """Insert rows, replacing those with the same key, in one transaction."""
        rows = to_arrow(frame, contract)
        require_key(contract)
        table, incoming = quoted_table(contract), f"pg_temp.{_INCOMING}"
        columns = ", ".join(map(quoted_name, contract.column_names))
        same_key = " AND ".join(f"kept.{quoted_name(name)} = incoming.{quoted_name(name)}" for name in contract.key)
        with self._connection(contract.label) as connection:
            self._make_or_evolve(connection, contract)
            with self._transaction(connection) as cursor:
                lock_writers(cursor, contract)
                cursor.execute(f"CREATE TEMPORARY TABLE {_INCOMING} (LIKE {table}) ON COMMIT DROP")
                cursor.adbc_ingest(_INCOMING, rows, mode="append", temporary=True)
                cursor.execute(f"DELETE FROM {table} AS kept USING {incoming} AS incoming WHERE {same_key}")
                cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {incoming}")

    def read(self, contract: TableContract, partitions: Sequence[Partition] | None = None) -> pd.DataFrame:
        """Read the rows of some partitions, or all rows, ordered by the contract's key. A table not made yet is empty."""
        where = where_partition_in(contract, partitions, quoted_name, "E")
        with self._reading(contract.label) as cursor:
            stored = columns_to_read(cursor, contract)
            if not stored:
                return empty_frame(contract)
            selected = ", ".join(f"{quoted_name(name)} AS {quoted_name(column.name)}" for column, name in stored.items())
            cursor.execute(f"SELECT {selected} FROM {quoted_table(contract)}{where}")
            return frame_as_promised(_plain(cursor.fetch_arrow_table()), contract)

    def partitions(self, contract: TableContract) -> list[Partition]:
        """Return the partitions that have rows, in order."""
        column = quoted_name(partition_column(contract))
        with self._reading(contract.label) as cursor:
            if partition_column(contract) not in columns_present(cursor, contract):
                return []
            found = fetch_rows(cursor, f"SELECT DISTINCT {column} FROM {quoted_table(contract)}")
        return stored_partitions(contract, [value for (value,) in found])

    def query(self, sql: str) -> pd.DataFrame:
        """Run a read-only query and return its rows; sums and means are integers or floats."""
        with self._reading("query", of_any_type=True) as cursor:
            if not _COPIED.match(sql):
                cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            cursor.execute(sql)
            return to_pandas(_plain(cursor.fetch_arrow_table()))

    def location(self, contract: TableContract) -> str:
        """Return the server, the database and the table's name in it."""
        return f"{without_credentials(self._url)}: {table_name(contract)}"

    def check_health(self) -> HealthCheck:
        """Write a table where the user may make one, read it back and drop it; tell the server's version and clock."""
        with self._connection("health check") as connection, self._transaction(connection) as cursor, _own_schema(cursor) as schema:
            table = f"{quoted_name(schema)}.mlops_assets_doctor_{uuid.uuid4().hex}"
            cursor.execute(f"CREATE TABLE {table} (version text, clock_at timestamp with time zone)")
            cursor.execute(f"INSERT INTO {table} VALUES (current_setting('server_version'), clock_timestamp())")
            ((version, clock_at),) = fetch_rows(cursor, f"SELECT version, clock_at FROM {table}")
            cursor.execute(f"DROP TABLE {table}")
        return HealthCheck(f"PostgreSQL {version.partition(' ')[0]}", clock_at.astimezone(timezone.utc))

    @contextmanager
    def _connection(self, subject: str, *, of_any_type: bool = False) -> Iterator[Connection]:
        """Yield a connection; what the driver complains about in the block names the server and the subject.

        Args:
            subject: the table, or what else is worked on.
            of_any_type: whether values may be of types that somebody has added to the database.
        """
        import adbc_driver_manager
        from adbc_driver_postgresql import dbapi

        connect_to = dbapi.connect if of_any_type else connect
        try:
            with connect_to(self._libpq_url) as connection:
                yield connection
        except adbc_driver_manager.Error as error:
            raise translated(error, self._url, subject) from error

    @contextmanager
    def _transaction(self, connection: Connection, *, read_only: bool = False) -> Iterator[Cursor]:
        """Yield a cursor in a transaction that is committed if the block ends well, else undone as the connection closes."""
        with connection.cursor() as cursor:
            values = {"patience_ms": round(self._timeout_seconds * 1_000), "read_only": "on" if read_only else "off"}
            fetch_rows(cursor, _SESSION.format(**values))
            yield cursor
        connection.commit()

    @contextmanager
    def _reading(self, subject: str, *, of_any_type: bool = False) -> Iterator[Cursor]:
        connecting = self._connection(subject, of_any_type=of_any_type)
        with connecting as connection, self._transaction(connection, read_only=True) as cursor:
            yield cursor

    def _make_or_evolve(self, connection: Connection, contract: TableContract) -> None:
        """Let the contract's table have all its columns, in a transaction of its own, so that other partitions need not wait."""
        require_short_names(contract)
        with self._transaction(connection) as cursor:
            if must_evolve(cursor, contract):
                make_or_evolve(cursor, contract)


def _append(cursor: Cursor, contract: TableContract, rows: pa.Table) -> None:
    name = table_name(contract)
    cursor.adbc_ingest(name.table, rows, mode="append", db_schema_name=name.namespace)


@contextmanager
def _own_schema(cursor: Cursor) -> Iterator[str]:
    """Yield a schema in which the user may make tables: one that exists, or a new one, which is dropped again."""
    may_make_schemas = fetch_rows(cursor, "SELECT has_database_privilege(current_database(), 'CREATE')")[0][0]
    writable = "SELECT nspname::text FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE') AND nspname !~ '^pg_' ORDER BY 1"
    schemas = [] if may_make_schemas else fetch_rows(cursor, writable)
    if schemas:
        yield schemas[0][0]
        return
    schema = f"mlops_assets_doctor_{uuid.uuid4().hex}"
    cursor.execute(f"CREATE SCHEMA {schema}")
    yield schema
    cursor.execute(f"DROP SCHEMA {schema}")


def _plain(table: pa.Table) -> pa.Table:
    """Return rows without types of the driver's own: decimals as numbers, documents as text, small integers as int32."""
    import pyarrow as pa

    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if isinstance(field.type, pa.BaseExtensionType):
            column = column.cast(field.type.storage_type)
        if (field.metadata or {}).get(b"ADBC:postgresql:typname") == b"numeric":
            column = as_numbers(column)
        if column.type == pa.int16():
            column = column.cast(pa.int32())
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _libpq_url(url: str) -> str:
    """Return a URL with all defaults, encoded as libpq, which is strict about it, wants it."""
    parts = parse_url(url)
    credentials = quote(parts.user or "", safe="")
    if parts.password is not None:
        credentials += f":{quote(parts.password, safe='')}"
    parameters = {**_CONNECTION_DEFAULTS, **options_of(parts)}
    at = "@" if credentials else ""
    return f"postgresql://{credentials}{at}{parts.hosts}{parts.path}?{urlencode(parameters, quote_via=quote)}"
