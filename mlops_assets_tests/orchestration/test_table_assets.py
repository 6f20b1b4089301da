"""Assets that are tables hold what they return against their contract, in one step."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.asset_specs import fitted_object, lake_table
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.table_assets import check_specs, lake_asset, validated, warehouse_asset
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph
from mlops_assets_tests.tables import JANUARY, READINGS, readings

# Partitioned checks are marked preview; `mlops_assets.orchestration` says why they are used.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")

STATIONS = READINGS.derive("stations", "A table without partitions.")


@pytest.fixture
def graph(tmp_path: Path, instance: dg.DagsterInstance) -> SmallGraph:
    return SmallGraph(tmp_path, instance, READINGS, STATIONS)


def readings_asset(frames: dict[str, pd.DataFrame]) -> dg.AssetsDefinition:
    """Return an asset that returns these frames by month."""

    @lake_asset(READINGS, partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def monthly(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys, frames.__getitem__)

    return monthly


def rows(count: int) -> pd.DataFrame:
    return readings(JANUARY, *[1.0] * count)


def test_kept_contract_passes(graph: SmallGraph) -> None:
    """Good rows pass, and the check says how many it has seen."""
    result = graph.evaluate(readings_asset({"2024-01": rows(3)}), month="2024-01")
    assert result.passed
    assert result.metadata["row_count"].value == 3


def test_broken_contract_names_column_and_value(graph: SmallGraph) -> None:
    """People read how many values break which rule, with an example, before they open anything."""
    frame = rows(3)
    frame.loc[1:, "station_code"] = ["nowhere", None]
    result = graph.evaluate(readings_asset({"2024-01": frame}), month="2024-01")
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR
    assert str(result.description).startswith("2 values break the contract of weather/readings; for example station_code ")
    table = str(result.metadata["violations"].value)
    assert "nowhere" in table
    assert "not_nullable" in table


def test_rows_that_break_the_contract_are_stored(graph: SmallGraph) -> None:
    """Whoever is told of broken rows can look at them."""
    graph.evaluate(readings_asset({"2024-01": rows(2).assign(station_code="nowhere")}), month="2024-01")
    assert list(graph.lake.partitions(("weather", "readings"))) == ["2024-01"]


def test_range_run_checks_every_partition(graph: SmallGraph) -> None:
    """A backfill checks all its months, says which failed, and each month keeps its own outcome."""
    frames = {"2024-01": rows(1), "2024-02": rows(2).assign(station_code="nowhere"), "2024-03": rows(1)}
    monthly = readings_asset(frames)
    result = graph.evaluate(monthly, months=("2024-01", "2024-03"))
    assert not result.passed
    assert result.metadata["partitions"].value == 3
    assert result.metadata["failed_partitions"].value == "2024-02"
    (check,) = monthly.check_keys
    assert graph.passed_by_partition(check) == {"2024-01": True, "2024-02": False, "2024-03": True}


@pytest.mark.parametrize("table_asset", [lake_asset, warehouse_asset])
def test_table_without_partitions_is_checked(
    graph: SmallGraph, table_asset: Callable[[TableContract], Callable[..., dg.AssetsDefinition]]
) -> None:
    """Tables of the lake and of the warehouse alike."""

    @table_asset(STATIONS)
    def stations() -> pd.DataFrame:
        return rows(2).assign(reading_id=[0, 1])

    result = graph.evaluate(stations)
    assert not result.passed
    assert result.description == (
        "1 values break the contract of weather/stations; for example reading_id '0' (greater_than_or_equal_to(1))"
    )


def test_broken_contract_stops_what_follows(graph: SmallGraph) -> None:
    """The check is blocking: nothing in the same run builds on rows that failed it."""
    built = []

    @dg.asset(**lake_table(STATIONS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def follower(readings: pd.DataFrame) -> pd.DataFrame:
        built.append(len(readings))
        return readings

    bad = readings_asset({"2024-01": rows(1).assign(station_code="nowhere")})
    assert not graph.run(bad, follower, month="2024-01", raise_on_error=False).success
    assert built == []
    graph.run(readings_asset({"2024-01": rows(1)}), follower, month="2024-01")
    assert built == [1]


def test_one_function_makes_several_tables(graph: SmallGraph) -> None:
    """Each output with a contract is checked; a fitted object among them is stored as it is; all are stored before a failure."""

    @dg.multi_asset(
        outs={
            "readings": dg.AssetOut(**lake_table(READINGS)),
            "scale": dg.AssetOut(**fitted_object("weather", "scale", "A number.")),
            "stations": dg.AssetOut(**lake_table(STATIONS)),
        },
        check_specs=[*check_specs(READINGS, STATIONS)],
    )
    @validated(READINGS, STATIONS)
    def several() -> Iterator[dg.Output]:
        yield dg.Output(rows(1).assign(station_code="nowhere"), "readings")
        yield dg.Output(2.5, "scale", metadata={"unit": "m"})
        yield dg.Output(rows(2), "stations", metadata={"source": "survey"})

    result = graph.run(several, raise_on_error=False)
    assert not result.success
    assert {e.asset_key.path[-1]: e.passed for e in result.get_asset_check_evaluations()} == {"readings": False, "stations": True}
    stored = {event.asset_key for event in result.get_asset_materialization_events()}
    assert stored == {dg.AssetKey(["weather", name]) for name in ("readings", "scale", "stations")}


def test_metadata_of_the_body_is_shown(graph: SmallGraph) -> None:
    """What an asset tells about its table stands beside what the store tells."""

    @lake_asset(STATIONS)
    def stations(context: dg.AssetExecutionContext) -> pd.DataFrame:
        context.add_asset_metadata({"source": "survey"})
        return rows(2)

    graph.run(stations)
    metadata = graph.metadata(stations)[None]
    assert metadata["source"] == "survey"
    assert metadata["dagster/row_count"] == 2
