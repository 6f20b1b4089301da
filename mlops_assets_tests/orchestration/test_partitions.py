"""Partitions by month, the window before a month, and the name of the path level."""

from datetime import datetime, timezone

import dagster as dg
import pytest

from mlops_assets.errors import PermanentError
from mlops_assets.orchestration.partitions import dimension_name, monthly_partitions, months_before

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
    ("partitions", "name"),
    [
        (monthly_partitions("2024-01", "America/Chicago"), "month"),
        (dg.MonthlyPartitionsDefinition("2024-01-01"), "month"),
        (dg.WeeklyPartitionsDefinition("2024-01-01"), "week"),
        (dg.DailyPartitionsDefinition("2024-01-01"), "day"),
        (dg.HourlyPartitionsDefinition("2024-01-01-00:00"), "hour"),
    ],
)
def test_path_level_says_what_partitions_are(partitions: dg.PartitionsDefinition, name: str) -> None:
    """A path such as `month=2024-01` tells SQL engines and people what the value is."""
    assert dimension_name(partitions) == name


def test_other_partitions_have_no_path_level_yet() -> None:
    """Nothing is guessed for partitions that nobody has thought of."""
    with pytest.raises(PermanentError, match="no path level is defined for partitions of type StaticPartitionsDefinition"):
        dimension_name(dg.StaticPartitionsDefinition(["a", "b"]))


def test_window_is_the_months_before() -> None:
    """A month depends on the months before it that exist, never on itself."""
    months = monthly_partitions("2024-01", "UTC")
    subset = months.empty_subset().with_partition_keys(["2024-03"])
    upstream = months_before(12).get_upstream_mapped_partitions_result_for_partitions(subset, months, months, NOW)
    assert sorted(upstream.partitions_subset.get_partition_keys()) == ["2024-01", "2024-02"]
