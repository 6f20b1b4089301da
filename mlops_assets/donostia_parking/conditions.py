"""When each asset of this domain is materialized by itself, and how old what it says may become.

Only what follows from landed snapshots alone has conditions. Models and forecasts go by the clock: schedules start them.
"""

from datetime import timedelta

import dagster as dg

from mlops_assets.orchestration.automation import after_any_upstream_partition, follow_upstream

FEED_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(hours=2))
"""The feed is asked every hour; two missed hours are a warning, three a failure."""

FOLLOW_READINGS = follow_upstream()
"""Follow the days of readings."""

FOLLOW_SIGHTINGS = after_any_upstream_partition()
"""A car park may change on any day."""
