"""What every warehouse must do. To test another one, subclass and give the fixture `warehouse_url`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from mlops_assets.contracts import Column, ColumnType, TableContract
from mlops_assets.contracts.frames import empty_frame, to_arrow, to_pandas
from mlops_assets.errors import ContractError
from mlops_assets.partition import Partition
from mlops_assets.stores.warehouse import Warehouse, open_warehouse
from mlops_assets_tests.processes import let_continue, python_process, wait_for_line
from mlops_assets_tests.tables import (
    EVERY_TYPE,
    FEBRUARY,
    JANUARY,
    MARCH,
    READINGS,
    RENAMED_READINGS,
    first_day,
    plays_by,
    readings,
    renamed,
    rows_of_every_type,
)

HUMIDITY = Column("humidity_pct", "float64", "Humidity.", nullable=True)
WITH_HUMIDITY = READINGS.derive("readings", "", added=[HUMIDITY])
WRITE_A_MONTH = """
import sys
from mlops_assets.partition import Partition
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets_tests import tables

warehouse = open_warehouse(sys.argv[1])
month, first_id, contract = Partition("month", sys.argv[2]), int(sys.argv[3]), getattr(tables, sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
for round in range(3):
    rows = tables.readings(month, *[float(round)] * 10, first_id=first_id).rename(columns=contract.former_names)
    warehouse.replace_partition(contract, month, rows)
"""
NASTY_TEXTS = [
    *("", " ", "space at the end ", "NULL", "null", "\\N", "\\", "\\\\n", "NaN", "0", "{}", "\ufffd"),
    *("tab\tnewline\nreturn\r\n", "'", '"', "`", "',NULL),(", "%s", "$1", "ä", "a\u0308", "\ufeff", "🚓" * 300, "x" * 1_000_000),
]
EXTREME_FLOATS = [0.1 + 0.2, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1 / 3, 1e22, 123456789.123456789]
EXTREME_FLOATS_32 = [0.1, 1.1754943508222875e-38, 3.4028234663852886e38, 16777215.0, -1 / 3, 1e10, 123456.7890625]


def stored(warehouse: Warehouse, contract: TableContract = READINGS, *partitions: Partition) -> list[tuple[int, float | None]]:
    """Return id and temperature of the rows of some or all partitions, in the order in which the warehouse gives them."""
    frame = warehouse.read(contract, list(partitions) or None)
    return list(frame[["reading_id", "temperature_c"]].itertuples(index=False, name=None))


def renamed_readings(month: Partition, *temperatures_c: float, first_id: int = 1) -> pd.DataFrame:
    """Return readings as a later release has them."""
    return readings(month, *temperatures_c, first_id=first_id).rename(columns=RENAMED_READINGS.former_names)


def let_column_be_renamed_while_read(warehouse: Warehouse, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another warehouse write March, and rename a column, when the next reader has looked at the table's columns."""
    tables = importlib.import_module(f"{type(warehouse).__module__}_tables")
    look = tables.columns_present

    def look_and_let_others_write(*arguments: Any) -> dict[str, str]:
        monkeypatch.setattr(tables, "columns_present", look)
        found: dict[str, str] = look(*arguments)
        open_warehouse(url).replace_partition(RENAMED_READINGS, MARCH, renamed_readings(MARCH, 4.0, first_id=4))
        return found

    monkeypatch.setattr(tables, "columns_present", look_and_let_others_write)


def write_at_once(url: str, months_and_first_ids: Sequence[tuple[Partition, int]], contract_name: str = "READINGS") -> None:
    """Let processes begin at the same moment to write ten rows each, three times over; none may fail."""
    with ExitStack() as running:
        writers = [
            running.enter_context(python_process(WRITE_A_MONTH, url, month.key, first_id, contract_name))
            for month, first_id in months_and_first_ids
        ]
        for writer in writers:
            wait_for_line(writer, "ready")
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
        for writer in writers:
            let_continue(writer)


NASTY_KEYS = ["'); DROP TABLE weather.plays; --", "%s $1 ?", "A", "A ", "\\", "a", "a/b=c\\'", "playlist 50%.csv", "Á"]
MADRID = ZoneInfo("Europe/Madrid")


def hour(number: int) -> Partition:
    """Return an hour as Dagster makes it, counted from 26 October 2024 00:00 in Madrid, a day before clocks go back."""
    start = (datetime(2024, 10, 26, tzinfo=MADRID).astimezone(timezone.utc) + timedelta(hours=number)).astimezone(MADRID)
    end = (start.astimezone(timezone.utc) + timedelta(hours=1)).astimezone(MADRID)
    return Partition("hour", f"{start:%Y-%m-%d-%H:%M%z}", (start, end))


def start_of(partition: Partition) -> datetime:
    """Return when a partition begins, in UTC."""
    assert partition.window is not None
    return partition.window[0].astimezone(timezone.utc)


def plays(part: datetime | str, *play_ids: int, count: int = 1) -> pd.DataFrame:
    """Return rows of a partition of the table `plays`."""
    parts = pd.Series([part] * len(play_ids), dtype="string[pyarrow]" if isinstance(part, str) else "datetime64[us, UTC]")
    return pd.DataFrame({"part": parts, "play_id": pd.Series(play_ids, dtype="int64"), "count": count})


class WarehouseContract:
    KEEPS_INFINITY = True
    """Whether the warehouse has infinite numbers; if not, it refuses them."""

    TABLE = "weather.readings"
    """How people write the table of `READINGS`."""

    def every_type(self) -> pd.DataFrame:
        """Return rows of every type, the extreme ones without infinity where there is none."""
        frame = rows_of_every_type()
        if not self.KEEPS_INFINITY:
            frame.loc[frame["some_float32"] == float("inf"), "some_float32"] = EXTREME_FLOATS_32[2]
        return frame

    @pytest.fixture
    def warehouse_url(self) -> str:
        """Give the URL of a warehouse without tables."""
        raise NotImplementedError

    @pytest.fixture
    def warehouse(self, warehouse_url: str) -> Warehouse:
        return open_warehouse(warehouse_url)

    @pytest.fixture
    def two_months(self, warehouse: Warehouse) -> Warehouse:
        """Give a warehouse with readings of January and February."""
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0, 2.0))
        warehouse.replace_partition(READINGS, FEBRUARY, readings(FEBRUARY, 3.0, first_id=3))
        return warehouse

    def test_partition_is_replaced_and_no_other(self, two_months: Warehouse) -> None:
        """A rerun leaves the rows of its partition once, and the other partitions as they were."""
        for _ in range(2):
            two_months.replace_partition(READINGS, JANUARY, readings(JANUARY, 8.0, 9.0, first_id=8))
        assert stored(two_months) == [(3, 3.0), (8, 8.0), (9, 9.0)]

    def test_partitions_are_read_alone_or_together(self, two_months: Warehouse) -> None:
        """Whoever asks for some partitions gets their rows only, in the order of the key."""
        assert stored(two_months, READINGS, JANUARY) == [(1, 1.0), (2, 2.0)]
        assert stored(two_months, READINGS, FEBRUARY, JANUARY) == [(1, 1.0), (2, 2.0), (3, 3.0)]
        assert stored(two_months, READINGS, MARCH) == []
        assert len(two_months.read(READINGS, [])) == 0

    def test_partitions_with_rows_are_listed(self, two_months: Warehouse) -> None:
        """Who copies a table goes through its partitions; one that was emptied is none, and a table not made has none."""
        assert [partition.key for partition in two_months.partitions(READINGS)] == ["2024-01-01", "2024-02-01"]
        two_months.replace_partition(READINGS, JANUARY, empty_frame(READINGS))
        (kept,) = two_months.partitions(READINGS)
        assert stored(two_months, READINGS, kept) == stored(two_months, READINGS, FEBRUARY) == [(3, 3.0)]
        assert two_months.partitions(READINGS.derive("unknown", "")) == []

    def test_empty_frame_empties_its_partition(self, two_months: Warehouse) -> None:
        """A month without rows replaces what was there by nothing."""
        two_months.replace_partition(READINGS, JANUARY, empty_frame(READINGS))
        assert stored(two_months) == [(3, 3.0)]

    def test_whole_table_is_replaced(self, two_months: Warehouse) -> None:
        """Without a partition, the frame is the table."""
        two_months.replace_partition(READINGS, None, readings(MARCH, 7.0, first_id=7))
        assert stored(two_months) == [(7, 7.0)]

    def test_upsert_replaces_by_key(self, two_months: Warehouse) -> None:
        """Rows with a known key are replaced, others added, and doing it twice changes nothing more."""
        for _ in range(2):
            two_months.upsert(READINGS, readings(MARCH, 22.0, 33.0, 44.0, first_id=2))
        assert stored(two_months) == [(1, 1.0), (2, 22.0), (3, 33.0), (4, 44.0)]
        assert two_months.read(READINGS)["month"].tolist() == [first_day(month) for month in (JANUARY, MARCH, MARCH, MARCH)]

    def test_upsert_makes_the_table(self, warehouse: Warehouse) -> None:
        """The first rows of a table may come by upsert, and an upsert of nothing changes nothing."""
        warehouse.upsert(READINGS, readings(JANUARY, 1.0, 2.0))
        warehouse.upsert(READINGS, empty_frame(READINGS))
        assert stored(warehouse) == [(1, 1.0), (2, 2.0)]

    def test_keys_differ_in_any_character(self, warehouse: Warehouse) -> None:
        """Upper and lower case, accents and spaces at the end make different keys, however similar they look."""
        by_station = replace(READINGS, key=("station_code",), partition_column=None)
        codes = ["A", "A ", "a", "Á", "A\u0301"]
        for temperature in (1.0, 2.0):
            warehouse.upsert(by_station, readings(JANUARY, *[temperature] * 5).assign(station_code=codes))
        warehouse.upsert(by_station, readings(JANUARY, 3.0).assign(station_code="a"))
        frame = warehouse.read(by_station)
        found = dict(zip(frame["station_code"], frame["temperature_c"], strict=True))
        assert found == {"A": 2.0, "A ": 2.0, "a": 3.0, "Á": 2.0, "A\u0301": 2.0}
        assert len(frame) == 5

    def test_upsert_needs_a_key(self, warehouse: Warehouse) -> None:
        """Without a key, nobody can tell which rows are to be replaced."""
        with pytest.raises(ContractError, match="weather/readings has no key"):
            warehouse.upsert(READINGS.derive("readings", "", key=()), readings(JANUARY, 1.0))

    def test_rows_are_in_the_order_of_the_key(self, warehouse: Warehouse) -> None:
        """The same rows look the same, whatever the order of the frame."""
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0, 2.0, 3.0).iloc[[2, 0, 1]])
        assert stored(warehouse) == [(1, 1.0), (2, 2.0), (3, 3.0)]

    def test_every_type_survives(self, warehouse: Warehouse) -> None:
        """Nulls, moments in UTC to the microsecond, dates, flags, emoji, extreme numbers: written, read, unchanged."""
        written = to_pandas(to_arrow(self.every_type(), EVERY_TYPE))
        warehouse.replace_partition(EVERY_TYPE, JANUARY, written)
        pd.testing.assert_frame_equal(warehouse.read(EVERY_TYPE), written)

    def test_texts_are_kept_to_the_character(self, warehouse: Warehouse) -> None:
        """Texts that mean something in a protocol, that look like others, or that are long, come back as they were."""
        texts = pd.Series(NASTY_TEXTS, dtype="string[pyarrow]")
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, *[1.0] * len(texts)).assign(station_code=texts))
        assert warehouse.read(READINGS)["station_code"].tolist() == NASTY_TEXTS

    def test_floats_are_kept_to_the_bit(self, warehouse: Warehouse) -> None:
        """No digit is lost on the way, and none is made up."""
        frame = pd.concat([self.every_type().tail(1)] * len(EXTREME_FLOATS), ignore_index=True)
        frame = frame.assign(
            row_id=range(len(frame)), some_float64=EXTREME_FLOATS, some_float32=np.array(EXTREME_FLOATS_32, "float32")
        )
        warehouse.replace_partition(EVERY_TYPE, JANUARY, frame)
        found = warehouse.read(EVERY_TYPE)
        assert found["some_float64"].tolist() == EXTREME_FLOATS
        assert found["some_float32"].tolist() == np.array(EXTREME_FLOATS_32, "float32").tolist()

    def test_infinity_is_kept_or_refused(self, warehouse: Warehouse) -> None:
        """An infinite number is never made into another silently."""
        frame = readings(JANUARY, float("inf"), float("-inf"))
        if self.KEEPS_INFINITY:
            warehouse.replace_partition(READINGS, JANUARY, frame)
            assert stored(warehouse) == [(1, float("inf")), (2, float("-inf"))]
        else:
            with pytest.raises(ContractError, match="weather/readings: column 'temperature_c' holds an infinite number"):
                warehouse.replace_partition(READINGS, JANUARY, frame)

    def test_documents_come_back_in_one_notation(self, warehouse: Warehouse) -> None:
        """However a document was written, it is read with sorted keys and no spaces, its texts and nulls as they were."""
        frame = self.every_type()
        frame["some_json"] = ['{"b": 1, "a": [1.50, "ß\\u00df", null, {"d": "", "c": true}]}', '"NULL"', " null "]
        warehouse.replace_partition(EVERY_TYPE, JANUARY, frame)
        expected = ['{"a":[1.5,"ßß",null,{"c":true,"d":""}],"b":1}', '"NULL"', "null"]
        assert warehouse.read(EVERY_TYPE)["some_json"].tolist() == expected

    def test_names_keep_their_case(self, warehouse: Warehouse) -> None:
        """A name in a contract is the name in the warehouse."""
        contract = READINGS.derive("Readings_of_Masts", "", added=[Column("Mast_ID", "string", "Mast.")])
        warehouse.replace_partition(contract, JANUARY, readings(JANUARY, 1.0).assign(Mast_ID="A1"))
        assert warehouse.read(contract, [JANUARY]).columns.tolist() == contract.column_names
        assert warehouse.location(contract).endswith("Readings_of_Masts")

    def test_sums_and_means_are_numbers(self, two_months: Warehouse) -> None:
        """What SQL computes can be computed with."""
        row = two_months.query(f"SELECT count(*) AS n, sum(reading_id) AS s, avg(reading_id) AS m FROM {self.TABLE}").iloc[0]
        assert (row["n"] + 1, row["s"] + 1, row["m"] + 0.5) == (4, 7, 2.5)

    def test_moment_of_another_zone_is_the_same_moment(self, warehouse: Warehouse) -> None:
        """The hour that clocks in Chicago show twice is two hours in UTC."""
        moments = ["2024-11-03 01:30-05:00", "2024-11-03 01:30-06:00"]
        frame = self.every_type().head(2)
        frame["some_timestamp"] = pd.to_datetime(moments, utc=True).tz_convert("America/Chicago")
        warehouse.replace_partition(EVERY_TYPE, JANUARY, frame)
        in_utc = warehouse.read(EVERY_TYPE)["some_timestamp"].astype(str).tolist()
        assert in_utc == ["2024-11-03 06:30:00+00:00", "2024-11-03 07:30:00+00:00"]

    def test_not_a_number_is_null(self, warehouse: Warehouse) -> None:
        """NaN means missing: SQL counts it as missing, and a frame gets it back as NaN."""
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0, float("nan")))
        counted = warehouse.query(f"SELECT count(*) AS n, count(temperature_c) AS known FROM {self.TABLE}")
        assert counted.to_dict("records") == [{"n": 2, "known": 1}]
        assert np.isnan(warehouse.read(READINGS)["temperature_c"].iloc[1])

    def test_text_is_data(self, warehouse: Warehouse) -> None:
        """Quotes and semicolons in a value are part of the value."""
        nasty = "'; DROP TABLE weather.readings; --\"\\"
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0).assign(station_code=nasty))
        assert warehouse.read(READINGS)["station_code"].tolist() == [nasty]

    def test_table_not_made_yet_is_empty(self, warehouse: Warehouse) -> None:
        """Reading before the first write gives the columns and no rows."""
        pd.testing.assert_frame_equal(warehouse.read(READINGS), empty_frame(READINGS))
        pd.testing.assert_frame_equal(warehouse.read(READINGS, [JANUARY]), empty_frame(READINGS))

    def test_added_column_is_null_in_earlier_rows(self, two_months: Warehouse) -> None:
        """A contract may gain a column: readable at once, filled by the next write, null in rows written before."""
        assert two_months.read(WITH_HUMIDITY)["humidity_pct"].isna().all()
        march = readings(MARCH, 4.0, first_id=4).assign(humidity_pct=55.0)
        two_months.replace_partition(WITH_HUMIDITY, MARCH, march)
        frame = two_months.read(WITH_HUMIDITY)
        assert frame["humidity_pct"].fillna(-1).tolist() == [-1, -1, -1, 55.0]
        assert stored(two_months, WITH_HUMIDITY) == stored(two_months)

    def test_removed_column_is_left_behind(self, two_months: Warehouse) -> None:
        """A contract may lose a column: writing and reading go on without it."""
        narrowed = READINGS.derive("readings", "", dropped=["station_code"])
        two_months.replace_partition(narrowed, MARCH, readings(MARCH, 4.0, first_id=4).drop(columns="station_code"))
        assert two_months.read(narrowed).columns.tolist() == narrowed.column_names
        assert stored(two_months, narrowed)[-1] == (4, 4.0)

    def test_changed_type_is_an_error_that_changes_nothing(self, two_months: Warehouse) -> None:
        """A column never changes its type silently; the error names table, column and both types."""
        as_text = READINGS.derive("readings", "", dropped=["temperature_c"], added=[Column("temperature_c", "string", "Text.")])
        before = stored(two_months)
        frame = readings(JANUARY, 1.0).assign(temperature_c="warm")
        with pytest.raises(ContractError, match=r"weather/readings: column 'temperature_c' is .* in the warehouse but .*"):
            two_months.replace_partition(as_text, JANUARY, frame)
        assert stored(two_months) == before

    def test_renamed_column_is_read_before_any_write(self, two_months: Warehouse) -> None:
        """Rows of an earlier release are read under today's names, and reading leaves the table as it is."""
        assert two_months.read(RENAMED_READINGS)["air_temperature_c"].tolist() == [1.0, 2.0, 3.0]
        assert two_months.read(RENAMED_READINGS, [FEBRUARY]).columns.tolist() == RENAMED_READINGS.column_names
        assert two_months.query(f"SELECT * FROM {self.TABLE}").columns.tolist() == READINGS.column_names

    def test_first_write_renames_the_column(self, two_months: Warehouse) -> None:
        """The table gets today's name, rows of earlier releases keep their values, and later writes find nothing to do."""
        for temperature in (8.0, 9.0):
            two_months.replace_partition(RENAMED_READINGS, JANUARY, renamed_readings(JANUARY, temperature))
        two_months.upsert(RENAMED_READINGS, renamed_readings(MARCH, 4.0, first_id=4))
        assert two_months.read(RENAMED_READINGS)["air_temperature_c"].tolist() == [9.0, 3.0, 4.0]
        assert two_months.query(f"SELECT * FROM {self.TABLE}").columns.tolist() == RENAMED_READINGS.column_names

    def test_table_gains_renames_and_keys_at_once(self, two_months: Warehouse) -> None:
        """One write renames several columns, also one of the key, and adds another; rows are still known by their key."""
        later = renamed(WITH_HUMIDITY, reading_code="reading_id", air_temperature_c="temperature_c")
        rows = readings(FEBRUARY, 30.0, 40.0, first_id=3).assign(humidity_pct=55.0).rename(columns=later.former_names)
        assert two_months.read(later)["reading_code"].tolist() == [1, 2, 3]
        two_months.upsert(later, rows)
        frame = two_months.read(later)
        assert frame["reading_code"].tolist() == [1, 2, 3, 4]
        assert frame["air_temperature_c"].tolist() == [1.0, 2.0, 30.0, 40.0]
        assert frame["humidity_pct"].fillna(-1).tolist() == [-1, -1, 55.0, 55.0]

    def test_column_under_both_names_is_refused(self, two_months: Warehouse) -> None:
        """If an earlier release has made its column again, nobody can tell which values count: nothing is read or written."""
        both = READINGS.derive("readings", "", added=[Column("air_temperature_c", "float64", "Temperature.", nullable=True)])
        march = renamed_readings(MARCH, 4.0, first_id=4)
        two_months.replace_partition(both, MARCH, march.assign(temperature_c=5.0))
        complaint = "weather/readings: column 'temperature_c' was renamed to 'air_temperature_c', but there are both; keep"
        with pytest.raises(ContractError, match=complaint):
            two_months.read(RENAMED_READINGS)
        with pytest.raises(ContractError, match=complaint):
            two_months.replace_partition(RENAMED_READINGS, MARCH, march)
        assert stored(two_months) == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 5.0)]

    def test_renamed_column_of_another_type_is_refused(self, two_months: Warehouse) -> None:
        """A new name is no way to another type; the column keeps its name."""
        as_text = renamed(
            READINGS.derive("readings", "", dropped=["temperature_c"], added=[Column("temperature_c", "string", "Text.")]),
            air_temperature="temperature_c",
        )
        with pytest.raises(ContractError, match=r"weather/readings: column 'air_temperature' is .* in the warehouse but .*"):
            two_months.replace_partition(as_text, JANUARY, empty_frame(as_text))
        assert stored(two_months) == [(1, 1.0), (2, 2.0), (3, 3.0)]

    def test_foreign_rows_are_refused(self, two_months: Warehouse) -> None:
        """Rows of February are never written as January, nor rows of no month; nothing changes."""
        mixed = pd.concat([readings(JANUARY, 1.0), readings(FEBRUARY, 2.0, 3.0, first_id=5)])
        before = stored(two_months)
        with pytest.raises(ContractError, match=r"weather/readings: 2 rows of partition 2024-02-01 .* partition 2024-01-01"):
            two_months.replace_partition(READINGS, JANUARY, mixed)
        with pytest.raises(ContractError, match="1 rows of partition None"):
            two_months.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0).assign(month=None))
        assert stored(two_months) == before

    def test_hours_of_a_day_are_partitions(self, warehouse: Warehouse) -> None:
        """Each hour is replaced alone, also that which clocks in Madrid show twice at the end of summer time."""
        contract = plays_by("timestamp")
        first, second, repeated = (hour(number) for number in (23, 24, 25))
        for number, partition in enumerate((first, second, repeated, second)):
            warehouse.replace_partition(contract, partition, plays(start_of(partition), number))
        found = warehouse.read(contract, [second, repeated])
        assert dict(zip(found["part"], found["play_id"], strict=True)) == {start_of(second): 3, start_of(repeated): 2}
        assert warehouse.read(contract)["play_id"].tolist() == [0, 2, 3]
        assert len(warehouse.read(contract, [])) == 0
        assert [warehouse.read(contract, [each])["play_id"].tolist() for each in warehouse.partitions(contract)] == [[0], [3], [2]]

    def test_keys_of_dynamic_partitions_are_kept_to_the_character(self, warehouse: Warehouse) -> None:
        """A partition may be the name of a dropped file: whatever it holds, its rows are found, replaced and no others."""
        contract = plays_by("string")
        for round_ in range(2):
            for number, key in enumerate(NASTY_KEYS):
                warehouse.replace_partition(contract, Partition("playlist", key), plays(key, number, count=round_))
        assert warehouse.read(contract)["count"].tolist() == [1] * len(NASTY_KEYS)
        for number, key in enumerate(NASTY_KEYS):
            assert warehouse.read(contract, [Partition("playlist", key)])["play_id"].tolist() == [number]
        assert [partition.key for partition in warehouse.partitions(contract)] == sorted(NASTY_KEYS)
        warehouse.replace_partition(contract, Partition("playlist", NASTY_KEYS[0]), plays(NASTY_KEYS[0]))
        assert warehouse.read(contract)["play_id"].tolist() == list(range(1, len(NASTY_KEYS)))

    @pytest.mark.parametrize("type_", ["timestamp", "string"])
    def test_rows_of_another_hour_or_file_are_refused(self, warehouse: Warehouse, type_: ColumnType) -> None:
        """What is no month is as exact as a month: rows of others are never written, and nothing changes."""
        contract, own, other = plays_by(type_), hour(24), hour(25)
        value, foreign = (start_of(own), start_of(other)) if type_ == "timestamp" else (own.key, other.key)
        warehouse.replace_partition(contract, own, plays(value, 1))
        with pytest.raises(ContractError, match=r"weather/plays: 1 rows of partition .* partition"):
            warehouse.replace_partition(contract, own, pd.concat([plays(value, 2), plays(foreign, 3)]))
        assert warehouse.read(contract)["play_id"].tolist() == [1]

    def test_dates_cannot_tell_hours_apart(self, warehouse: Warehouse) -> None:
        """An hour is not written as its day, where it would replace the hours before it."""
        with pytest.raises(
            ContractError, match="shares its day with other partitions, which the dates in 'part' cannot tell apart"
        ):
            warehouse.replace_partition(plays_by("date"), hour(1), empty_frame(plays_by("date")))

    def test_dates_may_come_as_midnights(self, warehouse: Warehouse) -> None:
        """Pandas makes timestamps of dates at every opportunity; at midnight they mean the day."""
        frame = readings(JANUARY, 1.0)
        warehouse.replace_partition(READINGS, JANUARY, frame.assign(month=pd.to_datetime(frame["month"])))
        assert warehouse.read(READINGS)["month"].tolist() == [first_day(JANUARY)]

    def test_partition_needs_a_column(self, warehouse: Warehouse) -> None:
        """A contract that does not say which column holds the partition cannot be partitioned."""
        contract = READINGS.derive("readings", "", dropped=["month"])
        with pytest.raises(ContractError, match="weather/readings declares no partition column"):
            warehouse.replace_partition(contract, JANUARY, readings(JANUARY, 1.0).drop(columns="month"))

    def test_wrong_value_leaves_the_previous_rows(self, two_months: Warehouse) -> None:
        """A frame that breaks its types changes nothing."""
        before = stored(two_months)
        with pytest.raises(ContractError, match="column 'temperature_c' is not float64"):
            two_months.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0).assign(temperature_c="warm"))
        assert stored(two_months) == before

    def test_health_check_leaves_the_tables_alone(self, two_months: Warehouse) -> None:
        """A warehouse that works says what it is, and its tables are as they were."""
        before = stored(two_months)
        assert two_months.check_health().version
        assert stored(two_months) == before

    def test_location_names_the_table(self, warehouse: Warehouse) -> None:
        """People can find the table."""
        assert warehouse.location(READINGS).endswith(self.TABLE)

    def test_processes_write_side_by_side(self, warehouse: Warehouse, warehouse_url: str) -> None:
        """Steps of one run write different partitions of one table at the same moment; none fails, none loses rows."""
        first_ids = {JANUARY: 100, FEBRUARY: 200, MARCH: 300}
        write_at_once(warehouse_url, list(first_ids.items()))
        for month, first_id in first_ids.items():
            assert stored(warehouse, READINGS, month) == [(first_id + row, 2.0) for row in range(10)]

    def test_writers_of_one_partition_leave_one_version(self, warehouse: Warehouse, warehouse_url: str) -> None:
        """Two processes write the same partition at the same moment; one comes last, and its rows alone are there."""
        write_at_once(warehouse_url, [(JANUARY, 100), (JANUARY, 200)])
        rows = stored(warehouse)
        assert [temperature for _, temperature in rows] == [2.0] * 10
        assert [reading_id for reading_id, _ in rows] in (list(range(100, 110)), list(range(200, 210)))

    def test_column_is_renamed_under_readers_and_writers(self, two_months: Warehouse, warehouse_url: str) -> None:
        """Steps of a new release write at the same moment, others read meanwhile; none fails, none misses a value."""
        with ThreadPoolExecutor(1) as executor:
            writing = executor.submit(write_at_once, warehouse_url, [(JANUARY, 100), (MARCH, 300)], "RENAMED_READINGS")
            while not writing.done():
                assert two_months.read(RENAMED_READINGS, [FEBRUARY])["air_temperature_c"].tolist() == [3.0]
            writing.result()
        assert two_months.read(RENAMED_READINGS)["air_temperature_c"].tolist() == [3.0] + [2.0] * 20

    def test_reader_sees_the_old_rows_or_the_new(self, warehouse: Warehouse, warehouse_url: str) -> None:
        """Who reads while a partition is written again and again always sees one version of it, whole."""
        version = [float(number) for number in range(5)]
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, *[version[0]] * 500))

        def write() -> None:
            writer = open_warehouse(warehouse_url)
            for number in version[1:]:
                writer.replace_partition(READINGS, JANUARY, readings(JANUARY, *[number] * 500))

        with ThreadPoolExecutor(1) as executor:
            writing = executor.submit(write)
            while not writing.done():
                seen = [temperature for _, temperature in stored(warehouse)]
                assert len(seen) == 500
                assert len(set(seen)) == 1
            writing.result()
        assert set(stored(warehouse)) == {(row, version[-1]) for row in range(1, 501)}
