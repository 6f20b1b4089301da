"""The assets of this domain, in the order in which data flows: events, model, monitoring."""

from mlops_assets.song_popularity.assets import events, model, monitoring

ASSETS = [*events.ASSETS, *model.ASSETS, *monitoring.ASSETS]
