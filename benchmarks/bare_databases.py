"""Partitions of a table by the clients of databases alone: the fastest of their ordinary ways to the same rows.

All begin with a frame and end with one, ordered by the key. The rows of a partition are deleted and the new ones inserted in one
transaction. Tables of servers are made like those of the warehouse beside them, with the same indices.
"""

# Names in statements come from this package.
# ruff: noqa: S608

from __future__ import annotations

import io
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from benchmarks.store_ways import Way
from mlops_assets.contracts.frames import arrow_schema, to_pandas

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd
    import pyarrow as pa
    from pymysql import Connection

    from benchmarks.store_rows import Partition, Workload


class BareDuckDB(Way):
    """A DuckDB file, open for one partition at a time, so that other processes can come in between."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        import duckdb

        table = workload.contract.name
        for partition in workload.partitions:
            with duckdb.connect(str(self._path)) as connection:
                connection.register("incoming", arrow_rows(workload, partition))
                connection.begin()
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table} AS FROM incoming LIMIT 0")
                connection.execute(f"DELETE FROM {table} WHERE month = ?", [partition.day])
                connection.execute(f"INSERT INTO {table} FROM incoming")
                connection.commit()

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        import duckdb

        with duckdb.connect(str(self._path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            statement = f"FROM {workload.contract.name} WHERE month IN ({day_literals(workload.days)}) ORDER BY crime_id"
            return to_pandas(connection.execute(statement).fetch_arrow_table())


class BarePostgreSQL(Way):
    """PostgreSQL by psycopg2: `COPY` of CSV, which pyarrow writes and parses; one connection for all partitions."""

    def __init__(self, url: str, domain: str) -> None:
        self._url, self._domain = url, domain

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        import psycopg2  # type: ignore[import-untyped]
        import pyarrow.csv

        table = _table_like_ours(self._domain, workload, "copied")
        with closing(psycopg2.connect(self._url)) as connection, connection.cursor() as cursor:
            for partition in workload.partitions:
                cursor.execute(_like_ours(self._domain, workload, table))
                cursor.execute(f"DELETE FROM {table} WHERE month IN ({day_literals([partition.day])})")
                file = io.BytesIO()
                pyarrow.csv.write_csv(arrow_rows(workload, partition), file, pyarrow.csv.WriteOptions(include_header=False))
                file.seek(0)
                cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", file)
                connection.commit()

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        import psycopg2
        import pyarrow.csv

        table = _table_like_ours(self._domain, workload, "copied")
        file = io.BytesIO()
        with closing(psycopg2.connect(self._url, options="-c TimeZone=UTC")) as connection, connection.cursor() as cursor:
            selected = f"SELECT * FROM {table} WHERE month IN ({day_literals(workload.days)})"
            cursor.copy_expert(f"COPY ({selected}) TO STDOUT (FORMAT csv, HEADER)", file)
        file.seek(0)
        schema = arrow_schema(workload.contract)
        conversion = pyarrow.csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, true_values=["t"], false_values=["f"]
        )
        return ordered_frame(pyarrow.csv.read_csv(file, convert_options=conversion))


class BareADBC(Way):
    """PostgreSQL by the ADBC driver alone, which the warehouse uses too; one connection for all partitions."""

    def __init__(self, url: str, domain: str) -> None:
        self._url, self._domain = url, domain

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        from adbc_driver_postgresql import dbapi

        table = _table_like_ours(self._domain, workload, "ingested")
        with dbapi.connect(self._url) as connection, connection.cursor() as cursor:
            for partition in workload.partitions:
                cursor.execute(_like_ours(self._domain, workload, table))
                cursor.execute(f"DELETE FROM {table} WHERE month IN ({day_literals([partition.day])})")
                name = table.partition(".")[2]
                cursor.adbc_ingest(name, arrow_rows(workload, partition), mode="append", db_schema_name=self._domain)
                connection.commit()

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        from adbc_driver_postgresql import dbapi

        table = _table_like_ours(self._domain, workload, "ingested")
        with dbapi.connect(self._url) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE month IN ({day_literals(workload.days)})")
            return ordered_frame(cursor.fetch_arrow_table().cast(arrow_schema(workload.contract)))


class BareMySQL(Way):
    """MySQL by PyMySQL: `LOAD DATA LOCAL` of CSV, or `INSERT` if the server takes no files; one connection for all partitions."""

    def __init__(self, url: str, domain: str) -> None:
        self._url, self._domain = url, domain

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        table = _table_like_ours(self._domain, workload, "copied")
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@local_infile")
            insert = _load_data if cursor.fetchone()[0] else _insert
            for partition in workload.partitions:
                cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} LIKE {self._domain}.{workload.contract.name}")
                cursor.execute(f"DELETE FROM {table} WHERE month IN ({day_literals([partition.day])})")
                insert(connection, table, arrow_rows(workload, partition))
                connection.commit()

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        import pandas as pd

        table = _table_like_ours(self._domain, workload, "copied")
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE month IN ({day_literals(workload.days)})")
            names = [field[0] for field in cursor.description]
            frame = pd.DataFrame(cursor.fetchall(), columns=names).sort_values("crime_id", ignore_index=True)
        # The least that it takes to tell flags from numbers, and moments of UTC from others.
        return frame.astype({"is_arrest": bool}).assign(occurred_at=frame["occurred_at"].dt.tz_localize("UTC"))

    def _connect(self) -> Connection:
        import pymysql

        parts = urlsplit(self._url)
        password = unquote(parts.password or "").encode()
        options: dict[str, Any] = {"charset": "utf8mb4", "local_infile": True, "init_command": "SET time_zone = '+00:00'"}
        return pymysql.connect(host=parts.hostname, port=parts.port or 3306, user=parts.username, password=password, **options)


def _load_data(connection: Connection, table: str, rows: pa.Table) -> None:
    import pyarrow.csv

    nullable = [name for name in rows.column_names if rows[name].null_count]
    targets = ", ".join(f"@{name}" if name in nullable else name for name in rows.column_names)
    nulls = ", ".join(f"{name} = NULLIF(@{name}, '')" for name in nullable)
    with tempfile.TemporaryDirectory() as folder, connection.cursor() as cursor:
        path = Path(folder) / "rows.csv"
        pyarrow.csv.write_csv(_plain(rows), path, pyarrow.csv.WriteOptions(include_header=False))
        form = "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
        cursor.execute(
            f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4 {form} ({targets}) "
            + (f"SET {nulls}" if nulls else "")
        )


def _insert(connection: Connection, table: str, rows: pa.Table) -> None:
    places = ", ".join(["%s"] * rows.num_columns)
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} VALUES ({places})", list(zip(*_plain(rows).to_pydict().values(), strict=True)))


def _plain(rows: pa.Table) -> pa.Table:
    """Return rows as MySQL writes them: flags as numbers, moments without a zone."""
    import pyarrow as pa

    types = {pa.bool_(): pa.int8(), pa.timestamp("us", tz="UTC"): pa.timestamp("us")}
    return rows.cast(pa.schema([pa.field(field.name, types.get(field.type, field.type)) for field in rows.schema]))


def arrow_rows(workload: Workload, partition: Partition) -> pa.Table:
    """Return the frame of a partition in the types of the contract."""
    import pyarrow as pa

    return pa.Table.from_pandas(partition.frame, schema=arrow_schema(workload.contract), preserve_index=False)


def ordered_frame(rows: pa.Table) -> pd.DataFrame:
    """Return rows ordered by the key."""
    return to_pandas(rows.sort_by("crime_id"))


def day_literals(days: Sequence[date]) -> str:
    """Return days as they stand between the brackets of IN."""
    return ", ".join(f"DATE '{day.isoformat()}'" for day in days)


def _table_like_ours(domain: str, workload: Workload, suffix: str) -> str:
    return f"{domain}.{workload.contract.name}_{suffix}"


def _like_ours(domain: str, workload: Workload, table: str) -> str:
    return f"CREATE TABLE IF NOT EXISTS {table} (LIKE {domain}.{workload.contract.name} INCLUDING ALL)"
