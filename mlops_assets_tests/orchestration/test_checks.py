"""Checks against other tables and partitions: what passes, what fails, and what they tell people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import MissingPartitionError
from mlops_assets.orchestration.asset_specs import lake_table
from mlops_assets.orchestration.checks import optional_values_check, rejects_checks, volume_check
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets_tests.orchestration.small_graph import MONTHS, SINGLE_RUN, SmallGraph
from mlops_assets_tests.tables import JANUARY, READINGS, readings, renamed

# Partitioned checks are marked preview; `mlops_assets.orchestration` says why they are used.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")

REJECTS = TableContract(
    "weather",
    "rejects",
    "Readings that could not be read.",
    (
        Column("reason_code", "string", "Why they were rejected."),
        Column("station_code", "string", "Station that was read.", nullable=True),
        Column("station_name", "string", "Its name.", nullable=True),
    ),
)
STATIONS = ("ABC", "DEF", "GHI", "JKL")


@pytest.fixture
def graph(tmp_path: Path, instance: dg.DagsterInstance) -> SmallGraph:
    return SmallGraph(tmp_path, instance, READINGS, REJECTS)


def readings_asset(frames: dict[str, pd.DataFrame]) -> dg.AssetsDefinition:
    """Return an asset that holds these frames by month."""

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def monthly(context: dg.AssetExecutionContext) -> PartitionedFrames:
        return PartitionedFrames(context.partition_keys, frames.__getitem__)

    return monthly


def rejects_asset(rejects: Mapping[str, Sequence[tuple[str, str | None]]]) -> dg.AssetsDefinition:
    """Return an asset that holds rejects by month, each with its reason and station."""

    @dg.asset(**lake_table(REJECTS), partitions_def=MONTHS, backfill_policy=SINGLE_RUN)
    def rejected(context: dg.AssetExecutionContext) -> PartitionedFrames:
        def frame(key: str) -> pd.DataFrame:
            rows = [(reason, station, station and station.title()) for reason, station in rejects[key]]
            return pd.DataFrame(rows, columns=REJECTS.column_names, dtype="string")

        return PartitionedFrames(context.partition_keys, frame)

    return rejected


OF_ALL, OF_EACH = "has_few_rejects", "every_weather_station_is_read"


def checks_of_rejects(greatest_share_of_all: float | None = None) -> dg.AssetChecksDefinition:
    """Return the check of the feed as a whole and that of each station."""
    return rejects_checks(
        READINGS,
        REJECTS,
        MONTHS,
        entity="station_code",
        name="station_name",
        entity_word="weather station",
        greatest_share=0.25,
        harmless_reasons=frozenset({"superseded"}),
        greatest_share_of_all=greatest_share_of_all,
    )


def of_stations(**counts: int) -> pd.DataFrame:
    """Return so many readings of each station."""
    codes = [code for code, count in counts.items() for _ in range(count)]
    return rows(len(codes)).assign(station_code=pd.array(codes, dtype="string[pyarrow]"))


def rows(count: int) -> pd.DataFrame:
    return readings(JANUARY, *[1.0] * count)


def test_unusual_volume_is_a_warning(graph: SmallGraph) -> None:
    """A month with far fewer or far more rows than the months before it is pointed out, but stops nothing."""
    frames = {"2024-01": rows(10), "2024-02": rows(12), "2024-03": rows(11), "2024-04": rows(5), "2024-05": rows(25)}
    monthly, check = readings_asset(frames), volume_check(READINGS, MONTHS, recent_partitions=3)
    graph.run(monthly, months=("2024-01", "2024-05"))
    first = graph.evaluate(monthly, check, month="2024-01")
    assert first.passed
    assert first.description == "2024-01 has 10 rows; there is no partition before it to compare it with"
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
    assert result.description == "2024-03 has 0 rows; the partition before it has 10"
    assert graph.passed_by_partition(check.check_key) == {"2024-02": True, "2024-03": False, "2024-04": True}


@pytest.mark.parametrize(
    ("months", "last_words"), [(6, " rows; the partition before it has 31"), (7, "; and one more"), (9, "; and 3 more partitions")]
)
def test_partitions_that_are_not_told_are_counted(graph: SmallGraph, months: int, last_words: str) -> None:
    """Of many failed partitions the first five are described, and the sentence says how many there are besides."""
    frames = {f"2024-{month:02}": rows(2**month - 1) for month in range(1, months + 1)}
    check = volume_check(READINGS, MONTHS, recent_partitions=1)
    result = graph.evaluate(readings_asset(frames), check, months=("2024-01", f"2024-{months:02}"))
    assert result.description is not None
    assert result.description.count(" rows; the partition before it has ") == 5
    assert result.description.endswith(last_words)
    assert result.metadata["failed_partitions"].value == ", ".join(list(frames)[1:])


@pytest.mark.parametrize("blocking", [True, False])
def test_few_rejects_pass(graph: SmallGraph, *, blocking: bool) -> None:
    """Rejects up to the share allowed pass; harmless ones are not counted, and neither is a single one."""
    accepted = readings_asset({"2024-01": of_stations(ABC=6, DEF=1)})
    rejected = rejects_asset({"2024-01": [("unreadable", "ABC")] * 2 + [("unreadable", "DEF")] + [("superseded", "ABC")] * 9})
    assert graph.evaluate(accepted, rejected, checks_of_rejects(), check=OF_ALL if blocking else OF_EACH, month="2024-01").passed


def test_one_entity_in_trouble_is_a_warning_and_stops_nothing(graph: SmallGraph) -> None:
    """A station that gives no number for as long as it is closed is named; the others go on, and a blocking check passes."""
    accepted = readings_asset({"2024-01": of_stations(ABC=10, DEF=10, GHI=10)})
    rejected = rejects_asset({"2024-01": [("unreadable", "JKL")] * 10})
    of_each = graph.evaluate(accepted, rejected, checks_of_rejects(), check=OF_EACH, month="2024-01")
    assert (of_each.passed, of_each.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert of_each.description == "2024-01: Jkl (10 of 10 records rejected)"
    of_all = graph.evaluate(accepted, rejected, checks_of_rejects(), check=OF_ALL, month="2024-01")
    assert of_all.passed
    assert of_all.description == "10 of the 40 records of 2024-01 were rejected (25.00%)"
    assert of_all.metadata["rejected_share"].value == 0.25


def test_most_entities_in_trouble_block(graph: SmallGraph) -> None:
    """A source that changed its ways is seen in most of its stations, by month; an empty month is no failure."""
    trouble = [("unreadable", code) for code in STATIONS[:3]] * 2
    accepted = readings_asset({"2024-01": of_stations(ABC=2, JKL=90), "2024-02": of_stations(ABC=1), "2024-03": rows(0)})
    rejected = rejects_asset({"2024-01": trouble, "2024-02": [], "2024-03": []})
    check = checks_of_rejects()
    result = graph.evaluate(accepted, rejected, check, check=OF_ALL, months=("2024-01", "2024-03"))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert result.description == "6 of the 98 records of 2024-01 were rejected (6.12%); in 3 of 4 weather stations more than 25.0%"
    assert graph.passed_by_partition(dg.AssetCheckKey(accepted.key, OF_ALL)) == {"2024-01": False, "2024-02": True, "2024-03": True}


@pytest.mark.parametrize(("greatest_share_of_all", "passed"), [(None, True), (0.25, False), (0.5, True)])
def test_parts_of_a_whole_are_also_counted_together(
    graph: SmallGraph, *, greatest_share_of_all: float | None, passed: bool
) -> None:
    """One file of two that cannot be read is half of a month; one car park of two says nothing about the other."""
    accepted, rejected = readings_asset({"2024-01": of_stations(ABC=10)}), rejects_asset({"2024-01": [("unreadable", "JKL")] * 10})
    check = checks_of_rejects(greatest_share_of_all)
    result = graph.evaluate(accepted, rejected, check, check=OF_ALL, month="2024-01")
    assert result.passed is passed
    assert result.description == "10 of the 20 records of 2024-01 were rejected (50.00%)"


def test_rejects_that_name_no_entity_are_those_of_the_feed(graph: SmallGraph) -> None:
    """Web pages in place of responses are nobody's in particular; many of them block."""
    accepted = readings_asset({"2024-01": of_stations(ABC=5, DEF=5), "2024-02": of_stations(ABC=30, DEF=30)})
    rejected = rejects_asset({"2024-01": [("page", None)] * 4, "2024-02": [("page", None)] * 4})
    result = graph.evaluate(accepted, rejected, checks_of_rejects(), check=OF_ALL, months=("2024-01", "2024-02"))
    assert not result.passed
    assert str(result.description).endswith("; 4 of them do not say which weather station they are about")
    of_each = graph.evaluate(accepted, rejected, checks_of_rejects(), check=OF_EACH, months=("2024-01", "2024-02"))
    assert of_each.passed


