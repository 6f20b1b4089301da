"""Defaults of this domain: every number that a run may configure."""

TOPIC = "spotify-events"
"""The topic of the event log, under the original's name."""

TOPIC_PARTITIONS = 4
"""Of a topic that the platform makes itself."""

WINDOW_DAYS = 90
"""A model learns from so many days before its own, as the original's."""

MINIMUM_TRACKS = 300
"""Fewer tracks with known popularity are nothing to learn from."""

TEST_SHARE = 0.2
"""Share of the tracks, the latest, on which a model is measured once."""

TUNING_TRIALS = 6
"""Configurations tried after the defaults of every candidate."""

TIME_BUDGET_SECONDS = 90.0
"""After this time, a search starts no further trial."""

SEED = 42
"""Of the search and every estimator."""

BOOTSTRAP_SAMPLES = 500
"""Resamples of the test tracks, of which intervals are made."""

CONFIDENCE = 0.95
"""Coverage of the intervals."""

MINIMUM_ACCURACY, MINIMUM_MACRO_F1 = 0.65, 0.60
"""The gate: a model below does not challenge the champion. The original's limits."""

RETRAIN_BELOW_ACCURACY = 0.75
"""A day whose predictions were right less often makes the model be trained again. The original's threshold."""

TRUTH_DAYS = 7
"""Popularity seen up to so many days after an event tells whether its prediction was right."""

VERTEX_REGION = "us-central1"
"""Of Vertex AI, as the original's."""

SAMPLE_RATE = 20.0
"""Simulated events per second."""
