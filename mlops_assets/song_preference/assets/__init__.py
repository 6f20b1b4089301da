"""The assets of this domain, in the order in which data flows: songs, splits, model, monitoring."""

from mlops_assets.song_preference.assets import model, monitoring, songs, splits

ASSETS = [*songs.ASSETS, *splits.ASSETS, *model.ASSETS, *monitoring.ASSETS]
