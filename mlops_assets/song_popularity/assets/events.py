"""Assets: from the log to events, dead letters and tracks."""

from collections.abc import Iterator
from datetime import date, timezone
from enum import Enum
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.contracts.frames import empty_frame
from mlops_assets.orchestration.asset_specs import lake_table, landing
from mlops_assets.orchestration.check_outcomes import CheckOutcome
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.run_config import StepConfig
from mlops_assets.orchestration.stream_accounts import stream_account_check
from mlops_assets.orchestration.stream_health import stream_health_asset
from mlops_assets.orchestration.streams import Stream, batches_asset
from mlops_assets.orchestration.table_assets import check_specs, lake_asset, validated, warehouse_asset
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.assets.checks import HAS_FEW_DEAD_LETTERS, check_dead_letters
from mlops_assets.song_popularity.assets.policies import EVENTS_FRESHNESS, FOLLOW_CALMLY, FOLLOW_EVENTS, FOLLOW_EVERY_DAY
from mlops_assets.song_popularity.contracts import (
    EVENT_DOCUMENTS,
    EVENTS,
    HISTORY,
    REJECTED_EVENTS,
    REJECTED_HISTORY,
    SPOTIFY_EVENTS,
    STREAM_HEALTH,
    TRACKS,
)
from mlops_assets.song_popularity.events.documents import event_documents
from mlops_assets.song_popularity.events.history import HistoryRecord, build_history, records_of_log
from mlops_assets.song_popularity.events.parsing import days_of, parse_batches
from mlops_assets.song_popularity.events.plots import draw_day
from mlops_assets.song_popularity.events.tables import as_spotify_events, build_tracks
from mlops_assets.song_popularity.partitions import ALL_DAYS, EVENT_DAYS
from mlops_assets.song_popularity.sources.recorded import read_recorded
from mlops_assets.stores.events import OffsetRange
from mlops_assets.stores.lake import LakeAddress
from mlops_assets.stores.registry import Stores

TOPIC_KEY = "spotify_topic"

STREAM = Stream(
    domain=DOMAIN,
    name="event_batches",
    topic_key=TOPIC_KEY,
    days_of=days_of,
    dead_letters=REJECTED_EVENTS,
    day_key=dg.AssetKey([DOMAIN, EVENTS.name]),
)

event_batches = batches_asset(
    STREAM,
    "The messages of the log, whole and as they came: an object per closed range of offsets, whose name says topic, partition, "
    "first and last offset. The next run goes on behind what has landed, so nothing is lost or doubled, wherever one dies.",
    freshness_policy=EVENTS_FRESHNESS,
)


