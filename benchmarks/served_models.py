"""A champion for the benchmarks of serving: the preference model, as its asset chooses it from simulated listeners' songs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PREDICT = "/v1/models/song_preference/preference_model/predict"
RECORD: dict[str, Any] = {
    "acousticness": 0.0102,
    "danceability": 0.585,
    "duration_ms": 204_600,
    "energy": 0.842,
    "instrumentalness": 0.0219,
    "key": 2,
    "liveness": 0.165,
    "loudness": -8.795,
    "mode": 1,
    "speechiness": 0.0365,
    "tempo": 150.062,
    "time_signature": 4,
    "valence": 0.286,
}


def save_bundle(folder: Path, family: str) -> Path:
    """Train a preference model and save it.

    Args:
        folder: gets the bundle.
        family: kind of model; the slowest is `soft_vote` of a forest, boosted trees and an SVC.
    """
    import pandas as pd

    from mlops_assets.song_preference.modelling.training import train_preference_model
    from mlops_assets.song_preference.songs.dataset import build_dataset
    from mlops_assets.song_preference.songs.parsing import parse_playlist
    from mlops_assets.song_preference.sources.base import listener_of, playlist_key
    from mlops_assets.song_preference.sources.sample import SamplePlaylistSource

    source = SamplePlaylistSource(seed=7)
    files = [(file.name, source.read(file.name)) for file in source.files()]
    parsed = [parse_playlist(playlist_key(name, body), name, listener_of(name), body).songs for name, body in files]
    songs = build_dataset(pd.concat(parsed, ignore_index=True)).songs
    # One fold more or less changes nothing about what an answer costs.
    trained = train_preference_model(songs, tuning_trials=0, folds=3, repeats=1, families=[family], feature_sets=["all"])
    trained.bundle.save(folder)
    return folder


def save_mlflow_model(folder: Path, bundle: Path) -> Path:
    """Save the bundle as the model of MLflow that the registry keeps."""
    import mlflow

    mlflow.pyfunc.save_model(folder, loader_module="mlops_assets.ml.bundle_flavor", data_path=str(bundle))
    return folder
