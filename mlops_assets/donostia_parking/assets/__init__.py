"""The assets of this domain: parking data, and forecasts of it."""

from mlops_assets.donostia_parking.assets import forecasts, parking

ASSETS = [*parking.ASSETS, *forecasts.ASSETS]
