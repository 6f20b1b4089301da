"""Crimes reported in Chicago, and whether each leads to an arrest: from the city's open-data portal to monthly predictions."""

DOMAIN = "chicago_crimes"
"""The first part of every asset key of this domain."""

TIME_ZONE = "America/Chicago"
"""The zone of the portal's times and of the calendar months that partition this domain."""

FORMER_MODULES = {"preprocessing": "modelling.preprocessing"}
"""Where classes of pickled models are now, by the modules that they were in."""
