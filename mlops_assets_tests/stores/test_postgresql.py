"""The warehouse in PostgreSQL: its contract, its types, its errors by SQLSTATE, and what it leaves to the server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

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
from mlops_assets.stores.warehouse.postgresql import PostgreSQLWarehouse
from mlops_assets_tests.services.postgres import execute_on_postgres
from mlops_assets_tests.stores.server_warehouse_contract import MANY, ServerWarehouseContract, address_of, at
from mlops_assets_tests.stores.warehouse_contract import stored
from mlops_assets_tests.tables import EVERY_TYPE, JANUARY, READINGS, readings, rows_of_every_type

pytestmark = pytest.mark.services

RAISE = """
CREATE FUNCTION raise(sqlstate text) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'as you wish' USING ERRCODE = sqlstate; END $$
"""


@contextmanager
def somebody(url: str, *grants: str) -> Iterator[str]:
    """Yield the URL of a new role `somebody_...` with some privileges."""
    role = f"somebody_{uuid.uuid4().hex}"
    execute_on_postgres(url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'", *(f"GRANT {grant} TO {role}" for grant in grants))
    yield at(url, address_of(url), role, "secret")
    execute_on_postgres(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


class TestPostgreSQLWarehouse(ServerWarehouseContract):
    @pytest.fixture
    def warehouse_url(self, postgres_url: str) -> str:
        return postgres_url

    def impatient(self, url: str) -> Warehouse:
        return PostgreSQLWarehouse(url, timeout_seconds=0.3)

    @contextmanager
    def user_with(self, url: str, *grants: str) -> Iterator[str]:
        usage = ["USAGE ON SCHEMA weather"] if grants else []
        with somebody(url, *usage, *grants) as other_url:
            yield other_url


@pytest.fixture
def warehouse(postgres_url: str) -> Warehouse:
    """Give a warehouse with one reading of January."""
    warehouse = open_warehouse(postgres_url)
    warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
    return warehouse


def test_one_partition_is_found_by_its_index(warehouse: Warehouse, postgres_url: str) -> None:
    """Reading one of many partitions does not look at the others."""
    execute_on_postgres(
        postgres_url,
        "INSERT INTO weather.readings (month, reading_id) SELECT date '2000-01-01' + n % 200, n FROM generate_series(10, 20000) n",
        "ANALYZE weather.readings",
    )
    plan = warehouse.query("EXPLAIN SELECT * FROM weather.readings WHERE month IN (DATE '2024-01-01')")
    assert "Index Cond: (month = '2024-01-01'::date)" in plan.to_string()


def test_key_is_unique_where_rows_are_upserted(postgres_url: str) -> None:
    """In tables without partitions the server holds the key unique, also against other programs."""
    warehouse = open_warehouse(postgres_url)
    unpartitioned = READINGS.derive("masts", "", dropped=["month"])
    rows = readings(JANUARY, 1.0, 2.0).drop(columns="month")
    warehouse.upsert(unpartitioned, rows)
    with pytest.raises(ContractError, match=r"weather/masts: .*\(reading_id\)=\(1\).*; rows repeat the key"):
        warehouse.upsert(unpartitioned, rows.assign(reading_id=1))
    assert stored(warehouse, unpartitioned) == [(1, 1.0), (2, 2.0)]


def test_other_programs_see_native_types(postgres_url: str) -> None:
    """SQL computes with dates, moments and documents as such; moments are shown in UTC."""
    warehouse = open_warehouse(postgres_url)
    warehouse.replace_partition(EVERY_TYPE, JANUARY, rows_of_every_type())
    query = "SELECT some_date + 1 AS day, some_json ->> 'a' AS a, some_timestamp::text AS at FROM weather.every_type LIMIT 1"
    (row,) = warehouse.query(query).to_dict("records")
    assert row == {"day": date(2024, 3, 1), "a": "[1,2.5,null]", "at": "2024-03-10 08:30:00.123456+00"}


def test_queries_give_plain_types(warehouse: Warehouse) -> None:
    """Decimals are numbers, documents text, small integers may be missing; commands that are no SELECT give rows too."""
    frame = warehouse.query(
        "SELECT 1.50 AS price, 10::numeric AS n, 'NaN'::numeric AS nan, '{\"a\": 1}'::jsonb AS doc, NULL::smallint AS small"
    )
    (row,) = frame.drop(columns=["nan", "small"]).to_dict("records")
    assert row == {"price": 1.5, "n": 10, "doc": '{"a": 1}'}
    assert frame[["nan", "small"]].isna().all(axis=None)
    assert warehouse.query("SHOW TimeZone").iloc[0, 0] == "UTC"


def test_queries_know_types_made_meanwhile(warehouse: Warehouse, postgres_url: str) -> None:
    """A type that somebody adds after the first connection reads as text like before it."""
    warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
    execute_on_postgres(postgres_url, "CREATE TYPE season AS ENUM ('winter', 'summer')")
    assert warehouse.query("SELECT 'winter'::season AS season")["season"].tolist() == ["winter"]


@pytest.mark.parametrize(
    ("sqlstate", "kind", "advice"),
    [
        ("40001", StoreUnavailableError, "another transaction was in the way"),
        ("40P01", StoreUnavailableError, "another transaction was in the way"),
        ("55P03", StoreUnavailableError, "another transaction holds the table"),
        ("57014", StoreUnavailableError, "the statement was cancelled"),
        ("57P01", StoreUnavailableError, "the server was stopped"),
        ("53300", StoreUnavailableError, "too many connections"),
        ("53100", StoreAccessError, "disk is full; make room"),
        ("42501", StoreAccessError, "ask for GRANT"),
        ("22021", ContractError, "does not fit its column"),
        ("XX000", PermanentError, "SQLSTATE XX000"),
    ],
)
def test_errors_are_sorted(warehouse: Warehouse, postgres_url: str, sqlstate: str, kind: type[PlatformError], advice: str) -> None:
    """Whether a step is tried again follows from the server's own code, in whatever language it speaks."""
    execute_on_postgres(postgres_url, RAISE)
    with pytest.raises(kind, match=f"query: .*as you wish.*; .*{advice}"):
        warehouse.query(f"SELECT raise('{sqlstate}')")


