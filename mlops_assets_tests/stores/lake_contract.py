"""What the lake does over any object storage. To test it over another one, subclass and give the fixture `storage`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.preprocessing import StandardScaler

from mlops_assets.contracts.frames import empty_frame, to_arrow
from mlops_assets.errors import ContractError, MissingPartitionError
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import Lake, LakeAddress
from mlops_assets.stores.objects import ObjectStorage
from mlops_assets_tests.tables import EVERY_TYPE, FEBRUARY, JANUARY, READINGS, RENAMED_READINGS, readings, rows_of_every_type

ASSET = ("weather", "readings")
IN_JANUARY, IN_FEBRUARY = LakeAddress(ASSET, JANUARY), LakeAddress(ASSET, FEBRUARY)
WHOLE = LakeAddress(("weather", "stations"))


def table(month: Partition, *temperatures_c: float | None) -> pa.Table:
    return to_arrow(readings(month, *temperatures_c), READINGS)


class LakeContract:
    @pytest.fixture
    def storage(self) -> ObjectStorage:
        """Give an empty storage."""
        raise NotImplementedError

    @pytest.fixture
    def lake(self, storage: ObjectStorage) -> Lake:
        return Lake(storage)

    def test_table_comes_back(self, lake: Lake) -> None:
        """Every type, extreme values and nulls survive."""
        written = to_arrow(rows_of_every_type(), EVERY_TYPE)
        lake.write(WHOLE, written)
        assert lake.read(WHOLE).equals(written)

    def test_partitions_do_not_touch_each_other(self, lake: Lake) -> None:
        """Each partition has its own rows."""
        lake.write(IN_JANUARY, table(JANUARY, 1.0))
        lake.write(IN_FEBRUARY, table(FEBRUARY, 2.0, 3.0))
        assert lake.read(IN_JANUARY)["temperature_c"].to_pylist() == [1.0]
        assert lake.read(IN_FEBRUARY)["temperature_c"].to_pylist() == [2.0, 3.0]

    def test_second_write_replaces_partition(self, lake: Lake, storage: ObjectStorage) -> None:
        """A rerun leaves its own rows and nothing of the run before."""
        lake.write(IN_JANUARY, table(JANUARY, 1.0, 2.0, 3.0))
        lake.write(IN_JANUARY, table(JANUARY, 4.0))
        assert lake.read(IN_JANUARY)["temperature_c"].to_pylist() == [4.0]
        assert len(list(storage.names(""))) == 1

    def test_same_rows_give_the_same_bytes(self, lake: Lake, storage: ObjectStorage) -> None:
        """A repeated run can be told from a changed one by the bytes alone; fitted objects too."""

        def written_bytes(uri_of: LakeAddress) -> bytes:
            lake.write(uri_of, to_arrow(rows_of_every_type(), EVERY_TYPE))
            lake.write_object(uri_of, StandardScaler().fit(np.array([[1.0], [3.0]])))
            return b"".join(storage.open(name).read() for name in storage.names(uri_of.folder))

        assert written_bytes(IN_JANUARY) == written_bytes(IN_JANUARY) == written_bytes(IN_FEBRUARY)

    def test_missing_partition_names_asset_partition_and_path(self, lake: Lake, storage: ObjectStorage) -> None:
        """Who meets a missing partition knows what to materialize and where it was looked for."""
        lake.write(IN_FEBRUARY, table(FEBRUARY, 2.0))
        with pytest.raises(MissingPartitionError) as raised:
            lake.read(IN_JANUARY)
        assert str(raised.value) == (
            "weather/readings, month 2024-01 has not been materialized: there is nothing at "
            f"{storage.uri('weather/readings/month=2024-01/data.parquet')}; materialize it first"
        )
        with pytest.raises(MissingPartitionError, match=r"^weather/stations has not been materialized: .*object.joblib"):
            lake.read_object(WHOLE)

    def test_columns_are_projected(self, lake: Lake) -> None:
        """Only the columns asked for are read; one that the object does not have is absent."""
        lake.write(IN_JANUARY, table(JANUARY, 1.0, None))
        projected = lake.read(IN_JANUARY, ["temperature_c", "humidity_pct"])
        assert projected.to_pydict() == {"temperature_c": [1.0, None]}
        assert lake.read(IN_JANUARY, ["humidity_pct"]).num_rows == 2

    def test_rows_are_filtered(self, lake: Lake) -> None:
        """A condition on rows may use columns that are not asked for."""
        lake.write(IN_JANUARY, table(JANUARY, 1.0, 5.0, 9.0))
        warm = pc.field("temperature_c") > 4
        assert lake.read(IN_JANUARY, rows=warm)["reading_id"].to_pylist() == [2, 3]
        assert lake.read(IN_JANUARY, ["reading_id"], warm).to_pydict() == {"reading_id": [2, 3]}

    def test_renamed_column_is_found_under_its_new_name(self, lake: Lake, storage: ObjectStorage) -> None:
        """Objects of earlier releases and of this one are read alike, whole or by column, and none is written anew."""
        lake.write(IN_JANUARY, table(JANUARY, 1.0, None))
        lake.write(IN_FEBRUARY, table(FEBRUARY, 2.0).rename_columns(RENAMED_READINGS.column_names))
        with storage.open(f"{IN_JANUARY.folder}/data.parquet") as file:
            before = file.read()
        whole = [lake.read(address, contract=RENAMED_READINGS) for address in (IN_JANUARY, IN_FEBRUARY)]
        assert pa.concat_tables(whole).column_names == RENAMED_READINGS.column_names
        wanted = ["air_temperature_c", "humidity_pct"]
        projected = [lake.read(address, wanted, contract=RENAMED_READINGS) for address in (IN_JANUARY, IN_FEBRUARY)]
        assert pa.concat_tables(projected).to_pydict() == {"air_temperature_c": [1.0, None, 2.0]}
        with storage.open(f"{IN_JANUARY.folder}/data.parquet") as file:
            assert file.read() == before

    def test_rows_are_filtered_by_a_renamed_column(self, lake: Lake) -> None:
        """A condition has today's names, whatever those of the object, and its columns need not be asked for."""
        warm = pc.field("air_temperature_c") > 4
        lake.write(IN_JANUARY, table(JANUARY, 1.0, 5.0))
        lake.write(IN_FEBRUARY, table(FEBRUARY, 9.0).rename_columns(RENAMED_READINGS.column_names))
        found = [lake.read(address, ["reading_id"], warm, RENAMED_READINGS) for address in (IN_JANUARY, IN_FEBRUARY)]
        assert pa.concat_tables(found).to_pydict() == {"reading_id": [2, 1]}
        assert lake.read(IN_JANUARY, rows=warm, contract=RENAMED_READINGS)["air_temperature_c"].to_pylist() == [5.0]

    def test_column_under_both_names_is_refused(self, lake: Lake) -> None:
        """Nobody can tell which values count; the error names the partition."""
        both = table(JANUARY, 1.0).append_column("air_temperature_c", pa.array([2.0]))
        lake.write(IN_JANUARY, both)
        with pytest.raises(
            ContractError, match=r"^cannot read weather/readings, month 2024-01: .*'temperature_c' was renamed to 'air_temp.* both"
        ):
            lake.read(IN_JANUARY, ["air_temperature_c"], contract=RENAMED_READINGS)

    def test_rows_are_counted_without_reading_them(self, lake: Lake) -> None:
        """A partition says how many rows it has; one that is not there says nothing."""
        lake.write(IN_JANUARY, table(JANUARY, 1.0, 2.0))
        assert lake.row_count(IN_JANUARY) == 2
        assert lake.row_count(IN_FEBRUARY) is None

    def test_empty_table_is_a_table(self, lake: Lake) -> None:
        """A month without rows is materialized, with all its columns."""
        nothing = to_arrow(empty_frame(EVERY_TYPE), EVERY_TYPE)
        lake.write(IN_JANUARY, nothing)
        assert lake.exists(IN_JANUARY)
        assert lake.row_count(IN_JANUARY) == 0
        assert lake.read(IN_JANUARY).equals(nothing)

    def test_fitted_object_comes_back(self, lake: Lake) -> None:
        """A transformer does after reading what it did before writing; a second one replaces it."""
        lake.write_object(WHOLE, "an earlier object")
        lake.write_object(WHOLE, StandardScaler().fit(np.array([[1.0], [3.0]])))
        assert lake.exists(WHOLE)
        assert lake.read_object(WHOLE).transform(np.array([[2.0], [4.0]])).tolist() == [[0.0], [2.0]]

    def test_write_says_where_and_how_much(self, lake: Lake, storage: ObjectStorage) -> None:
        """The caller can tell people where the object is, its rows and its bytes."""
        stored = lake.write(IN_JANUARY, table(JANUARY, 1.0, 2.0))
        assert stored.uri == storage.uri("weather/readings/month=2024-01/data.parquet")
        assert stored.row_count == 2
        with storage.open("weather/readings/month=2024-01/data.parquet") as file:
            assert stored.size_bytes == file.size()

    def test_partitions_are_listed_in_order(self, lake: Lake) -> None:
        """An asset knows its partitions, whichever was written first, and not those of assets with a similar name."""
        for month in ("2024-02", "2023-12", "2024-01"):
            lake.write(LakeAddress(ASSET, Partition("month", month)), table(JANUARY))
        lake.write(LakeAddress(("weather", "readings_of_others"), Partition("month", "1999-01")), table(JANUARY))
        assert list(lake.partitions(ASSET)) == ["2023-12", "2024-01", "2024-02"]
        assert list(lake.partitions(("weather", "nothing"))) == []

    def test_only_what_the_lake_has_written_is_a_partition(self, lake: Lake, storage: ObjectStorage) -> None:
        """Neither files of others nor empty folders count, and a partition with a table and an object counts once."""
        lake.write(IN_JANUARY, table(JANUARY, 1.0))
        lake.write_object(IN_JANUARY, "a fitted object")
        for name in (
            "month=2024-02/notes.txt",
            "month=2024-03/old/data.parquet",
            "backup/data.parquet",
            "month=2024-04/data.parquet~",
        ):
            storage.put(f"weather/readings/{name}", b"1")
        assert list(lake.partitions(ASSET)) == ["2024-01"]

    def test_hours_and_dynamic_keys_are_partitions(self, lake: Lake) -> None:
        """Each of them is an object of its own, whatever its key is made of, and is listed under the key that was written."""
        keys = ["../up", "2024-10-27-02:00", "2024-10-27-02:00+0100", '50% \\ "=', "a", "a/b", "ä"]
        asset = ("weather", "plays")
        for number, key in enumerate(keys):
            lake.write(LakeAddress(asset, Partition("part", key)), table(JANUARY, float(number)))
        assert sorted(lake.partitions(asset)) == keys
        for number, key in enumerate(keys):
            assert lake.read(LakeAddress(asset, Partition("part", key)))["temperature_c"].to_pylist() == [number]

    def test_asset_without_partitions_lists_none(self, lake: Lake) -> None:
        """A whole asset has no partitions, and is not one of its own."""
        lake.write(WHOLE, table(JANUARY, 1.0))
        assert lake.exists(WHOLE)
        assert list(lake.partitions(WHOLE.asset)) == []
