"""Defaults of the arrest model: every number that a run may configure, and how it splits.

The assets' configurations take them from here, and `mlops-assets quality` and the benchmark use the same.
"""

from typing import Final

MINIMUM_MONTHS = 6
"""Fewer materialized months before a partition are no training window."""

MINIMUM_ROWS = 5_000
"""Fewer crimes are no training window."""

SPLIT_STRATEGY: Final = "time"
"""A model is tested on the latest rows, as it will be used."""

TEST_SHARE = 0.2
"""Share of the window, its latest rows, on which a model is measured once."""

VALIDATION_SHARE = 0.2
"""Share of the development split, its latest rows, on which configurations and thresholds are chosen."""

OVERSAMPLED_RATIO = 0.5
"""Arrests per other crime after SMOTE."""

UNDERSAMPLED_RATIO = 0.8
"""Arrests per other crime after undersampling."""

BALANCE_SEED = 17
"""Of SMOTE and undersampling."""

MINIMUM_INFORMATION = 0.0005
"""Mutual information with the outcome, in nats, below which a column is left out."""

TUNING_TRIALS = 6
"""Configurations tried after the defaults of every candidate."""

TIME_BUDGET_SECONDS = 60.0
"""After this time, a search starts no further trial."""

SEED = 42
"""Of information, search and importance."""