def test_rejects_of_earlier_releases_are_counted(graph: SmallGraph) -> None:
    """Partitions written before the column of the entities was renamed still say which entity is in trouble."""
    accepted, rejected = readings_asset({"2024-01": of_stations(ABC=10)}), rejects_asset({"2024-01": [("unreadable", "JKL")] * 10})
    check = rejects_checks(
        renamed(READINGS, mast_code="station_code"),
        renamed(REJECTS, mast_code="station_code", mast_name="station_name"),
        MONTHS,
        entity="mast_code",
        name="mast_name",
        entity_word="weather station",
        greatest_share=0.25,
        harmless_reasons=frozenset(),
    )
    of_each = graph.evaluate(accepted, rejected, check, check=OF_EACH, month="2024-01")
    assert of_each.description == "2024-01: Jkl (10 of 10 records rejected)"


def test_share_needs_both_tables(graph: SmallGraph) -> None:
    """Without the accepted rows of a month there is no share of rejects, and the error says what is missing."""
    accepted, rejected = readings_asset({"2024-01": rows(1)}), rejects_asset({"2024-01": []})
    graph.run(accepted, month="2024-01")
    with pytest.raises(MissingPartitionError, match="weather/rejects, month 2024-01 has not been materialized"):
        graph.run(accepted, rejected, checks_of_rejects(), only=[accepted], month="2024-01")


