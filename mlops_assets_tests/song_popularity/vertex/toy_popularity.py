"""A popularity model small enough to check by hand: energetic songs are popular."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.predictors import MulticlassClassifier
from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS
from mlops_assets.song_popularity.model_contracts import MODEL_INPUT
from mlops_assets_tests.tiny_bundle import tiny_provenance


def toy_events(count: int = 3, **values: Any) -> pd.DataFrame:
    """Return events of quiet, livelier and loud songs in turn, of which the rest is unknown, on an index of their own."""
    moments = pd.date_range("2025-06-01T20:00:00.123456Z", periods=count, freq="min")
    rows = [
        {
            "event_at": moment.to_pydatetime(),
            "event_type": "search_result",
            "country": "ES",
            "artist": "Ñu",
            "album_release_date": moment.date(),
            "energy": (0.1, 0.5, 0.9)[number % 3],
            **values,
        }
        for number, moment in enumerate(moments)
    ]
    return rows_to_frame(rows, MODEL_INPUT).set_axis([f"event {number}" for number in range(count)], axis=0)


def toy_bundle() -> Bundle[MulticlassClassifier]:
    """Return a bundle that takes raw events."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    events = toy_events(6)
    pipeline = make_pipeline(make_column_transformer((SimpleImputer(), ["energy"])), DecisionTreeClassifier(random_state=1))
    pipeline.fit(events, [0, 1, 2, 0, 1, 2])
    provenance = replace(tiny_provenance(), name="popularity_model")
    return Bundle(MulticlassClassifier(pipeline, POPULARITY_LEVELS), provenance, MODEL_INPUT)
