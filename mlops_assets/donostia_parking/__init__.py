"""Free spaces in the car parks of Donostia / San Sebastián: from the city's feed to an hourly series and its forecast.

A second city, Birmingham, goes through the same contracts; a setting chooses.
"""

DOMAIN = "donostia_parking"
"""The first part of every asset key of this domain."""

FORMER_MODULES = {"forecast_bundle": "modelling.forecaster"}
"""Where classes of pickled models are now, by the modules that they were in."""
