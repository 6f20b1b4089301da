"""Assets in the warehouse, materialized on a Dagster instance."""

from dataclasses import replace
from datetime import date, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import filelock
import pandas as pd
import pytest

from mlops_assets.contracts import ColumnType
from mlops_assets.contracts.frames import empty_frame
from mlops_assets.errors import ContractError, PermanentError
from mlops_assets.orchestration import failures
from mlops_assets.orchestration.asset_specs import asset_key, warehouse_table
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import monthly_partitions, months_before, partition_of
from mlops_assets.stores.warehouse.duckdb_file import DuckDBWarehouse
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph, readings_of
from mlops_assets_tests.tables import FEBRUARY, JANUARY, MARCH, READINGS, first_day, plays_by, readings

WINDOW = READINGS.derive("window", "Nothing; the asset only looks at the two months before its own.")
DECISIONS = READINGS.derive("decisions", "A table without partitions, added to by key.")
SUMMARY = READINGS.derive("summary", "A table without partitions whose rows nothing identifies.", key=())


@dg.asset(**warehouse_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
def monthly_readings(context: dg.AssetExecutionContext) -> PartitionedFrames:
    return PartitionedFrames(context.partition_keys, readings_of)


@pytest.fixture
def graph(tmp_path: Path, instance: dg.DagsterInstance) -> SmallGraph:
    return SmallGraph(tmp_path, instance, READINGS, WINDOW, DECISIONS, SUMMARY)


def counts(graph: SmallGraph) -> dict[str, int]:
    """Return the number of rows by month."""
    by_month = graph.warehouse.read(READINGS)["month"].astype(str).value_counts()
    return {str(month): int(count) for month, count in sorted(by_month.items())}


def look_from(graph: SmallGraph, month: str, input_type: type = pd.DataFrame) -> Any:
    """Materialize the window of a month and return what the asset got as the readings of the two months before."""
    got = []

    @dg.asset(
        **warehouse_table(WINDOW),
        partitions_def=MONTHS,
        ins={"readings": dg.AssetIn(partition_mapping=months_before(2), dagster_type=input_type)},
    )
    def window(readings: Any) -> pd.DataFrame:
        got.append(readings)
        return empty_frame(WINDOW)

    graph.run(monthly_readings, window, only=[window], month=month)
    return got[0]


def test_one_partition_is_written_and_described(graph: SmallGraph) -> None:
    """A frame becomes the rows of its month; the UI gets the table's name, where it is, its size and first rows."""

    @dg.asset(**warehouse_table(READINGS), partitions_def=MONTHS)
    def one_month(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return readings_of(context.partition_key)

    graph.run(one_month, month="2024-02")
    assert counts(graph) == {"2024-02-01": 2}
    metadata = graph.metadata(one_month)["2024-02"]
    assert metadata["dagster/table_name"] == "weather.readings"
    assert metadata["warehouse"].endswith("warehouse.duckdb: weather.readings")
    assert metadata["dagster/row_count"] == 2
    assert metadata["sample_rows"].records[1].data["reading_id"] == 201


def test_what_an_asset_says_comes_before_what_its_store_says(graph: SmallGraph) -> None:
    """The UI shows a plot or a outcome of the asset first, and then where its rows are."""

    @dg.asset(**warehouse_table(READINGS), partitions_def=MONTHS)
    def described(context: dg.AssetExecutionContext) -> pd.DataFrame:
        context.add_asset_metadata({"outcome": "fine"})
        return readings_of(context.partition_key)

    graph.run(described, month="2024-02")
    assert next(iter(graph.metadata(described)["2024-02"])) == "outcome"


def test_range_run_describes_every_partition(graph: SmallGraph) -> None:
    """One run over three months writes and describes each month; a rerun changes nothing."""
    for _ in range(2):
        graph.run(monthly_readings, months=("2024-01", "2024-03"))
        assert counts(graph) == {"2024-01-01": 1, "2024-02-01": 2, "2024-03-01": 3}
    rows = {key: metadata["dagster/row_count"] for key, metadata in graph.metadata(monthly_readings).items()}
    assert rows == {"2024-01": 1, "2024-02": 2, "2024-03": 3}


def test_range_run_holds_two_partitions_at_a_time(graph: SmallGraph) -> None:
    """A backfill of years needs the memory of two months: the next but one is computed only when the first is written."""
    written_when_computed: dict[str, list[str]] = {}

    @dg.asset(**warehouse_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def observed(context: dg.AssetExecutionContext) -> PartitionedFrames:
        def compute(key: str) -> pd.DataFrame:
            written_when_computed[key] = list(counts(graph))
            return readings_of(key)

        return PartitionedFrames(context.partition_keys, compute)

    graph.run(observed, months=("2024-01", "2024-03"))
    assert list(written_when_computed) == ["2024-01", "2024-02", "2024-03"]
    assert written_when_computed["2024-03"][:1] == ["2024-01-01"]


def test_asset_must_return_the_partitions_of_its_run(graph: SmallGraph) -> None:
    """A partition that the asset forgot is not recorded as materialized."""

    @dg.asset(**warehouse_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def forgetful(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames([], readings_of)

    with pytest.raises(PermanentError, match="returned the partitions none, but this run is for 2024-01"):
        graph.run(forgetful, month="2024-01")


def test_window_is_one_frame_or_one_month_at_a_time(graph: SmallGraph) -> None:
    """An asset gets the rows of the months it depends on, and no others."""
    graph.run(monthly_readings, months=("2024-01", "2024-03"))
    before_april = look_from(graph, "2024-04")["month"].tolist()
    assert before_april == [first_day(month) for month in (FEBRUARY, FEBRUARY, MARCH, MARCH, MARCH)]
    assert look_from(graph, "2024-02")["month"].tolist() == [first_day(JANUARY)]
    frames = look_from(graph, "2024-04", PartitionedFrames)
    assert [(key, len(frame)) for key, frame in frames.items()] == [("2024-02", 2), ("2024-03", 3)]


def test_window_before_all_partitions_is_empty(graph: SmallGraph) -> None:
    """The first month has no months before it; that must not be taken for the whole table."""
    graph.run(monthly_readings, months=("2024-01", "2024-03"))
    assert len(look_from(graph, "2024-01")) == 0
    assert len(look_from(graph, "2024-01", PartitionedFrames)) == 0


def test_asset_without_partitions_adds_by_key(graph: SmallGraph) -> None:
    """A table that grows by a row per run keeps its earlier rows, and a repeated run replaces its own."""
    rows = [readings(JANUARY, 1.0), readings(JANUARY, 2.0, first_id=2), readings(JANUARY, 22.0, first_id=2)]
    seen = []

    @dg.asset(**warehouse_table(DECISIONS))
    def decisions() -> pd.DataFrame:
        return rows.pop(0)

    @dg.asset(ins={"decisions": dg.AssetIn(["weather", "decisions"])})
    def reader(decisions: pd.DataFrame) -> None:
        seen.append(decisions["temperature_c"].tolist())

    for _ in range(3):
        graph.run(decisions, reader)
    assert seen == [[1.0], [1.0, 2.0], [1.0, 22.0]]


def test_whole_table_comes_lazily_too(graph: SmallGraph) -> None:
    """Checks take every table as partitioned frames; one without partitions is a single one."""
    seen: list[int] = []

    @dg.asset(**warehouse_table(DECISIONS))
    def decisions() -> pd.DataFrame:
        return readings(JANUARY, 1.0, 2.0)

    @dg.asset(ins={"decisions": dg.AssetIn(["weather", "decisions"])})
    def reader(decisions: PartitionedFrames) -> None:
        seen.extend(len(frame) for _, frame in decisions.items())

    graph.run(decisions, reader)
    assert seen == [2]


def test_table_without_partitions_and_key_is_replaced(graph: SmallGraph) -> None:
    """Where nothing identifies rows, what the asset returns is the table."""
    rows = [readings(JANUARY, 1.0, 2.0), readings(JANUARY, 3.0)]

    @dg.asset(**warehouse_table(SUMMARY))
    def summary() -> pd.DataFrame:
        return rows.pop(0)

    for _ in range(2):
        graph.run(summary)
    assert graph.warehouse.read(SUMMARY)["temperature_c"].tolist() == [3.0]


HOURS = dg.HourlyPartitionsDefinition("2024-10-27-00:00", timezone="Europe/Madrid", end_date="2024-10-27-06:00")
"""Six hours by the clock, seven in fact: 02:00 is there twice."""
PLAYLISTS = dg.DynamicPartitionsDefinition(name="playlist")
FILES = ["rock/pop 50%.csv", "rock\\pop.csv", "it's=mine", "Ärger.csv", "arger.csv", "2024-01", "'); DROP TABLE weather.plays; --"]


@pytest.mark.parametrize(("type_", "dtype"), [("timestamp", None), ("string", "string[pyarrow]")])
def test_every_hour_of_a_day_is_its_own(graph: SmallGraph, type_: ColumnType, dtype: str | None) -> None:
    """Hours of one day do not overwrite each other, not even the one that clocks show twice; each is found and replaced alone."""
    contract = replace(plays_by(type_), name=f"plays_by_{type_}")
    graph.contracts[asset_key(contract)] = contract

    @dg.asset(**warehouse_table(contract), partitions_def=HOURS)
    def plays(context: dg.AssetExecutionContext) -> pd.DataFrame:
        window = context.partition_time_window
        value = window.start.astimezone(timezone.utc) if type_ == "timestamp" else context.partition_key
        rows = pd.DataFrame({"part": [value], "play_id": [int(window.start.timestamp())], "count": [1]})
        return rows.astype({"part": dtype}) if dtype else rows

    keys = HOURS.get_partition_keys()
    assert [key for key in keys if "02:00" in key] == ["2024-10-27-02:00", "2024-10-27-02:00+0100"]
    for key in [*keys, keys[2]]:
        graph.run(plays, month=key)
    stored = graph.warehouse.read(contract)
    assert stored["play_id"].diff().dropna().tolist() == [3600.0] * 6
    assert [len(graph.warehouse.read(contract, [partition_of(HOURS, key)])) for key in keys] == [1] * 7
    assert len(graph.warehouse.partitions(contract)) == 7


def test_hours_in_a_column_of_dates_are_refused(graph: SmallGraph) -> None:
    """A date cannot tell hours apart: the error says so and what to do, before a row is written."""
    contract = plays_by("date")
    graph.contracts[asset_key(contract)] = contract

    @dg.asset(**warehouse_table(contract), partitions_def=HOURS)
    def plays() -> pd.DataFrame:
        return pd.DataFrame({"part": [date(2024, 10, 27)], "play_id": [1], "count": [1]})

    with pytest.raises(ContractError, match=r"plays: hour 2024-10-27-05:00 shares its day .*'part'.*; make the column a timestamp"):
        graph.run(plays, month="2024-10-27-05:00")
    assert graph.warehouse.partitions(contract) == []


def test_dynamic_partitions_are_kept_by_their_keys(graph: SmallGraph) -> None:
    """A dropped file is a partition, whatever characters its name has; a reader gets the rows of the one it asks for."""
    contract = plays_by("string")
    graph.contracts[asset_key(contract)] = contract
    seen: dict[str, list[int]] = {}

    @dg.asset(**warehouse_table(contract), partitions_def=PLAYLISTS)
    def plays(context: dg.AssetExecutionContext) -> pd.DataFrame:
        key = context.partition_key
        return pd.DataFrame({"part": pd.array([key], dtype="string[pyarrow]"), "play_id": [FILES.index(key)], "count": [1]})

    @dg.asset(partitions_def=PLAYLISTS, ins={"plays": dg.AssetIn(["weather", "plays"])})
    def reader(context: dg.AssetExecutionContext, plays: pd.DataFrame) -> None:
        seen[context.partition_key] = plays["play_id"].tolist()

    graph.instance.add_dynamic_partitions("playlist", FILES)
    for key in [*FILES, FILES[0]]:
        graph.run(plays, reader, month=key)
    assert seen == {key: [number] for number, key in enumerate(FILES)}
    assert sorted(partition.key for partition in graph.warehouse.partitions(contract)) == sorted(FILES)


def test_partition_begins_where_its_clocks_say(graph: SmallGraph) -> None:
    """February begins in Tokyo while it is January in UTC; the date of its rows is Tokyo's."""

    @dg.asset(**warehouse_table(READINGS), partitions_def=monthly_partitions("2024-01", "Asia/Tokyo"))
    def in_tokyo() -> pd.DataFrame:
        return readings(FEBRUARY, 1.0)

    graph.run(in_tokyo, month="2024-02")
    assert counts(graph) == {"2024-02-01": 1}


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (readings(JANUARY, 1.0).drop(columns="temperature_c"), "missing columns: temperature_c"),
        (readings(JANUARY, 1.0).assign(reading_id="one"), "column 'reading_id' is not int64"),
        (readings(FEBRUARY, 1.0), "1 rows of partition 2024-02-01 were about to be written to partition 2024-01-01"),
    ],
)
def test_broken_contract_names_asset_and_column_and_writes_nothing(graph: SmallGraph, frame: pd.DataFrame, complaint: str) -> None:
    """A frame with other columns, types or months than promised never reaches the table."""

    @dg.asset(**warehouse_table(READINGS), partitions_def=MONTHS)
    def broken() -> pd.DataFrame:
        return frame

    with pytest.raises(ContractError, match=f"weather/readings: {complaint}"):
        graph.run(broken, month="2024-01")
    assert counts(graph) == {}


def test_busy_warehouse_is_tried_again(graph: SmallGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that finds the file in use gives up its patience, not the run."""
    monkeypatch.setattr(failures, "SECONDS_BETWEEN_RETRIES", 0)
    path = tmp_path / "warehouse.duckdb"
    in_use = filelock.FileLock(f"{path}.lock", thread_local=False)
    in_use.acquire()
    attempts = []

    class ImpatientStores:
        def warehouse(self, _domain: str) -> DuckDBWarehouse:
            attempts.append(1)
            if len(attempts) == 2:
                in_use.release()
            return DuckDBWarehouse(path, timeout_seconds=0.2)

    graph.run(monthly_readings, month="2024-01", stores=ImpatientStores())
    assert len(attempts) == 2
    assert counts(graph) == {"2024-01-01": 1}
