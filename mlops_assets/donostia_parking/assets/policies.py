"""When each asset of this domain is materialized by itself, and how old what it says may become.

The clock starts what reads the feed and trains models; conditions make what follows, and ask again for what failed.
"""

from datetime import timedelta

import dagster as dg

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.orchestration.automation import (
    EVERY_HOUR,
    after_any_upstream,
    follow_own_upstream,
    follow_upstream,
    forecast_with_champion,
    repeat_failed,
    with_training,
)

_CHAMPION = dg.AssetKey([DOMAIN, "forecast_champion"])
_MODEL = dg.AssetKey([DOMAIN, "forecast_model"])
_METRICS = dg.AssetKey([DOMAIN, "forecast_metrics"])
_TODAY_AND_YESTERDAY = timedelta(days=2)

FEED_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(hours=2))
"""The feed is asked every hour; two missed hours are a warning, three a failure."""

FOLLOW_READINGS = follow_own_upstream(EVERY_HOUR)
"""Follow the days of readings."""

FOLLOW_SIGHTINGS = after_any_upstream(EVERY_HOUR)
"""A car park may change on any day."""

REPEAT_TRAINING = repeat_failed(EVERY_HOUR, lookback=_TODAY_AND_YESTERDAY)
"""The schedule trains the model of yesterday once; what failed there is repeated until it works."""

WITH_TRAINING = with_training(EVERY_HOUR, lookback=_TODAY_AND_YESTERDAY)
"""Whatever follows from a training window."""

AFTER_EACH_BACKTEST = after_any_upstream(EVERY_HOUR)
"""Every measured model challenges the champion."""

FORECAST_LATEST_DAYS = forecast_with_champion(EVERY_HOUR, _CHAMPION, lookback=_TODAY_AND_YESTERDAY)
"""Forecast from today, and in its first hour from the end of yesterday."""

COMPARE_WITH_FORECASTS = follow_upstream(EVERY_HOUR, optional=[_MODEL, _METRICS])
"""A day can be compared with forecasts once there are forecasts of the day before. What was to be expected of the model that made
them is looked up, whichever day's it is."""
