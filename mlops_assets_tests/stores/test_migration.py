"""Data moves between stores byte for byte and row for row, and a second copy finds nothing to do."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlops_assets.contracts import TableContract
from mlops_assets.errors import PermanentError
from mlops_assets.stores.migration import Copied, copy_objects, copy_table
from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets.stores.warehouse import Warehouse, open_warehouse
from mlops_assets.stores.warehouse.duckdb_file import DuckDBWarehouse
from mlops_assets_tests.services.buckets import fresh_bucket
from mlops_assets_tests.tables import EVERY_TYPE, FEBRUARY, JANUARY, MARCH, READINGS, readings, rows_of_every_type

STATIONS = READINGS.derive("stations", "A table without partitions.", dropped=["month"])


@pytest.fixture
def laptop(tmp_path: Path) -> ObjectStorage:
    """Give a folder with two objects of one domain and one of another."""
    storage = open_object_storage(f"file:{tmp_path}/laptop")
    storage.put("weather/readings/month=2024-01/data.parquet", b"january")
    storage.put("weather/scale/object.joblib", b"")
    storage.put("weather_elsewhere/readings/data.parquet", b"another domain")
    return storage


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Give a warehouse with every type of column, and a table without partitions."""
    warehouse = open_warehouse(f"duckdb:{tmp_path}/laptop.duckdb")
    warehouse.replace_partition(EVERY_TYPE, JANUARY, rows_of_every_type())
    warehouse.replace_partition(EVERY_TYPE, FEBRUARY, rows_of_every_type(FEBRUARY).assign(row_id=[4, 5, 6]))
    warehouse.upsert(STATIONS, readings(JANUARY, 1.0, 2.0).drop(columns="month"))
    return warehouse


def test_objects_of_a_domain_are_copied(laptop: ObjectStorage, s3_url: str) -> None:
    """From a folder to a bucket: all objects of the domain, with their names and bytes, and no others."""
    bucket = open_object_storage(fresh_bucket(s3_url))
    bucket.prepare()
    copied = list(copy_objects(laptop, bucket, "weather/"))
    assert [(part.name, part.size, part.already_present) for part in copied] == [
        ("weather/readings/month=2024-01/data.parquet", 7, False),
        ("weather/scale/object.joblib", 0, False),
    ]
    assert list(bucket.names("")) == [part.name for part in copied]
    with bucket.open("weather/readings/month=2024-01/data.parquet") as file:
        assert file.read() == b"january"


def test_second_copy_writes_only_what_changed(laptop: ObjectStorage, tmp_path: Path) -> None:
    """An interrupted copy is finished by doing it again."""
    target = open_object_storage(f"file:{tmp_path}/target")
    list(copy_objects(laptop, target, "weather/"))
    laptop.put("weather/scale/object.joblib", b"changed")
    copied = list(copy_objects(laptop, target, "weather/"))
    assert [part.already_present for part in copied] == [True, False]
    with target.open("weather/scale/object.joblib") as file:
        assert file.read() == b"changed"


def test_object_that_reads_back_differently_is_an_error(laptop: ObjectStorage, tmp_path: Path) -> None:
    """A store that loses a byte is found out."""

    class LossyFolder(type(open_object_storage(f"file:{tmp_path}"))):  # type: ignore[misc]
        def put(self, name: str, data: bytes) -> None:
            super().put(name, bytes(data)[:-1])

    with pytest.raises(PermanentError, match=r"data\.parquet is not what was copied"):
        list(copy_objects(laptop, LossyFolder(tmp_path / "lossy"), "weather/"))


def test_table_is_copied_partition_by_partition(warehouse: Warehouse, tmp_path: Path) -> None:
    """Every value of every type arrives, and rows that the target has in other partitions stay."""
    target = DuckDBWarehouse(tmp_path / "target.duckdb")
    target.replace_partition(EVERY_TYPE, MARCH, rows_of_every_type(MARCH).assign(row_id=[7, 8, 9]))
    copied = list(copy_table(warehouse, target, EVERY_TYPE))
    assert [(part.name, part.size) for part in copied] == [
        ("weather/every_type, partition 2024-01-01", 3),
        ("weather/every_type, partition 2024-02-01", 3),
    ]
    pd.testing.assert_frame_equal(target.read(EVERY_TYPE, [JANUARY, FEBRUARY]), warehouse.read(EVERY_TYPE))
    assert len(target.read(EVERY_TYPE)) == 9
    assert all(part.already_present for part in copy_table(warehouse, target, EVERY_TYPE))


@pytest.mark.parametrize("contract", [STATIONS, READINGS])
def test_table_without_partitions_or_rows_is_copied(warehouse: Warehouse, tmp_path: Path, contract: TableContract) -> None:
    """A whole table replaces the target's; a table that was never made has nothing to copy."""
    target = DuckDBWarehouse(tmp_path / "target.duckdb")
    copied: list[Copied] = list(copy_table(warehouse, target, contract))
    assert [part.size for part in copied] == ([2] if contract is STATIONS else [])
    assert target.read(contract).equals(warehouse.read(contract))
