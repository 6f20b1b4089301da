"""A preference model small enough to check by hand: energetic songs are liked."""

from __future__ import annotations

from mlops_assets.contracts import TableContract
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.predictors import BinaryClassifier
from mlops_assets.serving.champions import ModelName
from mlops_assets.song_preference.contracts import AUDIO_FEATURES
from mlops_assets.song_preference.modelling.features import ORIGINAL_FEATURES
from mlops_assets_tests.serving.servers import Registry
from mlops_assets_tests.tiny_bundle import tiny_provenance

MODEL = ModelName("song_preference", "preference_model")
LIKED = {"speechiness": 0.3, "energy": 0.9, "danceability": 0.8, "acousticness": 0.05}
DISLIKED = {"speechiness": 0.03, "energy": 0.1, "danceability": 0.2, "acousticness": 0.95}


def preference_bundle(names: list[str]) -> Bundle[BinaryClassifier]:
    """Return a model of some features that likes energetic songs."""
    import pandas as pd
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    songs = pd.DataFrame([dict.fromkeys(names, 0.5) | DISLIKED, dict.fromkeys(names, 0.5) | LIKED] * 10)
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), LogisticRegression()).fit(songs[names], songs["energy"] > 0.5)
    contract = TableContract(
        "song_preference", "preference_model_input", "A song.", tuple(each for each in AUDIO_FEATURES if each.name in names)
    )
    return Bundle(BinaryClassifier(pipeline, 0.5), tiny_provenance(name="preference_model", feature_names=tuple(names)), contract)


def registry() -> Registry:
    """Return a registry with a version of all thirteen features, which is champion, and one of the original's four."""
    all_names = [column.name for column in AUDIO_FEATURES]
    four = [name for name in all_names if name in ORIGINAL_FEATURES]
    return Registry({MODEL: {4: preference_bundle(four), 13: preference_bundle(all_names)}}, {MODEL: 13})
