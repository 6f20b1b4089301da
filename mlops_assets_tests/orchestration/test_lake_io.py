"""Assets in the lake, materialized on a Dagster instance: what is written, what the UI learns, what inputs get."""

import threading
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets.contracts.frames import to_arrow
from mlops_assets.errors import ContractError, MissingPartitionError, PermanentError
from mlops_assets.orchestration.asset_specs import fitted_object, lake_table
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import Lake, LakeAddress, StoredObject
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph, monthly_readings, readings_of
from mlops_assets_tests.tables import JANUARY, READINGS, readings

DOUBLED = READINGS.derive("doubled", "Readings, doubled.")
STATIONS = READINGS.derive("stations", "A table without partitions.")


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(temperature_c=frame["temperature_c"] * 2)


@dg.asset(**lake_table(DOUBLED), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
def doubled_readings(readings: PartitionedFrames) -> PartitionedFrames:
    return readings.map(doubled)


@dg.asset(**lake_table(STATIONS))
def stations() -> pd.DataFrame:
    return readings(JANUARY, 5.0)


@dg.asset(**fitted_object("weather", "mean", "Mean of a month."), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
def fitted_mean(readings: pd.DataFrame) -> float:
    return float(readings["temperature_c"].mean())


@pytest.fixture
def graph(tmp_path: Path, instance: dg.DagsterInstance) -> SmallGraph:
    return SmallGraph(tmp_path, instance, READINGS, DOUBLED, STATIONS)


def in_month(key: str, asset: str = "readings") -> LakeAddress:
    return LakeAddress(("weather", asset), Partition("month", key))


def test_one_partition_is_written_and_described(graph: SmallGraph) -> None:
    """A partition is one object; the UI gets its size, where it is and its first rows."""
    graph.run(monthly_readings, month="2024-02")
    assert list(graph.lake.partitions(("weather", "readings"))) == ["2024-02"]
    metadata = graph.metadata(monthly_readings)["2024-02"]
    assert metadata["dagster/row_count"] == 2
    assert metadata["size_bytes"] > 0
    assert metadata["dagster/uri"].endswith("/lake/weather/readings/month=2024-02/data.parquet")
    assert metadata["sample_rows"].records[0].data == {
        "month": "2024-02-01",
        "reading_id": 200,
        "station_code": "ABC",
        "temperature_c": 2.0,
    }


def test_what_an_asset_says_comes_before_what_its_store_says(graph: SmallGraph) -> None:
    """The UI shows a plot or a outcome of the asset first, and then where its rows are."""

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS)
    def described(context: dg.AssetExecutionContext) -> pd.DataFrame:
        context.add_asset_metadata({"outcome": "fine"})
        return readings_of(context.partition_key)

    graph.run(described, month="2024-02")
    assert next(iter(graph.metadata(described)["2024-02"])) == "outcome"


def test_column_schema_is_known_before_the_first_run() -> None:
    """The schema belongs to the definition, not to a run."""
    schema = monthly_readings.metadata_by_key[monthly_readings.key]["dagster/column_schema"]
    assert [column.name for column in schema.columns] == READINGS.column_names


def test_range_run_holds_two_partitions_at_a_time(graph: SmallGraph) -> None:
    """A backfill of years needs the memory of two months: the next but one is computed only when the first is written."""
    written_when_computed: dict[str, list[str]] = {}

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def observed(context: dg.AssetExecutionContext) -> PartitionedFrames:
        def compute(key: str) -> pd.DataFrame:
            written_when_computed[key] = list(graph.lake.partitions(("weather", "readings")))
            return readings_of(key)

        return PartitionedFrames(context.partition_keys, compute)

    graph.run(observed, months=("2024-01", "2024-04"))
    assert list(written_when_computed) == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert written_when_computed["2024-03"][:1] == ["2024-01"]
    assert written_when_computed["2024-04"][:2] == ["2024-01", "2024-02"]


def test_next_partition_is_computed_while_one_is_written(graph: SmallGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing to a distant lake costs no time as long as computing takes longer."""
    second_is_computed = threading.Event()
    was_computed_meanwhile = []
    write = Lake.write

    def slow_write(lake: Lake, address: LakeAddress, table: pa.Table) -> StoredObject:
        if address == in_month("2024-01"):
            was_computed_meanwhile.append(second_is_computed.wait(timeout=10))
        return write(lake, address, table)

    def compute(key: str) -> pd.DataFrame:
        if key == "2024-02":
            second_is_computed.set()
        return readings_of(key)

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def observed(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys, compute)

    monkeypatch.setattr(Lake, "write", slow_write)
    graph.run(observed, months=("2024-01", "2024-02"))
    assert was_computed_meanwhile == [True]
    assert [graph.lake.row_count(in_month(key)) for key in ("2024-01", "2024-02")] == [1, 2]


def test_range_run_through_two_assets_describes_every_partition(graph: SmallGraph) -> None:
    """One run over three months gives three materializations per asset, each with the rows of its own month."""
    graph.run(monthly_readings, doubled_readings, months=("2024-01", "2024-03"))
    for asset in (monthly_readings, doubled_readings):
        metadata = graph.metadata(asset)
        assert {key: entries["dagster/row_count"] for key, entries in metadata.items()} == {
            "2024-01": 1,
            "2024-02": 2,
            "2024-03": 3,
        }
        assert all(f"month={key}/" in entries["dagster/uri"] for key, entries in metadata.items())
    assert read_partition(graph.lake, DOUBLED, Partition("month", "2024-03"))["temperature_c"].tolist() == [6.0, 6.0, 6.0]


def test_rerun_replaces_its_partitions_alone(graph: SmallGraph) -> None:
    """Backfilling a part again leaves the rest untouched."""
    graph.run(monthly_readings, months=("2024-01", "2024-03"))

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def corrected(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys, lambda _: readings(JANUARY, -1.0))

    graph.run(corrected, months=("2024-02", "2024-03"))
    counts = [graph.lake.row_count(in_month(key)) for key in ("2024-01", "2024-02", "2024-03")]
    assert counts == [1, 1, 1]
    assert read_partition(graph.lake, READINGS, Partition("month", "2024-01"))["temperature_c"].tolist() == [1.0]


def test_asset_must_return_the_partitions_of_its_run(graph: SmallGraph) -> None:
    """Dagster records every partition of a run as materialized; an asset that forgets one is stopped before it writes any."""

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def forgetful(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys[:-1], readings_of)

    with pytest.raises(
        PermanentError, match="weather/readings returned the partitions 2024-01, but this run is for 2024-01, 2024-02"
    ):
        graph.run(forgetful, months=("2024-01", "2024-02"))
    assert list(graph.lake.partitions(("weather", "readings"))) == []


def test_missing_partition_names_asset_partition_and_path(graph: SmallGraph) -> None:
    """Who runs a month whose upstream is not there learns what to materialize."""
    with pytest.raises(MissingPartitionError, match=r"weather/readings, month 2024-02 has not .*/month=2024-02/data\.parquet"):
        graph.run(monthly_readings, doubled_readings, only=[doubled_readings], month="2024-02")


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (readings(JANUARY, 1.0).drop(columns="temperature_c"), "missing columns: temperature_c"),
        (readings(JANUARY, 1.0).assign(humidity=1), "columns not in the contract: humidity"),
        (readings(JANUARY, 1.0).assign(reading_id="one"), "column 'reading_id' is not int64"),
    ],
)
def test_broken_contract_names_asset_and_column_and_writes_nothing(graph: SmallGraph, frame: pd.DataFrame, complaint: str) -> None:
    """A table with other columns or types than promised never reaches the lake."""

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS)
    def broken() -> pd.DataFrame:
        return frame

    with pytest.raises(ContractError, match=f"cannot write weather/readings, month 2024-01: weather/readings: {complaint}"):
        graph.run(broken, month="2024-01")
    assert list(graph.lake.partitions(("weather", "readings"))) == []
    assert graph.metadata(broken) == {}


def test_assets_without_partitions(graph: SmallGraph) -> None:
    """A whole table is one object, and assets with partitions may read it."""
    seen = []

    @dg.asset(**lake_table(DOUBLED), partitions_def=MONTHS)
    def from_stations(stations: pd.DataFrame) -> pd.DataFrame:
        seen.append(stations["temperature_c"].tolist())
        return doubled(stations)

    graph.run(stations, month=None)
    graph.run(stations, from_stations, only=[from_stations], month="2024-01")
    assert seen == [[5.0]]
    assert graph.metadata(stations)[None]["dagster/row_count"] == 1


def test_fitted_object_comes_back(graph: SmallGraph) -> None:
    """What is no table is stored as an object, one per partition."""
    seen = []

    @dg.asset(**lake_table(DOUBLED), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def uses_mean(readings: pd.DataFrame, mean: float) -> pd.DataFrame:
        seen.append(mean)
        return readings

    graph.run(monthly_readings, fitted_mean, uses_mean, month="2024-03")
    assert seen == [3.0]
    assert graph.metadata(fitted_mean)["2024-03"]["dagster/uri"].endswith("/weather/mean/month=2024-03/object.joblib")


def test_several_fitted_objects_are_not_taken_for_one(graph: SmallGraph) -> None:
    """A run over several months does not silently use the object of the first for all."""

    @dg.asset(**lake_table(DOUBLED), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def uses_mean(readings: PartitionedFrames, mean: float) -> PartitionedFrames:
        return readings

    for month in ("2024-01", "2024-02"):
        graph.run(monthly_readings, fitted_mean, month=month)
    with pytest.raises(PermanentError, match="weather/mean is a fitted object, of which an asset takes one partition"):
        graph.run(monthly_readings, fitted_mean, uses_mean, only=[uses_mean], months=("2024-01", "2024-02"))


def test_stored_object_may_lack_a_new_column(graph: SmallGraph) -> None:
    """Partitions written before the contract gained a column are read with nulls, beside those that have it."""
    earlier = READINGS.derive("readings", "", dropped=["temperature_c"])
    graph.lake.write(in_month("2024-01"), to_arrow(readings_of("2024-01").drop(columns="temperature_c"), earlier))
    graph.run(monthly_readings, month="2024-02")
    graph.run(monthly_readings, doubled_readings, only=[doubled_readings], months=("2024-01", "2024-02"))
    assert read_partition(graph.lake, DOUBLED, Partition("month", "2024-01"))["temperature_c"].isna().tolist() == [True]
    assert read_partition(graph.lake, DOUBLED, Partition("month", "2024-02"))["temperature_c"].tolist() == [4.0, 4.0]
