"""Defaults of the forecast model: every number that a run may configure, and how much of the past is used.

The assets' configurations take them from here, and `mlops-assets forecast-quality` uses the same.
"""

HORIZON_HOURS = 24
"""How far ahead is forecast."""

LONGEST_HORIZON_HOURS = 7 * 24
"""Beyond a week the past says nothing about single hours."""

HISTORY_DAYS = 56
"""Two months say what a Monday morning is like; what is older belongs to another season."""

EVALUATED_ORIGINS = 42
"""How many moments of the past a model is measured at: forecasts from neighbouring hours would repeat each other."""

SEED = 0
"""Of every random choice; the present methods make none that depends on it."""
