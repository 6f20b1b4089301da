"""The assets of this domain, in the order in which data flows: songs."""

from mlops_assets.song_preference.assets import songs

ASSETS = [*songs.ASSETS]
