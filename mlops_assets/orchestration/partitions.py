"""Partitions as Dagster knows them: by calendar month and day, as stores know them, and how those of assets depend on others."""

from collections.abc import Mapping
from datetime import datetime

import dagster as dg

from mlops_assets.errors import PermanentError
from mlops_assets.partition import Partition

_PARTITION_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
"""The tags by which Dagster knows the first and the last partition of a run that holds a range of them."""


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags by which one run materializes the partitions from `first` to `last`, both included."""
    return dict(zip(RANGE_TAGS, (first, last), strict=True))


def monthly_partitions(
    first_month: str, time_zone: str, *, include_current_month: bool = False
) -> dg.TimeWindowPartitionsDefinition:
    """Return one partition per calendar month in a time zone, keyed `YYYY-MM`.

    Args:
        first_month: the first partition, `YYYY-MM`.
        time_zone: the zone whose midnights bound the months.
        include_current_month: whether the month that is not over yet is a partition too.
    """
    return dg.TimeWindowPartitionsDefinition(
        start=first_month, fmt="%Y-%m", timezone=time_zone, cron_schedule="0 0 1 * *", end_offset=int(include_current_month)
    )


def months_before(count: int) -> dg.TimeWindowPartitionMapping:
    """Return the mapping by which a month depends on the `count` months before it, not on itself."""
    return dg.TimeWindowPartitionMapping(start_offset=-count, end_offset=-1, allow_nonexistent_upstream_partitions=True)


def daily_partitions(first_day: str, time_zone: str) -> dg.DailyPartitionsDefinition:
    """Return one partition per calendar day in a time zone, keyed `YYYY-MM-DD`; the day that is not over yet is one too."""
    return dg.DailyPartitionsDefinition(first_day, timezone=time_zone, end_offset=1)


def days_up_to(count: int) -> dg.TimeWindowPartitionMapping:
    """Return the mapping by which a day depends on itself and the days before it, `count` in all."""
    return dg.TimeWindowPartitionMapping(start_offset=1 - count, end_offset=0, allow_nonexistent_upstream_partitions=True)


def days_before(count: int) -> dg.TimeWindowPartitionMapping:
    """Return the mapping by which a day depends on the `count` days before it, not on itself."""
    return dg.TimeWindowPartitionMapping(start_offset=-count, end_offset=-1, allow_nonexistent_upstream_partitions=True)


def day_before() -> dg.TimeWindowPartitionMapping:
    """Return the mapping by which a day depends on the day before it."""
    return dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True)


def partition_label(tags: Mapping[str, str]) -> str | None:
    """Return which partition a run with these tags is about: a key, `first...last` of a range, or None."""
    first, last = (tags.get(tag) for tag in RANGE_TAGS)
    return f"{first}...{last}" if first and last else tags.get(_PARTITION_TAG)


def holds_partition(tags: Mapping[str, str], key: str) -> bool:
    """Tell whether a run with these tags is about a partition by time, alone or in a range.

    Keys of months, days and hours are in the order of time when they are sorted as texts. A range of months holds no day.
    """
    first, last = (tags.get(tag, "") for tag in RANGE_TAGS)
    return tags.get(_PARTITION_TAG) == key or (len(first) == len(key) and first <= key <= last)


def partition_of(partitions: dg.PartitionsDefinition, key: str) -> Partition:
    """Return the partition that a key names, as stores know it."""
    dimension = dimension_name(partitions)
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return Partition(dimension, key)
    window = partitions.time_window_for_partition_key(key)
    return Partition(dimension, key, (window.start, window.end))


def partition_keys(partitions: dg.PartitionsDefinition, instance: dg.DagsterInstance) -> list[str]:
    """Return the keys of all partitions in their order; of dynamic ones, those that the instance knows, oldest first."""
    return list(partitions.get_partition_keys(dynamic_partitions_store=instance))


def latest_partition_key(partitions: dg.PartitionsDefinition, instance: dg.DagsterInstance) -> str | None:
    """Return the key of the latest partition, of dynamic ones the newest; None if there is none yet."""
    if isinstance(partitions, dg.DynamicPartitionsDefinition):
        return next(reversed(partition_keys(partitions, instance)), None)
    return partitions.get_last_partition_key()


def has_begun(partitions: dg.PartitionsDefinition, key: str, now: datetime) -> bool:
    """Tell whether a key is that of a partition, or will be once the time that it names is over."""
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return partitions.has_partition_key(key)
    return partitions.start <= partitions.time_window_for_partition_key(key).start <= now


def dimension_name(partitions: dg.PartitionsDefinition) -> str:
    """Return what an asset is partitioned by: `month`, `week`, `day`, `hour`, `minute`, or the name of dynamic partitions.

    Raises:
        PermanentError: the partitions are of another kind.
    """
    if isinstance(partitions, dg.DynamicPartitionsDefinition) and partitions.name:
        return partitions.name
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        minute, hour, day, _, weekday = partitions.cron_schedule.split()
        if day != "*":
            return "month"
        if weekday != "*":
            return "week"
        # Every sixth hour is `*/6`.
        return "day" if hour.isdigit() else "hour" if minute.isdigit() else "minute"
    raise PermanentError(f"no store knows partitions of type {type(partitions).__name__}; use times or named dynamic partitions")
