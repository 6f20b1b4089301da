"""The warehouse in MySQL and MariaDB: its contract in several databases or one, its ways of writing, its errors by number."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from urllib.parse import urlsplit

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.contracts import Column
from mlops_assets.errors import (
    ContractError,
    PermanentError,
    PlatformError,
    SettingsError,
    StoreAccessError,
    StoreUnavailableError,
)
from mlops_assets.stores.warehouse import Warehouse, open_warehouse
from mlops_assets.stores.warehouse.mysql import MySQLWarehouse
from mlops_assets.stores.warehouse.mysql_tables import string_collation
from mlops_assets_tests.services.mysql import execute_on_mysql
from mlops_assets_tests.stores.server_warehouse_contract import ServerWarehouseContract, address_of, at
from mlops_assets_tests.stores.warehouse_contract import EXTREME_FLOATS, NASTY_TEXTS, WarehouseContract, stored
from mlops_assets_tests.tables import EVERY_TYPE, FEBRUARY, JANUARY, READINGS, readings, rows_of_every_type

pytestmark = pytest.mark.services

PASSWORD = "p@ss:w/rd? %ß"


@contextmanager
def somebody(url: str, *grants: str) -> Iterator[str]:
    """Yield the URL of a new user `somebody_...` with some privileges."""
    user = f"somebody_{uuid.uuid4().hex[:8]}"
    execute_on_mysql(
        url, f"CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}'", *(f"GRANT {grant} TO {user}@'%'" for grant in grants)
    )
    yield at(url, address_of(url), user, PASSWORD)
    execute_on_mysql(url, f"DROP USER {user}@'%'")


class TestMySQLWarehouse(ServerWarehouseContract):
    KEEPS_INFINITY = False

    @pytest.fixture
    def warehouse_url(self, mysql_url: str) -> str:
        return mysql_url

    def impatient(self, url: str) -> Warehouse:
        return MySQLWarehouse(url, timeout_seconds=1)

    @contextmanager
    def user_with(self, url: str, *grants: str) -> Iterator[str]:
        with somebody(url, *grants) as other_url:
            yield other_url


class TestMySQLDatabase(WarehouseContract):
    """All tables in the database that the URL names."""

    KEEPS_INFINITY = False
    TABLE = "weather__readings"

    @pytest.fixture
    def warehouse_url(self, mysql_database_url: str) -> str:
        return mysql_database_url


@pytest.fixture
def warehouse(mysql_url: str) -> Warehouse:
    """Give a warehouse with one reading of January."""
    warehouse = open_warehouse(mysql_url)
    warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
    return warehouse


def test_one_partition_is_found_by_its_index(warehouse: Warehouse, mysql_url: str) -> None:
    """Reading one of many partitions does not look at the others."""
    numbers = ", ".join(f"(DATE '2000-01-01' + INTERVAL {n % 200} MONTH, {n})" for n in range(10, 4_000))
    execute_on_mysql(
        mysql_url, f"INSERT INTO weather.readings (month, reading_id) VALUES {numbers}", "ANALYZE TABLE weather.readings"
    )
    (plan,) = warehouse.query("EXPLAIN SELECT * FROM weather.readings WHERE month IN (DATE '2001-01-01')").to_dict("records")
    assert (plan["key"], int(plan["rows"]) < 100) == ("month", True)


def test_rows_come_by_insert_where_files_are_not_taken(mysql_url: str) -> None:
    """Servers need not take files from clients; what is stored is the same."""
    warehouse, by_insert = open_warehouse(mysql_url), open_warehouse(f"{mysql_url}?local_infile=0")
    frame = rows_of_every_type().assign(some_float32=EXTREME_FLOATS[0])
    texts = readings(FEBRUARY, *[1.0] * len(NASTY_TEXTS)).assign(station_code=NASTY_TEXTS)
    by_insert.replace_partition(EVERY_TYPE, JANUARY, frame)
    by_insert.replace_partition(READINGS, FEBRUARY, texts)
    inserted = warehouse.read(EVERY_TYPE)
    assert warehouse.read(READINGS)["station_code"].tolist() == NASTY_TEXTS
    warehouse.replace_partition(EVERY_TYPE, JANUARY, frame)
    assert warehouse.read(EVERY_TYPE).equals(inserted)


def test_many_rows_are_inserted_in_pieces(mysql_url: str) -> None:
    """No statement is longer than the server takes, and no row is lost between two of them."""
    execute_on_mysql(mysql_url, "SET GLOBAL max_allowed_packet = 65536")
    try:
        by_insert = open_warehouse(f"{mysql_url}?local_infile=0")
        by_insert.replace_partition(READINGS, JANUARY, readings(JANUARY, *map(float, range(25_000))))
        assert stored(by_insert) == [(row + 1, float(row)) for row in range(25_000)]
        with pytest.raises(ContractError, match=r"weather/readings: .*max_allowed_packet.*; a row is longer"):
            by_insert.replace_partition(READINGS, FEBRUARY, readings(FEBRUARY, 1.0).assign(station_code="x" * 70_000))
    finally:
        execute_on_mysql(mysql_url, "SET GLOBAL max_allowed_packet = 16777216")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.none() | st.text(st.characters(codec="utf-8") | st.sampled_from("\\\t\n\r\0'\"N,")), min_size=1),
    options=st.sampled_from(["", "?local_infile=0"]),
)
def test_any_text_survives(mysql_url: str, texts: list[str | None], options: str) -> None:
    """Whatever characters meet, in a file or in a statement, none is taken for another."""
    warehouse = open_warehouse(mysql_url + options)
    frame = readings(JANUARY, *[1.0] * len(texts)).assign(station_code=pd.Series(texts, dtype="string[pyarrow]"))
    warehouse.replace_partition(READINGS, JANUARY, frame)
    pd.testing.assert_frame_equal(warehouse.read(READINGS), frame)


def test_rows_that_the_server_would_drop_are_an_error(warehouse: Warehouse, mysql_url: str) -> None:
    """LOAD DATA skips rows that repeat a key with a warning; here that is an error, and the old rows stay."""
    execute_on_mysql(mysql_url, "CREATE UNIQUE INDEX only_once ON weather.readings (reading_id)")
    with pytest.raises(ContractError, match=r"weather/readings: MySQL would keep 1 of 2 rows, .*Duplicate entry '7'"):
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0, 2.0).assign(reading_id=7))
    assert stored(warehouse) == [(1, 1.0)]


def test_other_programs_see_native_types(mysql_url: str) -> None:
    """SQL computes with dates, moments, flags and documents as such; moments are in UTC."""
    warehouse = open_warehouse(mysql_url)
    warehouse.replace_partition(EVERY_TYPE, JANUARY, rows_of_every_type().assign(some_float32=0.5))
    query = "SELECT some_date + INTERVAL 1 DAY AS day, JSON_EXTRACT(some_json, '$.a[1]') AS a, some_timestamp, some_bool"
    (row,) = warehouse.query(f"{query} FROM weather.every_type ORDER BY row_id LIMIT 1").to_dict("records")
    moment = datetime(2024, 3, 10, 8, 30, 0, 123456, tzinfo=timezone.utc)
    assert row == {"day": date(2024, 3, 1), "a": "2.5", "some_timestamp": moment, "some_bool": True}


def test_text_and_document_are_different_types(mysql_url: str) -> None:
    """Though MariaDB keeps both as text, a column that changes from one to the other is noticed."""
    warehouse = open_warehouse(mysql_url)
    frame = rows_of_every_type().assign(some_float32=0.5)
    warehouse.replace_partition(EVERY_TYPE, JANUARY, frame)
    as_text = EVERY_TYPE.derive("every_type", "", dropped=["some_json"], added=[Column("some_json", "string", "Text.")])
    with pytest.raises(ContractError, match="column 'some_json' is json in the warehouse but longtext in the contract"):
        warehouse.replace_partition(as_text, JANUARY, frame)


@pytest.mark.parametrize(
    ("number", "kind", "advice"),
    [
        (1205, StoreUnavailableError, "another transaction holds"),
        (1213, StoreUnavailableError, "another transaction was in the way"),
        (1040, StoreUnavailableError, "too many connections"),
        (1053, StoreUnavailableError, "the server shuts down"),
        (1021, StoreAccessError, "disk is full; make room"),
        (1142, StoreAccessError, "ask for GRANT SELECT"),
        (1290, StoreAccessError, "the server only reads"),
        (1366, ContractError, "does not fit its column"),
        (1105, PermanentError, "by its number"),
    ],
)
def test_errors_are_sorted(warehouse: Warehouse, mysql_url: str, number: int, kind: type[PlatformError], advice: str) -> None:
    """Whether a step is tried again follows from the server's own number, in whatever language it speaks."""
    signal = f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'as you wish'"
    execute_on_mysql(mysql_url, f"CREATE FUNCTION weather.complain() RETURNS INT DETERMINISTIC BEGIN {signal}; RETURN 1; END")
    with pytest.raises(kind, match=rf"query: as you wish \({number}\); .*{advice}"):
        warehouse.query("SELECT weather.complain()")


