"""The stream as an Apache Beam pipeline, of the same pure functions as the assets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlops_assets.streams.pipelines import StreamPipeline


def _steps(open_stores: Callable[[], Any], topic: str, window_seconds: float) -> Any:
    from mlops_assets.song_popularity.streaming.pipeline import StreamPopularity

    return StreamPopularity(open_stores, topic, window_seconds)


PIPELINE = StreamPipeline(topic=lambda settings: str(settings.topic), landing="event_batches", steps=_steps)
