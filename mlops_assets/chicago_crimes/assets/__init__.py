"""The assets of this domain, in the order in which data flows: crimes, features, model, monitoring."""

from mlops_assets.chicago_crimes.assets import crimes, features, model, monitoring

ASSETS = [*crimes.ASSETS, *features.ASSETS, *model.ASSETS, *monitoring.ASSETS]
