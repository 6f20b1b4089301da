"""The days that partition this domain."""

import dagster as dg

from mlops_assets.orchestration.partitions import daily_partitions, days_before
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.events.parsing import FIRST_DAY

EVENT_DAYS = daily_partitions(FIRST_DAY.isoformat(), "UTC")
"""Days in UTC, today's included. Events bear UTC, and the original's tables count hours in it."""

WINDOW_BEFORE_DAY = dg.AssetIn(partition_mapping=days_before(defaults.WINDOW_DAYS), metadata={"skip_missing_partitions": True})
"""A day's model learns from the days before it, not from its own."""

DAY_AND_AFTER = dg.AssetIn(
    partition_mapping=dg.TimeWindowPartitionMapping(
        start_offset=0, end_offset=defaults.TRUTH_DAYS, allow_nonexistent_upstream_partitions=True
    ),
    metadata={"skip_missing_partitions": True},
)
"""Popularity seen in the week after an event tells whether its prediction was right."""

ALL_DAYS = dg.AssetIn(partition_mapping=dg.AllPartitionMapping(), metadata={"skip_missing_partitions": True})
"""Tracks are known from every day."""
