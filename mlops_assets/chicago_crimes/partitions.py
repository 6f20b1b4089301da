"""The months that partition this domain."""

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.chicago_crimes.modelling.training_window import WINDOW_MONTHS
from mlops_assets.chicago_crimes.sources.base import FIRST_MONTH
from mlops_assets.orchestration.partitions import monthly_partitions, months_before

CRIME_MONTHS = monthly_partitions(FIRST_MONTH.key, TIME_ZONE)
"""Months that are over: what happened in them can be read, scored and compared."""

MODEL_MONTHS = monthly_partitions(FIRST_MONTH.key, TIME_ZONE, include_current_month=True)
"""Months for which a model can be trained: the current one too, for its model learns from the months before it."""

WINDOW_BEFORE_MONTH = months_before(WINDOW_MONTHS)
"""A model's month depends on the crimes of the twelve months before it."""
