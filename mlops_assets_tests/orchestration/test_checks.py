"""Checks against other tables and partitions: what passes, what fails, and what they tell people."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import MissingPartitionError
from mlops_assets.orchestration.asset_options import lake_table
from mlops_assets.orchestration.checks import rejects_check, volume_check
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph
from mlops_assets_tests.tables import JANUARY, READINGS, readings

# Partitioned checks are marked preview; `mlops_assets.orchestration` says why they are used.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")

REJECTS = TableContract(
    "weather", "rejects", "Readings that could not be read.", (Column("reason_code", "string", "Why they were rejected."),)
)


@pytest.fixture
def graph(tmp_path: Path, instance: dg.DagsterInstance) -> SmallGraph:
    return SmallGraph(tmp_path, instance, READINGS, REJECTS)


def readings_asset(frames: dict[str, pd.DataFrame]) -> dg.AssetsDefinition:
    """Return an asset that holds these frames by month."""

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def monthly(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys, frames.__getitem__)

    return monthly


def rejects_asset(reasons: dict[str, list[str]]) -> dg.AssetsDefinition:
    """Return an asset that holds rejects with these reasons by month."""

    @dg.asset(**lake_table(REJECTS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def rejects(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys, lambda key: pd.DataFrame({"reason_code": reasons[key]}, dtype="string"))

    return rejects


def rows(count: int) -> pd.DataFrame:
    return readings(JANUARY, *[1.0] * count)


def test_unusual_volume_is_a_warning(graph: SmallGraph) -> None:
    """A month with far fewer or far more rows than the months before it is pointed out, but stops nothing."""
    frames = {"2024-01": rows(10), "2024-02": rows(12), "2024-03": rows(11), "2024-04": rows(5), "2024-05": rows(25)}
    monthly, check = readings_asset(frames), volume_check(READINGS, MONTHS, recent_partitions=3)
    graph.run(monthly, months=("2024-01", "2024-05"))
    assert graph.evaluate(monthly, check, month="2024-01").passed
    assert graph.evaluate(monthly, check, month="2024-03").passed
    scarce = graph.evaluate(monthly, check, month="2024-04")
    assert not scarce.passed
    assert scarce.severity == dg.AssetCheckSeverity.WARN
    assert scarce.description == "2024-04 has 5 rows; the 3 partitions before it have 11 at the median"
    assert not graph.evaluate(monthly, check, month="2024-05").passed


def test_volume_of_a_range_is_checked_month_by_month(graph: SmallGraph) -> None:
    """Each month of a backfill is compared with those before it; months that are not there are left out."""
    frames = {"2024-02": rows(10), "2024-03": rows(0), "2024-04": rows(10)}
    check = volume_check(READINGS, MONTHS)
    result = graph.evaluate(readings_asset(frames), check, months=("2024-02", "2024-04"))
    assert not result.passed
    assert result.description == "2024-03 has 0 rows; the 1 partitions before it have 10 at the median"
    assert graph.passed_by_partition(check.check_key) == {"2024-02": True, "2024-03": False, "2024-04": True}


def test_few_rejects_pass(graph: SmallGraph) -> None:
    """Rejects up to the share allowed pass; harmless ones are not counted."""
    check = rejects_check(READINGS, REJECTS, MONTHS, greatest_share=0.25, harmless_reasons=frozenset({"superseded"}))
    accepted, rejected = readings_asset({"2024-01": rows(3)}), rejects_asset({"2024-01": ["unreadable"] + ["superseded"] * 9})
    result = graph.evaluate(accepted, rejected, check, month="2024-01")
    assert result.passed
    assert result.metadata["rejected_count"].value == 1
    assert result.metadata["rejected_share"].value == 0.25


def test_many_rejects_fail_and_name_the_month(graph: SmallGraph) -> None:
    """A source that changed its ways is seen in the share of its rejects, by month; an empty month is no failure."""
    check = rejects_check(READINGS, REJECTS, MONTHS, greatest_share=0.25, harmless_reasons=frozenset())
    accepted = readings_asset({"2024-01": rows(3), "2024-02": rows(1), "2024-03": rows(0)})
    rejected = rejects_asset({"2024-01": ["unreadable"], "2024-02": ["unreadable"] * 3, "2024-03": []})
    result = graph.evaluate(accepted, rejected, check, months=("2024-01", "2024-03"))
    assert not result.passed
    assert result.description == "75.00% of the records of 2024-02 were rejected"
    assert graph.passed_by_partition(check.check_key) == {"2024-01": True, "2024-02": False, "2024-03": True}


def test_share_needs_both_tables(graph: SmallGraph) -> None:
    """Without the accepted rows of a month there is no share of rejects, and the error says what is missing."""
    check = rejects_check(READINGS, REJECTS, MONTHS, greatest_share=0.25, harmless_reasons=frozenset())
    accepted, rejected = readings_asset({}), rejects_asset({"2024-01": []})
    with pytest.raises(MissingPartitionError, match="weather/readings, partition 2024-01 has not been materialized"):
        graph.run(accepted, rejected, check, only=[rejected], month="2024-01")
