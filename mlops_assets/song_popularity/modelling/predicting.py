"""Scores of events as rows of the table of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.song_popularity.model_contracts import POPULARITY_PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.stores.models.versions import ModelVersion

_KEPT = ("event_id", "event_at", "track_id", "event_type", "country")

PREDICTED_COLUMNS = (*_KEPT, "landed_at")
"""What a prediction says of its event, beyond what the model needs to know."""


def as_predictions(events: pd.DataFrame, scores: pd.DataFrame, version: ModelVersion) -> pd.DataFrame:
    """Return rows of `popularity_predictions`.

    Args:
        events: that were scored, with at least `PREDICTED_COLUMNS`.
        scores: of the events, as `monitoring.score_events` gives them.
        version: that gave them.
    """
    import pandas as pd

    return pd.concat([events[list(_KEPT)], scores], axis=1).assign(
        predicted_at=events["landed_at"], model_version=version.version, model_run_id=version.run_id
    )[POPULARITY_PREDICTIONS.column_names]
