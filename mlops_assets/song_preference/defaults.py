"""Defaults of the preference model: every number that a run may configure, and how songs are split.

The assets' configurations take them from here, and `mlops-assets song-quality` uses the same.
"""

TEST_SHARE = 0.3
"""Share of the songs on which a model is measured once."""

MINIMUM_SONGS = 60
"""Fewer labelled songs are no dataset to learn from."""

FOLDS, REPEATS = 5, 2
"""Of the repeated stratified cross-validation in which candidates are compared."""

TUNING_TRIALS = 10
"""Configurations tried after the defaults of every candidate."""

TIME_BUDGET_SECONDS = 60.0
"""After this time, a search starts no further trial."""

SEED = 42
"""Of the split, the folds, the search and every estimator."""

BOOTSTRAP_SAMPLES = 500
"""Resamples of the test songs, of which intervals are made."""

CONFIDENCE = 0.95
"""Coverage of the intervals."""