def test_missing_database_is_permanent(mysql_url: str) -> None:
    """A database that the URL names is not made; the name may be wrong."""
    with pytest.raises(StoreAccessError, match=r"/nowhere: weather/readings: .*'nowhere'.*; create the database, or correct"):
        open_warehouse(f"{mysql_url}nowhere").read(READINGS)


def test_table_locked_by_another_program_is_transient(warehouse: Warehouse, mysql_url: str) -> None:
    """A step does not wait forever for a person who holds rows in an open transaction."""
    import pymysql

    parts = urlsplit(mysql_url)
    with pymysql.connect(host=parts.hostname, port=parts.port or 3306, user=parts.username) as connection:
        connection.begin()
        connection.query("SELECT * FROM weather.readings FOR UPDATE")
        with pytest.raises(StoreUnavailableError, match=r"\(1205\); another transaction holds the table"):
            MySQLWarehouse(mysql_url, timeout_seconds=1).replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
    assert stored(warehouse) == [(1, 1.0)]


@pytest.mark.parametrize("grant", [None, "ALL ON `weather`.*", "ALL ON `weath%`.*"])
def test_health_check_needs_one_place_to_write(warehouse: Warehouse, mysql_url: str, grant: str | None) -> None:
    """Whoever may make a table somewhere is told version and clock; nothing is left behind."""
    tables = "SELECT table_schema, table_name FROM information_schema.tables"
    before = execute_on_mysql(mysql_url, tables)
    with somebody(mysql_url, *([grant] if grant else [])) as url:
        health = open_warehouse(url if grant else mysql_url).check_health()
        assert health.version.startswith(("MariaDB ", "MySQL "))
        assert health.clock_at is not None
        assert abs(health.clock_at - datetime.now(timezone.utc)) < timedelta(hours=1)
    assert execute_on_mysql(mysql_url, tables) == before


