"""The writing side of Kafka: an idempotent producer, whose events count once all replicas in sync have them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from mlops_assets.stores.events.base import OffsetRange, partition_of
from mlops_assets.stores.events.kafka_connection import ClientErrors, connected, errors_of, is_transient, store_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import KafkaError, Message

    from mlops_assets.stores.events.base import Event

_POLL_SECONDS = 0.1
_MOST_BYTES = 1_000_000_000
"""As much as librdkafka can send at all."""


class KafkaWriter:
    """Appends to a cluster. Several threads may use one; a process that was forked may not."""

    def __init__(self, options: Mapping[str, str | int], label: str, timeout_seconds: float) -> None:
        """Prepare a connection, which stays open; the first append waits for an identity from the cluster, up to a second.

        Args:
            options: librdkafka's, as `client_options` gives them.
            label: the cluster, as errors shall name it.
            timeout_seconds: how long an event may wait for its acknowledgement.
        """
        from confluent_kafka import Producer

        self._label = label
        self._timeout_seconds = timeout_seconds
        self._errors = ClientErrors(label)
        writing = {
            # Implies acks=all, and that events which are sent again are neither doubled nor reordered.
            "enable.idempotence": True,
            "message.timeout.ms": int(timeout_seconds * 1000),
            # What is too large is the broker's to say: a topic may take more than the usual megabyte.
            "message.max.bytes": _MOST_BYTES,
            "error_cb": self._errors,
        }
        self._producer = connected(Producer, {**options, **writing}, label)

    def append(self, topic: str, partitions: int, events: Sequence[Event]) -> dict[int, OffsetRange]:
        """Append events to a topic with so many partitions, and return the ranges that hold them, once they are acknowledged.

        After an error the writer must be closed.
        """
        acknowledged = _Acknowledged()
        for event in events:
            self._send(topic, partition_of(event, partitions), event, acknowledged)
        # Every event is acknowledged or fails in this time; librdkafka may take some more for a request on its way.
        deadline = time.monotonic() + 2 * self._timeout_seconds
        while acknowledged.count < len(events):
            self._progress(acknowledged, deadline)
        return acknowledged.ranges()

    def close(self) -> None:
        """Throw away what is not acknowledged, so that nothing is sent behind the back of whoever saw the error."""
        from confluent_kafka import KafkaException

        self._producer.purge()
        # The error that ended the writer is raised again by all it does.
        with suppress(KafkaException):
            self._producer.poll(0)

    def _send(self, topic: str, partition: int, event: Event, acknowledged: _Acknowledged) -> None:
        deadline = time.monotonic() + 2 * self._timeout_seconds
        headers: list[tuple[str, str | bytes | None]] = list(event.headers.items())
        while True:
            try:
                with errors_of(f"{self._label}/{topic}"):
                    self._producer.produce(
                        topic, event.value, event.key, partition, acknowledged, timestamp=event.event_at_ms, headers=headers
                    )
            except BufferError:
                self._progress(acknowledged, deadline)
            else:
                return

    def _progress(self, acknowledged: _Acknowledged, deadline: float) -> None:
        """Wait a moment for acknowledgements."""
        with errors_of(self._label):
            self._producer.poll(_POLL_SECONDS)
        self._errors.raise_if_hopeless()
        if acknowledged.failure is not None and not is_transient(acknowledged.failure):
            raise store_error(acknowledged.failure, self._label)
        if acknowledged.failure is not None or time.monotonic() > deadline:
            raise self._errors.given_up("appending", self._timeout_seconds, acknowledged.failure)


class _Acknowledged:
    """What the cluster said about the events of one append.

    Attributes:
        count: the number of events that it has.
        offsets: the first and the last offset given, by partition.
        failure: the error of the first event that it has not.
    """

    def __init__(self) -> None:
        self.count = 0
        self.offsets: dict[int, tuple[int, int]] = {}
        self.failure: KafkaError | None = None

    def ranges(self) -> dict[int, OffsetRange]:
        """Return the smallest ranges that hold the events."""
        return {partition: OffsetRange(partition, first, last + 1) for partition, (first, last) in sorted(self.offsets.items())}

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        """Note one event, as the producer's callback."""
        if error is not None:
            self.failure = self.failure or error
            return
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        first, last = self.offsets.get(partition, (offset, offset))
        self.offsets[partition] = min(first, offset), max(last, offset)
        self.count += 1
