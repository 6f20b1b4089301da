"""Use the champion on events: predict them, see later whether it was right, and how far they are from what it knew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_assets.errors import NotEnoughDataError, PermanentError
from mlops_assets.ml import drift as drift_measures
from mlops_assets.ml.multiclass import measure_classes
from mlops_assets.ml.retraining import DriftLimits, drifted_features
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS
from mlops_assets.song_popularity.levels import level_numbers, level_of
from mlops_assets.song_popularity.modelling.features import event_features
from mlops_assets.song_popularity.modelling.training import SCORE

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import MulticlassClassifier

LIMITS = DriftLimits(psi=0.25, ks=0.2)
"""A day has some hundred tracks, and its hours are not those of ninety days: some distance is no drift."""

_OUTPUTS = ("predicted_class", *(f"probability_{level}" for level in POPULARITY_LEVELS))
_FEWEST_PREDICTIONS = 50
"""Fewer known outcomes say too little for a training."""


def score_events(bundle: Bundle[MulticlassClassifier], events: pd.DataFrame) -> pd.DataFrame:
    """Return `predicted_class` and the probability of each class for every event, on the events' index."""
    return bundle.predict(events)[list(_OUTPUTS)]


def measure_accuracy(predictions: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Compare predictions with the popularity that came with the event, or else was seen first in the week after it.

    Args:
        predictions: rows of `popularity_predictions`, of a day.
        events: rows of `events` of that day and the days after it.

    Returns:
        Rows of `popularity_accuracy` without the day, for every version: of all truths, and of either kind.
    """
    import pandas as pd

    truth = _truth_of(predictions, events)
    rows = []
    for (version, run), part in predictions.assign(**truth).groupby(["model_version", "model_run_id"], sort=True):
        for kind in ("all", "with_event", "later"):
            of_kind = part if kind == "all" else part[part["truth"] == kind]
            rows.append({"truth": kind, **_figures(of_kind, len(part)), "model_version": version, "model_run_id": run})
    columns = ["truth", "row_count", "unknown_count", "accuracy", "f1_score", "log_loss", "model_version", "model_run_id"]
    return pd.DataFrame(rows, columns=columns).astype({"accuracy": "float64", "f1_score": "float64", "log_loss": "float64"})


def measure_drift(bundle: Bundle[MulticlassClassifier], events: pd.DataFrame) -> pd.DataFrame:
    """Compare the tracks of a day with those of training: rows of `popularity_drift` without day, version and run.

    Like is compared with like: each track once, by its newest event with known popularity, as in a training set. A new release
    never has one, and would look like drift for ever.
    """
    if bundle.reference is None:
        raise PermanentError(f"model {bundle.provenance.name} holds no reference to measure drift against; train it again")
    known = events[events["popularity"].notna()].sort_values(["event_at", "event_id"], kind="stable")
    tracks = known.drop_duplicates("track_id", keep="last").reset_index(drop=True)
    if tracks.empty:
        raise NotEnoughDataError("no event of the day brings a popularity, so that there is nothing like training to compare")
    score = bundle.predict(tracks)[list(_OUTPUTS[1:])].max(axis=1)
    drift = drift_measures.measure_drift(bundle.reference, event_features(tracks).assign(**{SCORE: score}))
    return drift.assign(is_over_limit=drift["feature"].isin(drifted_features(drift, LIMITS)))


def is_retraining_due(accuracy: pd.DataFrame, below: float) -> list[str]:
    """Say why a day's predictions call for a new model; nothing if they were right often enough, or are too few.

    Args:
        accuracy: rows of `popularity_accuracy` of a day.
        below: the share of right predictions below which a model is trained again.
    """
    newest = accuracy[(accuracy["truth"] == "all") & (accuracy["model_version"] == accuracy["model_version"].max())]
    return [
        f"{row.accuracy:.1%} of {row.row_count:,} predictions of version {row.model_version} were right, less than {below:.0%}."
        for row in newest.itertuples()
        if row.row_count >= _FEWEST_PREDICTIONS and row.accuracy < below
    ]


def _truth_of(predictions: pd.DataFrame, events: pd.DataFrame) -> dict[str, pd.Series]:
    """Return, for each prediction, the class that turned out, and whether it came with the event or later."""
    import pandas as pd

    known = events[events["popularity"].notna()][["event_id", "track_id", "event_at", "popularity"]]
    own = predictions["event_id"].map(known.set_index("event_id")["popularity"])
    asked = predictions[["event_at", "track_id"]].reset_index().sort_values("event_at", kind="stable")
    seen = known[["event_at", "track_id", "popularity"]].sort_values("event_at", kind="stable")
    for side in (asked, seen):
        side["track_id"] = side["track_id"].astype(object)
    later = pd.merge_asof(
        asked,
        seen,
        on="event_at",
        by="track_id",
        direction="forward",
        allow_exact_matches=False,
        tolerance=pd.Timedelta(timedelta(days=defaults.TRUTH_DAYS)),
    ).set_index("index")["popularity"]
    own, later = own.astype("float64"), later.astype("float64").reindex(predictions.index)
    kind = pd.Series("unknown", predictions.index).mask(later.notna(), "later").mask(own.notna(), "with_event")
    return {"truth": kind, "turned_out": level_of(own.fillna(later))}


def _figures(part: pd.DataFrame, prediction_count: int) -> dict[str, float | int | None]:
    known = part[part["turned_out"].notna()]
    counts = {"row_count": len(known), "unknown_count": prediction_count - len(known) if len(part) == prediction_count else 0}
    if known.empty:
        return {**counts, "accuracy": None, "f1_score": None, "log_loss": None}
    found = measure_classes(
        level_numbers(known["turned_out"]), known[list(_OUTPUTS[1:])].to_numpy(), len(POPULARITY_LEVELS)
    ).metrics
    return {**counts, "accuracy": found["accuracy"], "f1_score": found["macro_f1"], "log_loss": found["log_loss"]}
