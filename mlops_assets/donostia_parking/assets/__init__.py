"""The assets of this domain, in the order in which data flows: readings, model, monitoring."""

from mlops_assets.donostia_parking.assets import model, monitoring, readings

ASSETS = [*readings.ASSETS, *model.ASSETS, *monitoring.ASSETS]
