"""Crimes reported in Chicago, and whether each leads to an arrest: from the city's open-data portal to monthly predictions."""

DOMAIN = "chicago_crimes"
"""The first part of every asset key of this domain."""

TIME_ZONE = "America/Chicago"
"""The zone of the portal's times and of the calendar months that partition this domain."""

STATE_PLANE, WGS_84 = "EPSG:3435", "EPSG:4326"
"""The portal's systems of coordinates: feet in the plane of Illinois East, and degrees of longitude and latitude."""

FORMER_MODULES = {"preprocessing": "modelling.preprocessing"}
"""Where classes of pickled models are now, by the modules that they were in."""
