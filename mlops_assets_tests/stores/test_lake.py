"""The lake over files: its contract, paths that other tools read, and a writer killed in the middle."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pytest

from mlops_assets.contracts.frames import to_arrow
from mlops_assets.stores.lake import Lake, LakeAddress, open_lake
from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets_tests.processes import python_process, wait_for_line
from mlops_assets_tests.stores.lake_contract import IN_FEBRUARY, IN_JANUARY, LakeContract, table
from mlops_assets_tests.tables import FEBRUARY, JANUARY, READINGS, readings

WRITE_UNTIL_KILLED = """
import os, sys, time
import pyarrow as pa
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import LakeAddress, open_lake

def hang(descriptor):
    print("written", flush=True)
    time.sleep(60)

os.fsync = hang
january = LakeAddress(("weather", "readings"), Partition("month", "2024-01"))
open_lake(sys.argv[1]).write(january, pa.table({"temperature_c": [9.0]}))
"""


class TestLakeOverFiles(LakeContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> ObjectStorage:
        return open_object_storage(f"file:{tmp_path}/lake")


@pytest.fixture
def two_months(tmp_path: Path) -> Lake:
    """Give a lake that holds January and February, without a column for the month."""
    lake = open_lake(f"file:{tmp_path}")
    contract = READINGS.derive("readings", "", dropped=["month"])
    for address, month, temperatures in ((IN_JANUARY, JANUARY, (1.0,)), (IN_FEBRUARY, FEBRUARY, (2.0, 3.0))):
        lake.write(address, to_arrow(readings(month, *temperatures).drop(columns="month"), contract))
    return lake


def test_duckdb_reads_partitions_by_path(two_months: Lake, tmp_path: Path) -> None:
    """SQL sees one table, with the partition as a column that the path gives."""
    rows = duckdb.sql(
        f"SELECT month, sum(temperature_c) FROM read_parquet('{tmp_path}/weather/readings/*/*.parquet', "
        "hive_partitioning=true, hive_types_autocast=false) GROUP BY month ORDER BY month"
    ).fetchall()
    assert rows == [("2024-01", 1.0), ("2024-02", 5.0)]


def test_arrow_reads_partitions_by_path(two_months: Lake, tmp_path: Path) -> None:
    """Arrow and everything built on it does, too, and skips the objects of other partitions."""
    dataset = ds.dataset(tmp_path / "weather/readings", partitioning="hive")
    february = dataset.to_table(filter=ds.field("month") == "2024-02")
    assert february.select(["month", "temperature_c"]).to_pydict() == {"month": ["2024-02"] * 2, "temperature_c": [2.0, 3.0]}


def test_killed_writer_leaves_the_old_partition(tmp_path: Path) -> None:
    """SIGKILL while a partition is replaced: readers keep the old rows, and a rerun leaves what an undisturbed run leaves."""
    lake = open_lake(f"file:{tmp_path}")
    lake.write(IN_JANUARY, table(JANUARY, 1.0))
    with python_process(WRITE_UNTIL_KILLED, f"file:{tmp_path}") as writer:
        wait_for_line(writer, "written")
        writer.kill()
        writer.wait()
    assert lake.read(IN_JANUARY)["temperature_c"].to_pylist() == [1.0]
    assert list(lake.partitions(IN_JANUARY.asset)) == ["2024-01"]
    lake.write(IN_JANUARY, table(JANUARY, 9.0, 9.0))
    assert lake.read(IN_JANUARY)["temperature_c"].to_pylist() == [9.0, 9.0]
    assert [path.name for path in (tmp_path / IN_JANUARY.folder).iterdir()] == ["data.parquet"]


def test_address_reads_like_a_sentence() -> None:
    """Errors and logs name an address the way people do."""
    assert str(IN_JANUARY) == "weather/readings, month 2024-01"
    assert str(LakeAddress(("weather", "stations"))) == "weather/stations"
