"""When each asset of this domain is materialized by itself. The stream's sensor lands messages and makes their days."""

from datetime import timedelta

import dagster as dg

from mlops_assets.orchestration.automation import (
    EVERY_HOUR,
    EVERY_TEN_MINUTES,
    after_any_upstream,
    at_most_each,
    follow_upstream,
    follow_with_champion,
    repeat_failed,
    with_training,
)
from mlops_assets.song_popularity import DOMAIN

_CHAMPION = dg.AssetKey([DOMAIN, "popularity_champion"])
_TEST_SPLIT = dg.AssetKey([DOMAIN, "test_split"])
_HISTORY = dg.AssetKey([DOMAIN, "history"])
_BATCHES = dg.AssetKey([DOMAIN, "event_batches"])
_TODAY_AND_YESTERDAY = timedelta(days=2)

EVENTS_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=6), warn_window=timedelta(hours=1))
"""Somebody plays music at any time: an hour without anything landing is a warning, six are a failure."""

FOLLOW_EVENTS = follow_upstream(EVERY_HOUR, ignored=[_BATCHES])
"""Follow the days of events, late ones included. What lands is of some days only, and those are made by the sensor."""

FOLLOW_CALMLY = at_most_each(EVERY_TEN_MINUTES, follow_upstream(EVERY_HOUR, ignored=[_BATCHES]))
"""What nobody needs within seconds follows a day of which events arrive all the time every ten minutes."""

FOLLOW_EVERY_DAY = at_most_each(EVERY_HOUR, after_any_upstream(EVERY_HOUR))
"""A track may be named on any day; all of them are looked through, so not after every micro-batch."""

SCORE_EVENTS = follow_with_champion(EVERY_HOUR, _CHAMPION)
"""Predict the latest day, and the predicted days whose events changed, by the champion that knew only earlier days."""

COMPARE_EVENTS = at_most_each(EVERY_TEN_MINUTES, follow_with_champion(EVERY_HOUR, _CHAMPION))
"""Like scores, but not after every micro-batch."""

REPEAT_TRAINING = repeat_failed(EVERY_HOUR, lookback=_TODAY_AND_YESTERDAY)
"""The schedule trains the day's model once; what failed there is repeated until it works."""

WITH_TRAINING = with_training(EVERY_HOUR, lookback=_TODAY_AND_YESTERDAY, ignored=[_HISTORY])
"""Whatever follows from a training set."""

AFTER_EACH_EVALUATION = after_any_upstream(EVERY_HOUR, ignored=[_TEST_SPLIT])
"""Every evaluated model challenges the champion."""
