"""When each asset of this domain is materialized by itself."""

from datetime import timedelta

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.orchestration.automation import (
    after_any_upstream_partition,
    follow_upstream,
    latest_follows_upstream,
    once_when_complete,
)

_STATIONS = dg.AssetSelection.assets([DOMAIN, "police_stations"])
_CHAMPION = dg.AssetSelection.assets([DOMAIN, "arrest_champion"])

CRIMES_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 12 10 * *", lower_bound_delta=timedelta(days=9), timezone=TIME_ZONE)
"""The month that is over should be here by noon of the 10th: the portal publishes with a week's delay."""

FOLLOW_CRIMES = follow_upstream(ignoring=_STATIONS | _CHAMPION)
"""Follow the months of crimes, late arrests included.

Reading the station list again, or a new champion, changes no month by itself: stations move once in a decade, and a month is
scored by the champion that knew only earlier months.
"""

TRAIN_ONCE_A_MONTH = once_when_complete()
"""A new model per month; corrections to earlier months alone do not train it again, drift does."""

FOLLOW_TRAINING = latest_follows_upstream(ignoring=_STATIONS)
"""Whatever follows from the latest training window."""

AFTER_EACH_EVALUATION = after_any_upstream_partition()
"""Every evaluated model may challenge the champion."""
