"""What a preference model may learn from. Plain text, so that nothing heavy is loaded."""

from __future__ import annotations

from mlops_assets.contracts import TableContract
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.contracts import AUDIO_FEATURES, FEATURE_NAMES

ORIGINAL_FEATURES = ("speechiness", "energy", "danceability", "acousticness")
"""The four that the original system's model and its API know."""

FEATURE_SETS = {"all": FEATURE_NAMES, "original": tuple(name for name in FEATURE_NAMES if name in ORIGINAL_FEATURES)}
"""Features by the name of their set, in the order of the data."""


def model_input(feature_set: str) -> TableContract:
    """Return the contract of what a model of a set of features wants to know about a song."""
    return TableContract(
        domain=DOMAIN,
        name="preference_model_input",
        description="What the preference model wants to know about a song; what is missing counts as unknown.",
        columns=tuple(column for column in AUDIO_FEATURES if column.name in FEATURE_SETS[feature_set]),
    )