def test_health_check_of_a_place_where_nothing_may_be_written(mysql_url: str) -> None:
    """The doctor says which right is missing."""
    with somebody(mysql_url) as url, pytest.raises(StoreAccessError, match=r"health check: .*; ask for GRANT ALL ON a database"):
        open_warehouse(url).check_health()


def test_url_without_secrets(mysql_url: str) -> None:
    """The location names host and port, and the database if the URL names one, and neither user nor password nor parameters."""
    url = at(mysql_url, "db.example:3307", "somebody", PASSWORD)
    assert open_warehouse(f"{url}?ssl_ca=/ca.pem").location(READINGS) == "mysql://db.example:3307: weather.readings"
    in_one = open_warehouse(at(url, "db.example", "somebody", PASSWORD, path="/analytics"))
    assert in_one.location(READINGS) == "mysql://db.example/analytics: analytics.weather__readings"


_MISUNDERSTOOD = {
    "/?no_such=1": "unknown options no_such; known: connect_timeout",
    ":port/": "Port .*'port'",
    ",127.0.0.2/db": "is not of the form mysql://host:3306/database",
    "/db/table": "is not of the form mysql://host:3306/database",
    "/?read_timeout=long": "read_timeout must be a number of seconds",
    "/?local_infile=maybe": "local_infile must be true or false",
}


def test_url_that_is_not_understood() -> None:
    """A parameter or port that nothing understands is named; the password is not."""
    for rest, complaint in _MISUNDERSTOOD.items():
        with pytest.raises(SettingsError, match=complaint) as caught:
            open_warehouse(f"mysql://somebody:hunter2@127.0.0.1{rest}")
        assert "hunter2" not in str(caught.value)


def test_encryption_that_the_server_does_not_offer(mysql_url: str) -> None:
    """A server whose certificate cannot be checked is not spoken to."""
    with pytest.raises(StoreAccessError, match="check ssl_ca"):
        open_warehouse(f"{mysql_url}?ssl_verify_identity=1&ssl_ca=/etc/ssl/certs/ca-certificates.crt").read(READINGS)


@pytest.mark.parametrize(
    ("version", "collation"),
    [
        ("5.5.5-10.11.6-MariaDB-1", "utf8mb4_nopad_bin"),
        ("8.4.2", "utf8mb4_0900_bin"),
        ("8.0.16", "utf8mb4_bin"),
        ("5.7.44-log", "utf8mb4_bin"),
    ],
)
def test_collation_is_the_strictest_of_the_server(version: str, collation: str) -> None:
    """Texts are equal only if all their characters are."""
    assert string_collation(version) == collation
