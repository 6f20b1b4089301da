"""The warehouse in a DuckDB file: its contract, killed writers, and others who keep the file open."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import filelock
import pytest

from mlops_assets.contracts import Column
from mlops_assets.errors import ContractError, PermanentError, TransientError
from mlops_assets.partition import Partition
from mlops_assets.stores.warehouse import Warehouse, open_warehouse
from mlops_assets.stores.warehouse.duckdb_file import DuckDBWarehouse
from mlops_assets_tests.processes import let_continue, python_process, wait_for_line
from mlops_assets_tests.stores.disk_contract import DiskContract
from mlops_assets_tests.stores.warehouse_contract import WarehouseContract, stored
from mlops_assets_tests.tables import FEBRUARY, JANUARY, READINGS, readings

CHICAGO = ZoneInfo("America/Chicago")
HANG_BETWEEN_DELETE_AND_INSERT = """
import sys, time
from pathlib import Path
from mlops_assets.stores.warehouse import duckdb_file
from mlops_assets_tests.tables import JANUARY, READINGS, readings

def hang(contract):
    print("deleted", flush=True)
    time.sleep(60)

duckdb_file._order = hang
duckdb_file.DuckDBWarehouse(Path(sys.argv[1])).replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
"""
KEEP_OPEN = """
import sys
import duckdb

with duckdb.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.readline()
"""


class TestDuckDBWarehouse(WarehouseContract):
    @pytest.fixture
    def warehouse_url(self, tmp_path: Path) -> str:
        return f"duckdb:{tmp_path}/folder/warehouse.duckdb"


class TestDuckDBWarehouseOnDisks(DiskContract):
    def write(self, folder: Path, number: int) -> None:
        temperatures = [number + row / 7 for row in range(100_000)]
        open_warehouse(f"duckdb:{folder}/warehouse.duckdb").replace_partition(READINGS, JANUARY, readings(JANUARY, *temperatures))

    def read(self, folder: Path) -> list[tuple[int, float | None]]:
        return stored(open_warehouse(f"duckdb:{folder}/warehouse.duckdb"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file with readings of January and February."""
    path = tmp_path / "warehouse.duckdb"
    warehouse = DuckDBWarehouse(path)
    warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
    warehouse.replace_partition(READINGS, FEBRUARY, readings(FEBRUARY, 2.0, first_id=2))
    return path


def test_failure_inside_a_transaction_undoes_everything(path: Path) -> None:
    """A contract that adds a column and changes another fails as a whole: not even the new column stays."""
    changed = READINGS.derive(
        "readings",
        "",
        dropped=["temperature_c"],
        added=[Column("humidity_pct", "float64", "Humidity.", nullable=True), Column("temperature_c", "string", "Text.")],
    )
    warehouse = DuckDBWarehouse(path)
    with pytest.raises(ContractError, match="'temperature_c' is DOUBLE in the warehouse but VARCHAR in the contract"):
        warehouse.replace_partition(changed, JANUARY, readings(JANUARY, 9.0).assign(humidity_pct=1.0, temperature_c="warm"))
    assert warehouse.query("SELECT * FROM weather.readings").columns.tolist() == READINGS.column_names
    assert stored(warehouse) == [(1, 1.0), (2, 2.0)]


def test_table_with_a_column_of_dates_is_read_and_replaced(tmp_path: Path) -> None:
    """A table that keeps months as dates, whoever made it, is one of months: each is found and replaced alone."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA weather")
        columns = "month DATE, reading_id BIGINT, station_code VARCHAR, temperature_c DOUBLE"
        connection.execute(f"CREATE TABLE weather.readings ({columns})")
        connection.execute("INSERT INTO weather.readings VALUES ('2024-01-01', 1, 'ABC', 1), ('2024-02-01', 2, 'ABC', 2)")
    warehouse = DuckDBWarehouse(path)
    assert stored(warehouse, READINGS, JANUARY) == [(1, 1.0)]
    in_chicago = Partition("month", "2024-02", (datetime(2024, 2, 1, tzinfo=CHICAGO), datetime(2024, 3, 1, tzinfo=CHICAGO)))
    warehouse.replace_partition(READINGS, in_chicago, readings(FEBRUARY, 9.0, first_id=2))
    assert stored(warehouse) == [(1, 1.0), (2, 9.0)]


def test_killed_writer_leaves_the_previous_rows(path: Path) -> None:
    """SIGKILL between DELETE and INSERT: the old rows are there, and the next writer neither waits nor fails."""
    with python_process(HANG_BETWEEN_DELETE_AND_INSERT, path) as writer:
        wait_for_line(writer, "deleted")
        writer.kill()
        writer.wait()
    warehouse = DuckDBWarehouse(path, timeout_seconds=2)
    assert stored(warehouse) == [(1, 1.0), (2, 2.0)]
    warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
    assert stored(warehouse) == [(1, 9.0), (2, 2.0)]


def test_file_held_open_elsewhere_is_transient(path: Path) -> None:
    """A person with the file open in another program delays a step; when patience ends, the error says what to do."""
    with python_process(KEEP_OPEN, path) as other:
        wait_for_line(other, "open")
        warehouse: Warehouse = DuckDBWarehouse(path, timeout_seconds=0.3)
        with pytest.raises(TransientError, match=r"warehouse\.duckdb is held open by another program; close it and try again"):
            warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
        let_continue(other)
    assert stored(warehouse) == [(1, 1.0), (2, 2.0)]


def test_writer_waits_for_the_file(path: Path) -> None:
    """A program that closes the file in time costs nothing but time."""
    with python_process(KEEP_OPEN, path) as other:
        wait_for_line(other, "open")
        closing = threading.Timer(0.5, let_continue, [other])
        closing.start()
        warehouse = DuckDBWarehouse(path, timeout_seconds=30)
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
        closing.join()
    assert stored(warehouse) == [(1, 9.0), (2, 2.0)]


def test_step_that_never_ends_is_transient(path: Path) -> None:
    """Steps of this platform wait for each other by a lock file, but not forever."""
    began = time.monotonic()
    with filelock.FileLock(f"{path}.lock"), pytest.raises(TransientError, match=r"was in use by another step for 0\.2 s"):
        DuckDBWarehouse(path, timeout_seconds=0.2).read(READINGS)
    assert time.monotonic() - began < 5


def test_file_that_is_no_database_is_permanent(tmp_path: Path) -> None:
    """No patience helps against a file of another kind, wherever it lies."""
    path = tmp_path / "locked" / "warehouse.duckdb"
    path.parent.mkdir()
    path.write_text("not a database" * 1000)
    began = time.monotonic()
    with pytest.raises(PermanentError, match=r"cannot open the warehouse .*warehouse\.duckdb"):
        DuckDBWarehouse(path).read(READINGS)
    assert time.monotonic() - began < 5


def test_other_tools_read_the_file(path: Path) -> None:
    """The file is an ordinary DuckDB database with a schema per domain."""
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT max(temperature_c) FROM weather.readings").fetchall() == [(2.0,)]


def test_reading_a_warehouse_that_is_not_there_makes_no_file(tmp_path: Path) -> None:
    """Whoever only looks leaves no trace, not even a folder."""
    warehouse = open_warehouse(f"duckdb:{tmp_path / 'folder' / 'warehouse.duckdb'}")
    assert warehouse.read(READINGS).empty
    assert warehouse.partitions(READINGS) == []
    assert list(tmp_path.iterdir()) == []
