"""When each asset of this domain is materialized by itself."""

from mlops_assets.orchestration.automation import EVERY_HOUR, after_any_upstream

AFTER_EACH_PLAYLIST = after_any_upstream(EVERY_HOUR)
"""A new playlist, or one that was read again, changes the dataset."""