@dg.multi_asset(
    name=f"{DOMAIN}__events",
    outs={
        "events": dg.AssetOut(**lake_table(EVENTS), dagster_type=PartitionedFrames),
        "rejected_events": dg.AssetOut(**lake_table(REJECTED_EVENTS), dagster_type=PartitionedFrames),
    },
    deps=[event_batches],
    check_specs=check_specs(EVENTS, REJECTED_EVENTS, partitions=EVENT_DAYS, checks=(HAS_FEW_DEAD_LETTERS,)),
    partitions_def=EVENT_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
@validated(EVENTS, REJECTED_EVENTS)
def events(
    context: dg.AssetExecutionContext,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    spotify_topic: dg.ResourceParam[str],
) -> Iterator[Any]:
    """Read the messages of each day; keep its dead letters until the events of all days are written."""
    rejects: dict[str, pd.DataFrame] = {}
    outcomes: dict[str, CheckOutcome] = {}
    landed = STREAM.landing(stores, spotify_topic)

    def read_day(key: str) -> pd.DataFrame:
        day = date.fromisoformat(key)
        with retrying_transient_errors(), error_context(f"{EVENTS.label}, day {key}"):
            parsed = parse_batches(landed.batches_of(day), spotify_topic, day)
        rejects[key] = parsed.rejects
        ordered = parsed.events.sort_values(["event_at", "event_id"], kind="stable", ignore_index=True)
        metadata: dict[str, Any] = {
            "event_count": len(ordered),
            "duplicate_count": int((parsed.rejects["reason_code"] == "duplicate").sum()),
            "dead_letter_count": int((parsed.rejects["reason_code"] != "duplicate").sum()),
            "unknown_popularity_count": int(ordered["popularity"].isna().sum()),
        }
        outcomes[key] = check_dead_letters(parsed.rejects, len(ordered))
        if len(keys) == 1 and len(ordered) and key < clock.now().astimezone(timezone.utc).date().isoformat():
            # A day that is not over is made again every few seconds.
            metadata |= image_metadata(draw_day(ordered))
        context.add_asset_metadata(metadata, STREAM.day_key, partition_key=key)
        return ordered

    keys = context.partition_keys
    yield dg.Output(PartitionedFrames(keys, read_day), "events")
    yield dg.Output(PartitionedFrames(keys, rejects.__getitem__), "rejected_events")
    yield HAS_FEW_DEAD_LETTERS.report(outcomes)


@warehouse_asset(
    SPOTIFY_EVENTS,
    partitions_def=EVENT_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    automation_condition=FOLLOW_EVENTS,
)
def spotify_events(context: dg.AssetExecutionContext, events: PartitionedFrames) -> PartitionedFrames:
    return PartitionedFrames(context.partition_keys, lambda key: as_spotify_events(events[key], date.fromisoformat(key)))


@dg.asset(
    **{
        **landing(
            DOMAIN,
            "event_documents",
            f"{EVENT_DOCUMENTS.description} They are in the collection `{DOMAIN}.{EVENT_DOCUMENTS.name}` of the document store.",
        ),
        "kinds": {"json", "mongodb"},
    },
    ins={"events": dg.AssetIn(metadata={"columns": ["event_id", "event_at", "landed_at", "log_partition", "log_offset"]})},
    deps=[event_batches],
    partitions_def=EVENT_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    automation_condition=FOLLOW_CALMLY,
)
def event_documents_asset(
    context: dg.AssetExecutionContext,
    stores: dg.ResourceParam[Stores],
    spotify_topic: dg.ResourceParam[str],
    events: PartitionedFrames,
) -> None:
    """Add each event of the days as its producer wrote it; one that is there already stays as it is."""
    landed, documents = STREAM.landing(stores, spotify_topic), stores.documents(DOMAIN)
    for key, rows in events.items():
        with retrying_transient_errors(), error_context(f"{DOMAIN}/event_documents, day {key}"):
            counts = documents.upsert(EVENT_DOCUMENTS, event_documents(rows, landed.batches_of(date.fromisoformat(key))))
        context.add_asset_metadata(
            {
                "dagster/uri": documents.location(EVENT_DOCUMENTS),
                "new_count": counts.new,
                "changed_count": counts.changed,
                "same_count": counts.same,
            },
            partition_key=key,
        )


class HistorySource(Enum):
    """Where history is read from."""

    none = "none"
    files = "files"
    log = "log"


class HistoryConfig(StepConfig):
    """Which history: recorded files, the beginning of the log, or none. Bounded, as the original's batch ingest."""

    source: HistorySource = HistorySource.none
    path: str | None = Field(default=None, description="A file or a folder of files, for files: Parquet, CSV or JSON lines.")
    most_records: int = Field(default=1_000_000, ge=1)


@dg.multi_asset(
    name=f"{DOMAIN}__history",
    outs={"history": dg.AssetOut(**lake_table(HISTORY)), "rejected_history": dg.AssetOut(**lake_table(REJECTED_HISTORY))},
    check_specs=check_specs(HISTORY, REJECTED_HISTORY),
)
@validated(HISTORY, REJECTED_HISTORY)
def history(
    context: dg.AssetExecutionContext, config: HistoryConfig, stores: dg.ResourceParam[Stores], spotify_topic: dg.ResourceParam[str]
) -> Iterator[dg.Output]:
    """Read the history that the configuration names."""
    with retrying_transient_errors(), error_context(HISTORY.label):
        read = build_history(_records(config, stores, spotify_topic))
    metadata = {"source": config.source.value, "record_count": read.record_count, "reject_count": len(read.rejects)}
    yield dg.Output(read.tracks, "history", metadata=metadata)
    yield dg.Output(read.rejects, "rejected_history")


def _records(config: HistoryConfig, stores: Stores, topic: str) -> Iterator[HistoryRecord]:
    if config.source is HistorySource.files:
        assert config.path is not None
        path = Path(config.path)
        for number, record in enumerate(read_recorded(path)):
            if number >= config.most_records:
                return
            yield HistoryRecord(record.file_name, record.position, record.fields)
    if config.source is HistorySource.log:
        log, left = stores.events(DOMAIN), config.most_records
        for kept in log.watermarks(topic).values():
            for offsets in OffsetRange(kept.partition, kept.start, min(kept.end, kept.start + left)).cut(25_000):
                yield from records_of_log(topic, [log.read(topic, offsets)])
                left -= len(offsets)


def read_history(stores: Stores) -> pd.DataFrame:
    """Return `history`; without rows if it has not been read."""
    lake = stores.lake(DOMAIN)
    if not lake.exists(LakeAddress((DOMAIN, HISTORY.name), None)):
        return empty_frame(HISTORY)
    return read_partition(lake, HISTORY, None)


@lake_asset(
    TRACKS,
    ins={"events": ALL_DAYS},
    deps=[dg.AssetKey([DOMAIN, HISTORY.name])],
    automation_condition=FOLLOW_EVERY_DAY,
)
def tracks(context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], events: PartitionedFrames) -> pd.DataFrame:
    with retrying_transient_errors():
        known = build_tracks((events[key] for key in sorted(events.keys)), read_history(stores))
    context.add_asset_metadata({"track_count": len(known), "unknown_popularity_count": int(known["popularity"].isna().sum())})
    return known


stream_health = stream_health_asset(STREAM, STREAM_HEALTH, EVENT_DAYS)

ACCOUNT = stream_account_check(STREAM, EVENTS, EVENT_DAYS)

ASSETS = [event_batches, events, spotify_events, event_documents_asset, history, tracks, stream_health]