def test_table_locked_by_another_program_is_transient(warehouse: Warehouse, postgres_url: str) -> None:
    """A step does not wait forever for a person who altered a table and went to lunch."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE weather.readings IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailableError, match="lock timeout; another transaction holds the table"):
            PostgreSQLWarehouse(postgres_url, timeout_seconds=0.2).replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
    assert stored(warehouse) == [(1, 1.0)]


@pytest.fixture
def tiny_disk(postgres_url: str) -> Iterator[str]:
    """Let the tables of the database be made on a disk of 1 MB."""
    ((owner,),) = execute_on_postgres(postgres_url, "SELECT setting FROM pg_settings WHERE name = 'data_directory'")
    folder = Path(tempfile.mkdtemp(prefix="tiny-"))
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if mounting.returncode or not Path(owner).exists():
        pytest.skip(f"no disk of 1 MB beside the server: {mounting.stderr.strip() or 'the server is elsewhere'}")
    try:
        shutil.chown(folder, Path(owner).owner())
        database, tablespace = postgres_url.rpartition("/")[2], f"tiny_{uuid.uuid4().hex}"
        execute_on_postgres(postgres_url, f"CREATE TABLESPACE {tablespace} LOCATION '{folder}'")
        execute_on_postgres(postgres_url, f"ALTER DATABASE {database} SET default_tablespace = {tablespace}")
        yield postgres_url
        execute_on_postgres(postgres_url, "DROP SCHEMA weather CASCADE", f"DROP TABLESPACE {tablespace}")
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_full_disk_is_permanent(tiny_disk: str) -> None:
    """A person must make room; the old rows stay."""
    warehouse = open_warehouse(tiny_disk)
    warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
    with pytest.raises(StoreAccessError, match=r"weather/readings: .*No space left on device.*; the server's disk is full"):
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, *MANY))
    assert stored(warehouse) == [(1, 1.0)]


def test_missing_database_is_permanent(postgres_url: str) -> None:
    """A name that is wrong stays wrong."""
    url = at(postgres_url, address_of(postgres_url), path="/nowhere")
    with pytest.raises(StoreAccessError, match=r'/nowhere: weather/readings: .*"nowhere" does not exist; check user, .* database'):
        open_warehouse(url).read(READINGS)


def test_too_many_connections_are_transient(warehouse: Warehouse, postgres_url: str) -> None:
    """Others will end."""
    with somebody(postgres_url) as url:
        execute_on_postgres(postgres_url, f"ALTER ROLE {url.split('//')[1].partition(':')[0]} CONNECTION LIMIT 0")
        with pytest.raises(StoreUnavailableError, match="too many connections for role"):
            open_warehouse(url).read(READINGS)


@pytest.mark.parametrize(
    ("grants", "needed"),
    [
        ([], r"GRANT CREATE ON DATABASE \w+"),
        (["USAGE ON SCHEMA weather"], "GRANT USAGE, CREATE ON SCHEMA weather"),
        (["ALL ON SCHEMA weather", "SELECT ON weather.readings"], "GRANT SELECT, INSERT, DELETE ON readings"),
    ],
)
def test_missing_grant_is_named(warehouse: Warehouse, postgres_url: str, grants: list[str], needed: str) -> None:
    """The error says which right to ask for, be it for a new schema, a new table or new rows."""
    contract = READINGS.derive("gauges", "") if len(grants) == 1 else READINGS
    with somebody(postgres_url, *grants) as url:
        if not grants:
            execute_on_postgres(postgres_url, "DROP SCHEMA weather CASCADE")
        with pytest.raises(StoreAccessError, match=rf"denied for \w+ .*; ask for {needed} TO somebody"):
            open_warehouse(url).replace_partition(contract, JANUARY, readings(JANUARY, 1.0))


def test_writer_need_not_own_the_table(warehouse: Warehouse, postgres_url: str) -> None:
    """The rights to read, insert and delete are enough for a table that has all columns; only the owner adds one."""
    widened = READINGS.derive("readings", "", added=[Column("humidity_pct", "float64", "Humidity.", nullable=True)])
    with somebody(postgres_url, "USAGE ON SCHEMA weather", "SELECT, INSERT, DELETE ON weather.readings") as url:
        open_warehouse(url).replace_partition(READINGS, JANUARY, readings(JANUARY, 2.0))
        with pytest.raises(StoreAccessError, match="only the owner adds columns: ask for ALTER TABLE readings OWNER TO somebody"):
            open_warehouse(url).replace_partition(widened, JANUARY, readings(JANUARY, 3.0).assign(humidity_pct=1.0))
    assert stored(warehouse) == [(1, 2.0)]


def test_text_with_a_nul_is_refused(warehouse: Warehouse) -> None:
    """The one character that PostgreSQL does not keep."""
    with pytest.raises(ContractError, match=r"weather/readings: .*0x00.*; .* no NUL"):
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 2.0).assign(station_code="a\0b"))
    assert stored(warehouse) == [(1, 1.0)]


def test_names_that_would_be_cut_are_refused(warehouse: Warehouse) -> None:
    """PostgreSQL cuts long names silently, and two of them may then be one."""
    with pytest.raises(ContractError, match=r"PostgreSQL keeps 63 bytes of a name; 'n+' is longer"):
        warehouse.replace_partition(READINGS.derive("n" * 64, ""), JANUARY, readings(JANUARY, 1.0))


@pytest.mark.parametrize("user_rights", [None, "CREATE ON DATABASE {}", "ALL ON SCHEMA weather"])
def test_health_check_needs_one_place_to_write(warehouse: Warehouse, postgres_url: str, user_rights: str | None) -> None:
    """Whoever may make a schema, or a table in one, is told version and clock; nothing is left behind."""
    tables = "SELECT count(*) FROM pg_class"
    before = execute_on_postgres(postgres_url, tables)
    database = postgres_url.rpartition("/")[2]
    with somebody(postgres_url, *([user_rights.format(database)] if user_rights else [])) as url:
        health = open_warehouse(url if user_rights else postgres_url).check_health()
        assert health.version.startswith("PostgreSQL 1")
        assert health.clock_at is not None
        assert abs(health.clock_at - datetime.now(timezone.utc)) < timedelta(hours=1)
    assert execute_on_postgres(postgres_url, tables) == before


def test_health_check_of_a_place_where_nothing_may_be_written(postgres_url: str) -> None:
    """The doctor says which right is missing."""
    with (
        somebody(postgres_url) as url,
        pytest.raises(StoreAccessError, match=r"health check: .*; ask for GRANT CREATE ON DATABASE"),
    ):
        open_warehouse(url).check_health()


def test_url_without_secrets(postgres_url: str) -> None:
    """Both schemes are understood; the location names host and database, and neither user nor password nor parameters."""
    url = "postgres" + postgres_url.removeprefix("postgresql")
    warehouse = open_warehouse(f"{url}?sslmode=prefer&application_name=tests")
    assert warehouse.query("SELECT current_setting('application_name')").iloc[0, 0] == "tests"
    database = postgres_url.rpartition("/")[2]
    assert warehouse.location(READINGS) == f"postgresql://{address_of(postgres_url)}/{database}: weather.readings"


@pytest.mark.parametrize("password", ["hun/ter2", "hun?ter2", "hun#ter2", "hun/t@r2", "hun%ter2", "hun@ter2", "hun[ter2"])
def test_password_that_is_not_encoded(password: str) -> None:
    """Nobody can tell where it ends; no part of it is shown."""
    with pytest.raises(SettingsError, match=r"'postgresql:\*\*\*' is not a URL: .*percent-encode") as caught:
        open_warehouse(f"postgresql://somebody:{password}@127.0.0.1/db")
    assert "hun" not in str(caught.value)


@pytest.mark.parametrize(
    ("rest", "complaint"), [("/db?no_such_parameter=1", 'parameter: "no_such_parameter"'), (":port/db", 'invalid .* "port"')]
)
def test_url_that_is_not_understood(rest: str, complaint: str) -> None:
    """What libpq does not know is named; the password is not."""
    with pytest.raises(SettingsError, match=complaint) as caught:
        open_warehouse(f"postgresql://somebody:hun%25ter2@127.0.0.1{rest}").read(READINGS)
    assert "ter2" not in str(caught.value)


def test_encryption_that_the_server_does_not_offer(postgres_url: str) -> None:
    """Parameters of libpq reach it; the answer names them."""
    with pytest.raises(StoreAccessError, match="SSL was required; check sslmode"):
        open_warehouse(f"{postgres_url}?sslmode=require").read(READINGS)
