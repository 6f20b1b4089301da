"""What a domain says of its stream as an Apache Beam pipeline; nothing here needs Beam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StreamPipeline:
    """A stream that can be run as a pipeline.

    Attributes:
        topic: returns the topic of the log by the domain's settings.
        landing: the domain's asset in which batches of the log land.
        steps: makes the transform of `MessageBatch`es, from a function that opens the stores in a worker, the topic, and for how
            many seconds messages are gathered. It imports Beam.
    """

    topic: Callable[[Any], str]
    landing: str
    steps: Callable[[Callable[[], Any], str, float], Any]
