"""Scores of events as rows of the table of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.song_popularity.model_contracts import POPULARITY_PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd

<<<<<<< HEAD
    from mlops_assets.stores.models.versions import ModelVersion

_KEPT = ("event_id", "event_at", "track_id", "event_type", "country")

PREDICTED_COLUMNS = (*_KEPT, "landed_at")
"""What a prediction says of its event, beyond what the model needs to know."""
=======
KEPT = ("event_id", "event_at", "track_id", "event_type", "country")
"""Columns of an event that its prediction has, too."""
>>>>>>> origin/issue-12


def as_predictions(events: pd.DataFrame, scores: pd.DataFrame, version: int, run_id: str) -> pd.DataFrame:
    """Return rows of `popularity_predictions`.

    Args:
<<<<<<< HEAD
        events: that were scored, with at least `PREDICTED_COLUMNS`.
=======
        events: what was scored: rows of `events`, or those columns of them that `KEPT` and `landed_at` name.
>>>>>>> origin/issue-12
        scores: of the events, as `monitoring.score_events` gives them.
        version: number of the version that gave them.
        run_id: MLflow run that trained it.
    """
    import pandas as pd

<<<<<<< HEAD
    return pd.concat([events[list(_KEPT)], scores], axis=1).assign(
        predicted_at=events["landed_at"], model_version=version.version, model_run_id=version.run_id
=======
    return pd.concat([events[list(KEPT)], scores], axis=1).assign(
        predicted_at=events["landed_at"], model_version=version, model_run_id=run_id
>>>>>>> origin/issue-12
    )[POPULARITY_PREDICTIONS.column_names]
