"""What the pipeline does to batches of messages and frames of events, step by step."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import apache_beam as beam

from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.events.documents import event_documents
from mlops_assets.song_popularity.events.parsing import parse_batches
from mlops_assets.song_popularity.events.tables import as_spotify_events, as_spotify_predictions
from mlops_assets.song_popularity.modelling.monitoring import score_events
from mlops_assets.song_popularity.modelling.predicting import as_predictions
from mlops_assets.song_popularity.modelling.training import MODEL_NAME
from mlops_assets.stores.models.versions import registered_name
from mlops_assets.streams.batches import MessageBatch, divide, in_log_order
from mlops_assets.streams.beam.writing import OpenStores, count, persist
from mlops_assets.streams.decoding import decode_message

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.stores.models.versions import ModelVersion

EVENTS, REJECTS, DOCUMENTS = "events", "rejects", "documents"

SHARDS = 16
"""Parts into which tracks are divided; each may be parsed by another worker."""


def by_track(batch: MessageBatch) -> Iterator[tuple[int, MessageBatch]]:
    """Yield a batch in shards; all deliveries of an event are in one, because they name the same track."""
    yield from divide(batch, [_shard(value) for value in batch.messages["value"].to_pylist()])


def _shard(value: bytes | None) -> int:
    fields = decode_message(value)
    track = fields.get("track_id") if isinstance(fields, dict) else None
    return zlib.crc32(track.encode() if isinstance(track, str) else value or b"") % SHARDS


class Parse(beam.DoFn):
    """Makes events and dead letters of the messages of a shard; each event once, of its first delivery."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def process(self, element: tuple[int, Iterable[MessageBatch]]) -> Iterator[Any]:
        """Yield a frame of `events`, one of `rejected_events`, and the events as documents."""
        batches = list(in_log_order(element[1]))
        parsed = parse_batches(batches, self._topic)
        count("messages").inc(sum(messages.num_rows for messages, _ in batches))
        count("duplicates").inc(int((parsed.rejects["reason_code"] == "duplicate").sum()))
        yield parsed.events
        yield beam.pvalue.TaggedOutput(REJECTS, parsed.rejects)
        yield beam.pvalue.TaggedOutput(DOCUMENTS, list(event_documents(parsed.events, batches)))


def to_spotify_events(events: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield rows of `spotify_events`."""
    yield from _joined([as_spotify_events(rows, day.date()) for day, rows in _by_day(events)])


class Predict(beam.DoFn):
    """Predicts events by the champion that had learned from days before theirs only, as the asset does."""

    def __init__(self, open_stores: OpenStores) -> None:
        self._open_stores = open_stores

    def process(self, events: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Yield rows of `spotify_predictions`; events of days that no champion may score have none, and are counted."""
        predicted = []
        for day, rows in _by_day(events):
            version = self._champion_for(day)
            if version is None:
                count("events_without_champion").inc(len(rows))
                continue
            bundle = self._open_stores().models().load(version)
            predictions = as_predictions(rows, score_events(bundle, rows), version.version, version.run_id)
            predicted.append(as_spotify_predictions(predictions, day.date()))
        yield from _joined(predicted)

    def _champion_for(self, day: datetime) -> ModelVersion | None:
        registry = self._open_stores().models()
        if not registry.exists():
            return None
        return persist(partial(registry.champion_for, registered_name(DOMAIN, MODEL_NAME), before=day))


def _by_day(events: pd.DataFrame) -> Iterator[tuple[datetime, pd.DataFrame]]:
    for day, rows in events.groupby(events["event_at"].dt.floor("D"), sort=True):
        yield day.to_pydatetime(), rows.reset_index(drop=True)


def _joined(frames: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    if frames:
        yield pd.concat(frames, ignore_index=True)
