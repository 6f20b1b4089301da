"""Scores of events as rows of the table of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.song_popularity.model_contracts import POPULARITY_PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd

KEPT = ("event_id", "event_at", "track_id", "event_type", "country")
"""Columns of an event that its prediction has, too."""


def as_predictions(events: pd.DataFrame, scores: pd.DataFrame, version: int, run_id: str) -> pd.DataFrame:
    """Return rows of `popularity_predictions`.

    Args:
        events: what was scored: rows of `events`, or those columns of them that `KEPT` and `landed_at` name.
        scores: of the events, as `monitoring.score_events` gives them.
        version: number of the version that gave them.
        run_id: MLflow run that trained it.
    """
    import pandas as pd

    return pd.concat([events[list(KEPT)], scores], axis=1).assign(
        predicted_at=events["landed_at"], model_version=version, model_run_id=run_id
    )[POPULARITY_PREDICTIONS.column_names]
