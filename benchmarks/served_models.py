"""A champion for the benchmarks of serving: the kind that the original system of song preference served."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.contracts import TableContract
from mlops_assets.ml.bundle import Bundle, Provenance
from mlops_assets.ml.predictors import BinaryClassifier
from mlops_assets.song_preference.contracts import AUDIO_FEATURES
from mlops_assets.song_preference.modelling.candidates import FAMILIES, build_pipeline

PREDICT = "/v1/models/song_preference/preference_model/predict"
_FEATURES = ("speechiness", "energy", "danceability", "acousticness")
RECORD: dict[str, Any] = {"speechiness": 0.0365, "energy": 0.842, "danceability": 0.585, "acousticness": 0.0102}
_SONGS = 736


def save_bundle(folder: Path, family: str) -> Path:
    """Fit a candidate of song preference on as many made-up songs as the original listener had, and save it.

    Args:
        folder: gets the bundle.
        family: the kind of model, by its name among the candidates.
    """
    import pandas as pd

    random = np.random.default_rng(7)
    songs = pd.DataFrame(random.uniform(size=(_SONGS, len(_FEATURES))), columns=list(_FEATURES))
    likes = songs["energy"] + 0.5 * songs["danceability"] + random.normal(0, 0.3, _SONGS) > 0.75
    pipeline = build_pipeline(family, FAMILIES[family].defaults, 7).fit(songs, likes)
    columns = tuple(column for name in _FEATURES for column in AUDIO_FEATURES if column.name == name)
    contract = TableContract("song_preference", "preference_model_input", "A song, as its listener hears it.", columns)
    Bundle(BinaryClassifier(pipeline, 0.5), _provenance(family), contract).save(folder)
    return folder


def save_mlflow_model(folder: Path, bundle: Path) -> Path:
    """Save the bundle as the model of MLflow that the registry keeps."""
    import mlflow

    mlflow.pyfunc.save_model(folder, loader_module="mlops_assets.ml.bundle_flavor", data_path=str(bundle))
    return folder


def _provenance(family: str) -> Provenance:
    return Provenance(
        name="preference_model",
        estimator_name=family,
        fingerprint="0" * 64,
        training_start_at=datetime(2024, 1, 1, tzinfo=timezone.utc),
        training_end_at=datetime(2024, 2, 1, tzinfo=timezone.utc),
        training_rows=_SONGS,
        seed=7,
        metrics={},
        baseline_metrics={},
        feature_names=_FEATURES,
    )
