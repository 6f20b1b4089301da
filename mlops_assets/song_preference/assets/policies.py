"""When each asset of this domain is materialized by itself."""

import dagster as dg

from mlops_assets.orchestration.automation import EVERY_HOUR, after_any_upstream, follow_with_champion, with_training
from mlops_assets.song_preference import DOMAIN

_CHAMPION = dg.AssetKey([DOMAIN, "preference_champion"])
_DATA_INFO = dg.AssetKey([DOMAIN, "data_info"])
_TEST_SPLIT = dg.AssetKey([DOMAIN, "test_split"])

AFTER_EACH_PLAYLIST = after_any_upstream(EVERY_HOUR)
"""A new playlist, or one that was read again, changes the dataset."""

TRAIN_ON_NEW_SONGS = after_any_upstream(EVERY_HOUR, only_checked=True)
"""A model learns from every dataset that is large enough; the same songs give the same model, which is not registered twice."""

WITH_TRAINING = with_training(EVERY_HOUR, ignored=[_DATA_INFO])
"""Whatever follows from the splits, in the run that makes them."""

AFTER_EACH_EVALUATION = after_any_upstream(EVERY_HOUR, ignored=[_TEST_SPLIT])
"""Every evaluated model challenges the champion."""

SCORE_PLAYLISTS = follow_with_champion(EVERY_HOUR, _CHAMPION)
"""Score every playlist once there is a champion, and those again that were read again."""
