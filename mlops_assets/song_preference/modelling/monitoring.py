"""Use the champion on a playlist: score its songs, and see how far they are from what the model knew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError
from mlops_assets.ml.drift import measure_drift
from mlops_assets.ml.retraining import DriftLimits, drifted_features
from mlops_assets.song_preference.modelling.training import SCORE

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import BinaryClassifier

LIMITS = DriftLimits(psi=0.3, ks=0.25)
"""Playlists are short: those of a hundred songs differ by a PSI of 0.1 and a KS of 0.13 by chance alone."""


def score_songs(bundle: Bundle[BinaryClassifier], songs: pd.DataFrame) -> pd.DataFrame:
    """Return key columns, `like_probability` and `is_like_predicted` of those songs that nobody has labelled."""
    unlabelled = songs[songs["is_liked"].isna()].reset_index(drop=True)
    predicted = bundle.predict(unlabelled)
    return unlabelled[["playlist_key", "position", "listener", "song_key", "title", "artist"]].assign(
        like_probability=predicted["probability"], is_like_predicted=predicted["is_predicted"]
    )


def measure_playlist(bundle: Bundle[BinaryClassifier], songs: pd.DataFrame) -> pd.DataFrame:
    """Compare a playlist's songs with those that the model learned from: rows of `preference_drift`, without playlist and model.

    A playlist without songs has none.
    """
    if bundle.reference is None:
        raise PermanentError(f"model {bundle.provenance.name} holds no reference to measure drift against; train it again")
    probability = bundle.predict(songs)["probability"].to_numpy()
    drift = measure_drift(bundle.reference, songs.assign(**{SCORE: probability}))
    return drift.drop(columns="kind").assign(is_over_limit=drift["feature"].isin(drifted_features(drift, LIMITS)))
