"""What a preference model may learn from. Plain text, so that nothing heavy is loaded."""

from __future__ import annotations

from mlops_assets.contracts import TableContract
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.contracts import AUDIO_FEATURES, FEATURE_NAMES

ORIGINAL_FEATURES = ("speechiness", "energy", "danceability", "acousticness")
"""The four that the original system's model and its API know."""

FEATURE_SETS = {"all": FEATURE_NAMES, "original": ORIGINAL_FEATURES}
"""Features by the name of their set."""

MODEL_INPUT = TableContract(
    domain=DOMAIN,
    name="preference_model_input",
    description="What the preference model wants to know about a song; what is missing counts as unknown.",
    columns=AUDIO_FEATURES,
)
