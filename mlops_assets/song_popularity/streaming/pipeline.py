"""The pipeline: messages of the log or of a recording to tables, documents, raw files and dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.transforms.window import FixedWindows

from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import EVENT_DOCUMENTS, REJECTED_EVENTS, SPOTIFY_EVENTS
from mlops_assets.song_popularity.model_contracts import SPOTIFY_PREDICTIONS
from mlops_assets.song_popularity.streaming.steps import DOCUMENTS, EVENTS, REJECTS, Parse, Predict, by_track, to_spotify_events
from mlops_assets.streams.beam.writing import WriteDocuments, WriteRawFiles, WriteRows

if TYPE_CHECKING:
    from mlops_assets.streams.beam.writing import OpenStores

RAW_WINDOW_SECONDS = 60
"""Raw files are written every minute."""


class StreamPopularity(beam.PTransform):
    """Takes a PCollection of `MessageBatch`es to all that is made of them."""

    def __init__(self, open_stores: OpenStores, topic: str, window_seconds: float) -> None:
        """Prepare the pipeline.

        Args:
            open_stores: opens the stores in a worker.
            topic: that the messages are of.
            window_seconds: messages that land within so many seconds are parsed together; a stream waits so long.
        """
        super().__init__()
        self._open_stores = open_stores
        self._topic = topic
        self._window = beam.WindowInto(FixedWindows(window_seconds))

    def expand(self, batches: Any) -> Any:
        """Write raw files, then events, documents, dead letters and predictions; each step may be repeated."""
        raw = batches | "Minutes" >> beam.WindowInto(FixedWindows(RAW_WINDOW_SECONDS))
        raw | "Raw files" >> WriteRawFiles(self._open_stores, DOMAIN)
        parsed = (
            batches
            | "Window" >> self._window
            | "By track" >> beam.FlatMap(by_track)
            | "Gather" >> beam.GroupByKey()
            | "Parse" >> beam.ParDo(Parse(self._topic)).with_outputs(REJECTS, DOCUMENTS, main=EVENTS)
        )
        parsed[REJECTS] | "Dead letters" >> beam.ParDo(WriteRows(self._open_stores, REJECTED_EVENTS))
        parsed[DOCUMENTS] | "Documents" >> beam.ParDo(WriteDocuments(self._open_stores, EVENT_DOCUMENTS))
        (
            parsed[EVENTS]
            | "As the original's" >> beam.FlatMap(to_spotify_events)
            | "Events" >> beam.ParDo(WriteRows(self._open_stores, SPOTIFY_EVENTS))
        )
        return (
            parsed[EVENTS]
            | "Predict" >> beam.ParDo(Predict(self._open_stores))
            | "Predictions" >> beam.ParDo(WriteRows(self._open_stores, SPOTIFY_PREDICTIONS))
        )
