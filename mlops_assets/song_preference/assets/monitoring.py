"""Assets: the champion at work on each playlist, and how far the playlist is from what it knew."""

import dagster as dg
import pandas as pd

from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.ml.plots import plot_bars
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.model_io import champion_before, version_metadata
from mlops_assets.orchestration.served_predictions import ServedModel, served_assets
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.assets.model import preference_champion, preference_model
from mlops_assets.song_preference.assets.policies import SCORE_PLAYLISTS
from mlops_assets.song_preference.model_contracts import PREFERENCE_DRIFT, PREFERENCE_PREDICTIONS
from mlops_assets.song_preference.modelling.monitoring import LIMITS, measure_playlist, score_songs
from mlops_assets.song_preference.modelling.training import SCORE
from mlops_assets.song_preference.partitions import PLAYLISTS
from mlops_assets.stores.registry import Stores


@warehouse_asset(PREFERENCE_PREDICTIONS, partitions_def=PLAYLISTS, deps=[preference_champion], automation_condition=SCORE_PLAYLISTS)
def preference_predictions(
    context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], clock: dg.ResourceParam[Clock], songs: pd.DataFrame
) -> pd.DataFrame:
    champion = champion_before(stores.models(), preference_model.key, clock.now())
    scores = score_songs(champion.bundle, songs)
    context.add_asset_metadata(
        {
            **version_metadata(champion.version, stores.mlflow_ui_url),
            "labelled_count": len(songs) - len(scores),
            **({"predicted_liked_share": float(scores["is_like_predicted"].mean())} if len(scores) else {}),
        }
    )
    return scores.assign(model_version=champion.version.version, model_run_id=champion.version.run_id)


@warehouse_asset(PREFERENCE_DRIFT, partitions_def=PLAYLISTS, deps=[preference_champion], automation_condition=SCORE_PLAYLISTS)
def preference_drift(
    context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], clock: dg.ResourceParam[Clock], songs: pd.DataFrame
) -> pd.DataFrame:
    champion = champion_before(stores.models(), preference_model.key, clock.now())
    context.add_asset_metadata(version_metadata(champion.version, stores.mlflow_ui_url))
    if songs.empty:
        return rows_to_frame([], PREFERENCE_DRIFT)
    drift = measure_playlist(champion.bundle, songs)
    title = "Distance of the playlist from training"
    psi = plot_bars(drift["feature"].tolist(), drift["psi"].to_numpy(), title, "PSI", limit=LIMITS.psi)
    context.add_asset_metadata({"drifted": ", ".join(drift.loc[drift["is_over_limit"], "feature"]), **image_metadata({"psi": psi})})
    return drift.assign(
        playlist_key=context.partition_key, model_version=champion.version.version, model_run_id=champion.version.run_id
    )


SERVED_MODEL = ServedModel(DOMAIN, "preference_model", SCORE, LIMITS)

ASSETS = [preference_predictions, preference_drift, *served_assets(SERVED_MODEL)]
