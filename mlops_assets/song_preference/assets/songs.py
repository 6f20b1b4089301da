"""Assets: playlists as they were dropped, their songs, and the dataset of labelled ones."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.errors import MissingPartitionError
from mlops_assets.orchestration.asset_specs import lake_table, landing
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.metadata import frame_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.table_assets import check_specs, validated
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.assets.checks import FILE_IS_READ, HAS_ENOUGH_SONGS
from mlops_assets.song_preference.assets.policies import AFTER_EACH_PLAYLIST
from mlops_assets.song_preference.contracts import CONFLICTING_SONGS, DATA_INFO, DATASET, REJECTED_SONGS, SONGS
from mlops_assets.song_preference.partitions import ALL_PLAYLISTS_IN, PLAYLISTS
from mlops_assets.song_preference.sources.base import listener_of
from mlops_assets.stores.registry import Stores

PLAYLISTS_NAME = "playlists"


def landed_playlist(stores: Stores, key: str) -> tuple[str, bytes]:
    """Return name and content of the file that landed as a playlist.

    Raises:
        MissingPartitionError: none has.
    """
    landed = stores.landing(DOMAIN, PLAYLISTS_NAME)
    names = list(landed.names(f"{key}/"))
    if not names:
        raise MissingPartitionError(f"no file has landed as playlist {key}; drop it, or run register_playlists")
    ((name, body),) = landed.read(names[:1])
    return name.removeprefix(f"{key}/"), body


@dg.asset(
    **landing(
        DOMAIN,
        PLAYLISTS_NAME,
        "A dropped file, whole and as it came: CSV in any dialect, Spotify's answer as JSON, or Parquet. A sensor registers it as "
        "a partition once it is complete; the same content under another name is the same playlist. What landed never changes.",
    ),
    partitions_def=PLAYLISTS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def playlists(context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores]) -> None:
    uri = stores.landing(DOMAIN, PLAYLISTS_NAME).uri
    for key in context.partition_keys:
        with retrying_transient_errors():
            name, body = landed_playlist(stores, key)
        metadata = {
            "file_name": name,
            "listener": listener_of(name),
            "size_bytes": len(body),
            "dagster/uri": f"{uri}/{key}/{name}",
        }
        context.add_asset_metadata(metadata, partition_key=key)


@dg.multi_asset(
    outs={
        "songs": dg.AssetOut(**lake_table(SONGS), dagster_type=PartitionedFrames),
        "rejected_songs": dg.AssetOut(**lake_table(REJECTED_SONGS), dagster_type=PartitionedFrames),
    },
    deps=[playlists],
    check_specs=check_specs(SONGS, REJECTED_SONGS, partitions=PLAYLISTS, checks=(FILE_IS_READ,)),
    partitions_def=PLAYLISTS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
@validated(SONGS, REJECTED_SONGS, checks=(FILE_IS_READ,))
def songs(context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores]) -> Iterator[dg.Output[Any]]:
    """Type each playlist's songs; keep its rejects until the songs of all are written."""
    from mlops_assets.song_preference.songs.parsing import parse_playlist

    rejects: dict[str, pd.DataFrame] = {}

    def read_playlist(key: str) -> pd.DataFrame:
        with retrying_transient_errors(), error_context(f"{SONGS.label}, playlist {key}"):
            name, body = landed_playlist(stores, key)
            parsed = parse_playlist(key, name, listener_of(name), body)
        rejects[key] = parsed.rejects
        return parsed.songs

    yield dg.Output(PartitionedFrames(context.partition_keys, read_playlist), "songs")
    yield dg.Output(PartitionedFrames(context.partition_keys, lambda key: rejects[key]), "rejected_songs")


@dg.multi_asset(
    outs={
        "dataset": dg.AssetOut(**lake_table(DATASET), automation_condition=AFTER_EACH_PLAYLIST),
        "conflicting_songs": dg.AssetOut(**lake_table(CONFLICTING_SONGS), automation_condition=AFTER_EACH_PLAYLIST),
        "data_info": dg.AssetOut(**lake_table(DATA_INFO), automation_condition=AFTER_EACH_PLAYLIST),
    },
    ins={"songs": ALL_PLAYLISTS_IN},
    check_specs=check_specs(DATASET, CONFLICTING_SONGS, DATA_INFO, checks=(HAS_ENOUGH_SONGS,)),
)
@validated(DATASET, CONFLICTING_SONGS, DATA_INFO, checks=(HAS_ENOUGH_SONGS,))
def dataset(songs: pd.DataFrame, listeners: dg.ResourceParam[tuple[str, ...]]) -> Iterator[dg.Output[Any]]:
    """Put the labelled songs of all playlists together, and describe them."""
    from mlops_assets.song_preference.songs.dataset import build_dataset

    built = build_dataset(songs, listeners)
    by_listener = built.songs.groupby("listener")["is_liked"].agg(song_count="size", liked_share="mean").reset_index()
    figures = {"song_count": len(built.songs), "liked_count": int(built.songs["is_liked"].sum())}
    content_hash = built.info["content_hash"].iloc[0]
    yield dg.Output(
        built.songs, "dataset", metadata={**figures, "content_hash": content_hash, "by_listener": frame_metadata(by_listener)}
    )
    yield dg.Output(built.conflicts, "conflicting_songs", metadata={"song_count": built.conflicts["song_key"].nunique()})
    yield dg.Output(built.info, "data_info", metadata={"columns": frame_metadata(built.info.drop(columns="content_hash").round(4))})


ASSETS = [playlists, songs, dataset]
