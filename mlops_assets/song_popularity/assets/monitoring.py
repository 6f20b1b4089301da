"""Assets: the champion at work on the events of the stream, and how right it was."""

from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.contracts.frames import empty_frame
from mlops_assets.ml.plots import plot_bars
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.model_io import RegisteredModel, champion_before, model_name, version_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.retraining import IS_RETRAINING_DUE, REASONS
from mlops_assets.orchestration.served_predictions import ServedModel, served_assets
from mlops_assets.orchestration.table_assets import lake_asset, warehouse_asset
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.assets.model import popularity_champion, popularity_model
from mlops_assets.song_popularity.assets.policies import COMPARE_EVENTS, FOLLOW_CALMLY, FOLLOW_EVENTS, SCORE_EVENTS
from mlops_assets.song_popularity.events.tables import as_spotify_predictions
from mlops_assets.song_popularity.model_contracts import (
    MODEL_INPUT,
    POPULARITY_ACCURACY,
    POPULARITY_DRIFT,
    POPULARITY_PREDICTIONS,
    SPOTIFY_PREDICTIONS,
)
from mlops_assets.song_popularity.modelling.monitoring import (
    LIMITS,
    is_retraining_due,
    measure_accuracy,
    measure_drift,
    score_events,
)
from mlops_assets.song_popularity.modelling.predicting import KEPT, as_predictions
from mlops_assets.song_popularity.modelling.training import MODEL_NAME
from mlops_assets.song_popularity.partitions import DAY_AND_AFTER, EVENT_DAYS
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.song_popularity.vertex.endpoint import Endpoint, open_predictor
from mlops_assets.stores.registry import Stores

_SCORED = list(dict.fromkeys([*KEPT, "landed_at", *MODEL_INPUT.column_names]))
_COMPARED = ["event_id", "track_id", "popularity", *MODEL_INPUT.column_names]


@lake_asset(
    POPULARITY_PREDICTIONS,
    partitions_def=EVENT_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    ins={"events": dg.AssetIn(metadata={"columns": _SCORED})},
    deps=[popularity_champion],
    automation_condition=SCORE_EVENTS,
)
def popularity_predictions(
    context: dg.AssetExecutionContext,
    stores: dg.ResourceParam[Stores],
    song_popularity_settings: dg.ResourceParam[SongPopularitySettings],
    events: PartitionedFrames,
) -> PartitionedFrames:
    def predict_day(key: str) -> pd.DataFrame:
        place: dict[str, Any]
        rows = events[key]
        with retrying_transient_errors(), error_context(f"{POPULARITY_PREDICTIONS.label}, day {key}"):
            endpoint = _endpoint_for(stores, song_popularity_settings, key)
            if endpoint is not None:
                (scores, version), place = endpoint.predict_with_version(rows), {"endpoint": endpoint.full_name}
                predictions = as_predictions(rows, scores, version.version, version.run_id)
            else:
                champion = _champion_of(stores, key)
                scores, place = score_events(champion.bundle, rows), version_metadata(champion.version, stores.mlflow_ui_url)
                predictions = as_predictions(rows, scores, champion.version.version, champion.version.run_id)
        shares = scores["predicted_class"].value_counts(normalize=True)
        metadata = {"prediction_count": len(scores), **{f"{level}_share": float(share) for level, share in shares.items()}}
        context.add_asset_metadata({**place, **metadata}, partition_key=key)
        return predictions

    return PartitionedFrames(context.partition_keys, predict_day)


def _endpoint_for(stores: Stores, settings: SongPopularitySettings, key: str) -> Endpoint | None:
    """Return the endpoint that predicts a day, if the settings ask for one and its model had learned from days before only."""
    if settings.predict_with != "vertex":
        return None
    endpoint = open_predictor(settings)
    version = stores.models().version(model_name(popularity_model.key), endpoint.version().version)
    scores_from = version.scores_from
    return endpoint if scores_from is None or scores_from <= EVENT_DAYS.time_window_for_partition_key(key).start else None


def _champion_of(stores: Stores, key: str) -> RegisteredModel:
    """Return the champion that had learned from days before a day only."""
    with retrying_transient_errors():
        return champion_before(stores.models(), popularity_model.key, EVENT_DAYS.time_window_for_partition_key(key).start)


@warehouse_asset(
    SPOTIFY_PREDICTIONS,
    partitions_def=EVENT_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    automation_condition=FOLLOW_EVENTS,
)
def spotify_predictions(context: dg.AssetExecutionContext, popularity_predictions: PartitionedFrames) -> PartitionedFrames:
    return PartitionedFrames(
        context.partition_keys, lambda key: as_spotify_predictions(popularity_predictions[key], date.fromisoformat(key))
    )


@warehouse_asset(
    POPULARITY_ACCURACY,
    partitions_def=EVENT_DAYS,
    ins={
        "events": dg.AssetIn(
            partition_mapping=DAY_AND_AFTER.partition_mapping,
            metadata={"columns": ["event_id", "event_at", "track_id", "popularity"], "skip_missing_partitions": True},
        )
    },
    automation_condition=FOLLOW_CALMLY,
)
def popularity_accuracy(
    context: dg.AssetExecutionContext,
    song_popularity_settings: dg.ResourceParam[SongPopularitySettings],
    popularity_predictions: pd.DataFrame,
    events: PartitionedFrames,
) -> pd.DataFrame:
    accuracy = measure_accuracy(popularity_predictions, events.concatenated())
    reasons = is_retraining_due(accuracy, song_popularity_settings.retrain_below_accuracy)
    known = accuracy.loc[accuracy["truth"] == "all", ["accuracy", "row_count"]]
    context.add_asset_metadata(
        {
            IS_RETRAINING_DUE: bool(reasons),
            REASONS: " ".join(reasons),
            **({} if known.empty or known["accuracy"].isna().all() else {"accuracy": float(known["accuracy"].iloc[-1])}),
        }
    )
    table = accuracy.assign(event_date=date.fromisoformat(context.partition_key))
    return table[POPULARITY_ACCURACY.column_names] if len(table) else empty_frame(POPULARITY_ACCURACY)


@warehouse_asset(
    POPULARITY_DRIFT,
    partitions_def=EVENT_DAYS,
    ins={"events": dg.AssetIn(metadata={"columns": _COMPARED})},
    deps=[popularity_champion],
    automation_condition=COMPARE_EVENTS,
)
def popularity_drift(context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], events: pd.DataFrame) -> pd.DataFrame:
    champion = _champion_of(stores, context.partition_key)
    drift = measure_drift(champion.bundle, events)
    title = f"Distance of {context.partition_key} from training"
    psi = plot_bars(drift["feature"].tolist(), drift["psi"].to_numpy(), title, "PSI", limit=LIMITS.psi)
    version = champion.version
    context.add_asset_metadata(
        {
            **image_metadata({"psi": psi}),
            **version_metadata(version, stores.mlflow_ui_url),
            "drifted": ", ".join(drift.loc[drift["is_over_limit"].astype(bool), "feature"]),
        }
    )
    return drift.assign(
        event_date=date.fromisoformat(context.partition_key), model_version=version.version, model_run_id=version.run_id
    )[POPULARITY_DRIFT.column_names]


SERVED_MODEL = ServedModel(DOMAIN, MODEL_NAME, "score", LIMITS)

PREDICTIONS = [popularity_predictions, spotify_predictions]
ASSETS = [*PREDICTIONS, popularity_accuracy, popularity_drift, *served_assets(SERVED_MODEL)]
