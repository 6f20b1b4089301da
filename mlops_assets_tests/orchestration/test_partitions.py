"""Partitions by month, the window before a month, and the name of the path level."""

from datetime import datetime, timezone

import dagster as dg
import pytest

from mlops_assets.errors import PermanentError
from mlops_assets.orchestration.partitions import (
    daily_partitions,
    dimension_name,
    has_begun,
    monthly_partitions,
    months_before,
    partition_of,
)
from mlops_assets.partition import Partition

NOW = datetime(2024, 3, 1, 2, tzinfo=timezone.utc)
"""Two in the morning of 1 March in UTC: still February in Chicago."""


def test_month_is_a_partition_when_it_is_over_where_it_happened() -> None:
    """A month ends at midnight of its own clocks; the current one is a partition only for those who ask."""
    chicago = monthly_partitions("2024-01", "America/Chicago")
    with_current = monthly_partitions("2024-01", "America/Chicago", include_current_month=True)
    with dg.partition_loading_context(NOW):
        assert monthly_partitions("2024-01", "UTC").get_partition_keys() == ["2024-01", "2024-02"]
        assert chicago.get_partition_keys() == ["2024-01"]
        assert with_current.get_partition_keys() == ["2024-01", "2024-02"]


@pytest.mark.parametrize(
    ("key", "will_be"), [("2023-12", False), ("2024-01", True), ("2024-02", True), ("2024-03", False), ("2099-01", False)]
)
def test_month_that_has_begun_will_be_a_partition(key: str, will_be: bool) -> None:
    """One before the first month never will, and one that is to come says that its time is mistyped."""
    assert has_begun(monthly_partitions("2024-01", "America/Chicago"), key, NOW) is will_be
    assert has_begun(daily_partitions("2024-01-01", "America/Chicago"), f"{key}-01", NOW) is will_be


@pytest.mark.parametrize(
    ("partitions", "name"),
    [
        (monthly_partitions("2024-01", "America/Chicago"), "month"),
        (dg.MonthlyPartitionsDefinition("2024-01-01"), "month"),
        (dg.WeeklyPartitionsDefinition("2024-01-01"), "week"),
        (dg.DailyPartitionsDefinition("2024-01-01"), "day"),
        (dg.HourlyPartitionsDefinition("2024-01-01-00:00"), "hour"),
        (dg.TimeWindowPartitionsDefinition(start="2024-01-01-00:00", fmt="%Y-%m-%d-%H:%M", cron_schedule="0 */6 * * *"), "hour"),
        (dg.TimeWindowPartitionsDefinition(start="2024-01-01-00:00", fmt="%Y-%m-%d-%H:%M", cron_schedule="*/15 * * * *"), "minute"),
        (dg.DynamicPartitionsDefinition(name="playlist"), "playlist"),
    ],
)
def test_dimension_says_what_partitions_are(partitions: dg.PartitionsDefinition, name: str) -> None:
    """A path such as `month=2024-01` tells SQL engines and people what the value is."""
    assert dimension_name(partitions) == name


def test_other_partitions_are_refused() -> None:
    """Nothing is guessed for partitions that nobody has thought of."""
    with pytest.raises(PermanentError, match="no store knows partitions of type StaticPartitionsDefinition"):
        dimension_name(dg.StaticPartitionsDefinition(["a", "b"]))


def test_partition_has_the_window_of_its_clocks() -> None:
    """Stores learn when a partition begins and ends where its calendar is followed; what is no time has no window."""
    month = partition_of(monthly_partitions("2024-01", "America/Chicago"), "2024-03")
    assert month == Partition("month", "2024-03")
    assert month.window is not None
    assert [end.isoformat() for end in month.window] == ["2024-03-01T00:00:00-06:00", "2024-04-01T00:00:00-05:00"]
    assert partition_of(dg.DynamicPartitionsDefinition(name="playlist"), "a.csv").window is None


def test_window_is_the_months_before() -> None:
    """A month depends on the months before it that exist, never on itself."""
    months = monthly_partitions("2024-01", "UTC")
    subset = months.empty_subset().with_partition_keys(["2024-03"])
    upstream = months_before(12).get_upstream_mapped_partitions_result_for_partitions(subset, months, months, NOW)
    assert sorted(upstream.partitions_subset.get_partition_keys()) == ["2024-01", "2024-02"]
