"""When each asset of this domain is materialized by itself."""

from datetime import timedelta

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE, defaults
from mlops_assets.orchestration.automation import (
    EVERY_SIX_HOURS,
    after_any_upstream,
    follow_upstream,
    follow_with_champion,
    train_once,
    with_training,
)

_STATIONS = dg.AssetKey([DOMAIN, "police_stations"])
_CHAMPION = dg.AssetKey([DOMAIN, "arrest_champion"])
_TEST_SPLIT = dg.AssetKey([DOMAIN, "test_split"])

CRIMES_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 12 10 * *", lower_bound_delta=timedelta(days=9), timezone=TIME_ZONE)
"""The month that is over should be here by noon of the 10th: the portal publishes with a week's delay."""

FOLLOW_CRIMES = follow_upstream(EVERY_SIX_HOURS, ignored=[_STATIONS])
"""Follow the months of crimes, late arrests included. Reading the station list again changes no month: stations move once in a
decade."""

SCORE_CRIMES = follow_with_champion(EVERY_SIX_HOURS, _CHAMPION)
"""Score the month that is over, and the scored months whose crimes changed, by the champion that knew only earlier months."""

TRAIN_ONCE_A_MONTH = train_once(EVERY_SIX_HOURS, _CHAMPION, at_least=defaults.MINIMUM_MONTHS)
"""A new model per month; corrections to earlier months alone do not train it again, drift does."""

WITH_TRAINING = with_training(EVERY_SIX_HOURS)
"""Whatever follows from the latest training window."""

AFTER_EACH_EVALUATION = after_any_upstream(EVERY_SIX_HOURS, ignored=[_TEST_SPLIT])
"""Every evaluated model challenges the champion."""
