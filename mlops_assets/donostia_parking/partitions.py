"""The days that partition this domain."""

import dagster as dg

from mlops_assets.donostia_parking import defaults
from mlops_assets.donostia_parking.sources.base import FIRST_DATE
from mlops_assets.orchestration.partitions import daily_partitions, day_before, days_up_to

PARKING_DAYS = daily_partitions(FIRST_DATE.isoformat(), "Europe/Madrid")
"""Calendar days, today's included. Another city's days begin by its own clocks; only the keys are shared."""

DAY_AND_BEFORE = days_up_to(2)
"""An hour of the morning may repeat the last reading of the evening before."""

HISTORY_IN = dg.AssetIn(partition_mapping=days_up_to(defaults.HISTORY_DAYS + 1), metadata={"skip_missing_partitions": True})
"""A model knows the days that end with its own; one more, because days have 23 to 25 hours."""

DAY_BEFORE = day_before()
"""Forecasts issued at the end of a day are about the day after it."""