NOTES = TableContract(
    "weather",
    "notes",
    "Readings with optional values.",
    (
        Column("humidity_pct", "float64", "Humidity.", nullable=True),
        Column("unread_values", "string", "Values that could not be read.", nullable=True),
    ),
)


@pytest.mark.parametrize(
    ("humidity", "unread", "passed", "description"),
    [
        ([50.0, None], [None, None], True, "0 of 2 rows have values that cannot be read"),
        ([50.0, None], [None, "humidity 'wet'"], False, "1 of 2 rows have values that cannot be read, for example humidity 'wet'"),
        (
            [None, None],
            [None, None],
            False,
            "0 of 2 rows have values that cannot be read, without a value in any row: humidity_pct",
        ),
        ([], [], True, "0 of 0 rows have values that cannot be read"),
    ],
    ids=["all read", "unread", "no column", "no rows"],
)
def test_optional_values_that_are_lost_are_a_warning(
    humidity: list[float | None], unread: list[str | None], *, passed: bool, description: str
) -> None:
    """Rows are kept without them, and a column that has gone or is written in another way is seen nevertheless."""
    check = optional_values_check(NOTES, never_empty=["humidity_pct"])
    rows = {"humidity_pct": pd.Series(humidity, dtype="float64"), "unread_values": pd.Series(unread, dtype="string")}
    assert check.evaluate is not None
    outcome = check.evaluate(pd.DataFrame(rows), "2024-01")
    assert (outcome.passed, check.is_blocking) == (passed, False)
    assert outcome.description == f"2024-01: {description}"
