"""The reading side of Kafka: a consumer that is told what to read, belongs to no group's assignment and commits nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from mlops_assets.errors import PermanentError
from mlops_assets.stores.events.base import OffsetRange, event_schema
from mlops_assets.stores.events.kafka_connection import ClientErrors, connected, is_transient, store_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa
    from confluent_kafka import Message
    from confluent_kafka.admin import ClusterMetadata

T = TypeVar("T")

# How long a call waits in librdkafka, which no signal interrupts, before errors are looked at.
_SLICE_SECONDS = 2.0
# `consume` waits this long for as many messages as it was asked for; it never gets them where transactions left gaps.
_CONSUME_SECONDS = 0.2
_CONSUMED_AT_ONCE = 10_000


class KafkaReader:
    """Reads a cluster; to be used in a `with` statement, which closes its connections."""

    def __init__(self, options: Mapping[str, str | int], label: str, timeout_seconds: float) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            options: librdkafka's, as `client_options` gives them.
            label: the cluster, as errors shall name it.
            timeout_seconds: how long to wait without any progress.
        """
        from confluent_kafka import Consumer

        self._label = label
        self._timeout_seconds = timeout_seconds
        self._errors = ClientErrors(label)
        reading = {
            # librdkafka demands one. No group of this name ever has members.
            "group.id": "mlops-assets",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "check.crcs": True,
            # Fetch not far beyond the end of a range; but once that much was fetched and consumed, go on at once.
            "queued.min.messages": _CONSUMED_AT_ONCE,
            "fetch.queue.backoff.ms": 5,
            "error_cb": self._errors,
        }
        self._consumer = connected(Consumer, {**options, **reading}, label)

    def __enter__(self) -> KafkaReader:
        return self

    def __exit__(self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._consumer.close()

    def cluster(self) -> ClusterMetadata:
        """Return what the cluster says about its brokers and topics."""
        return self._ask("asking for topics", lambda timeout: self._consumer.list_topics(timeout=timeout))

    def partition_count(self, topic: str) -> int | None:
        """Return the number of partitions of a topic; None if it does not exist. Asking does not make it."""
        from confluent_kafka import KafkaError, KafkaException

        def count(timeout: float) -> int | None:
            found = self._consumer.list_topics(topic, timeout=timeout).topics[topic]
            if found.error is None:
                return len(found.partitions)
            if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise KafkaException(found.error)

        return self._ask(f"asking for topic {topic}", count)

    def watermark(self, topic: str, partition: int) -> OffsetRange:
        """Return the offsets of a partition that can be read; what an open transaction wrote cannot."""
        from confluent_kafka import TopicPartition

        place = TopicPartition(topic, partition)
        start, end = self._ask(
            f"asking for the offsets of topic {topic}",
            lambda timeout: self._consumer.get_watermark_offsets(place, timeout=timeout),
        )
        return OffsetRange(partition, start, end)

    def events(self, topic: str, offsets: OffsetRange) -> Iterator[pa.RecordBatch]:
        """Yield the events at some offsets that exist, in their order. Offsets of markers and of what was compacted have none."""
        from confluent_kafka import TopicPartition

        self._consumer.assign([TopicPartition(topic, offsets.partition, offsets.start)])
        reached, deadline = offsets.start, time.monotonic() + self._timeout_seconds
        while reached < offsets.end:
            messages = self._consumer.consume(min(offsets.end - reached, _CONSUMED_AT_ONCE), timeout=_CONSUME_SECONDS)
            before, events = reached, []
            for message in messages:
                offset_after = self._offset_after(message)
                reached = max(reached, offset_after)
                if message.error() is None and offset_after <= offsets.end:
                    events.append(message)
            if events:
                yield _as_batch(events, offsets.partition)
            if reached > before:
                deadline = time.monotonic() + self._timeout_seconds
                continue
            self._errors.raise_if_hopeless()
            if time.monotonic() > deadline:
                doing = f"reading {offsets} of topic {topic}, which came to offset {reached},"
                raise self._errors.given_up(doing, self._timeout_seconds)

    def _offset_after(self, message: Message) -> int:
        """Return how far a message, or the news that there are no more, brings the reader; 0 for errors that may pass."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            offset = message.offset()
            assert offset is not None
            return offset + 1 if error is None else offset
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise PermanentError(f"{self._label}: the events to read are not there any more: {error.str()}")
        # librdkafka looks for the group's coordinator although nothing is asked of the group: reading needs no permission for it.
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return 0
        if not is_transient(error):
            raise store_error(error, self._label)
        self._errors(error)
        return 0

    def _ask(self, doing: str, call: Callable[[float], T]) -> T:
        """Call until it succeeds, the cluster refuses, or patience ends."""
        from confluent_kafka import KafkaException

        deadline = time.monotonic() + self._timeout_seconds
        while True:
            try:
                return call(min(_SLICE_SECONDS, self._timeout_seconds))
            except KafkaException as exception:
                error = exception.args[0]
                if not is_transient(error):
                    raise store_error(error, self._label) from exception
                # Lets the callback hear why.
                self._consumer.poll(0)
                self._errors.raise_if_hopeless()
                if time.monotonic() > deadline:
                    raise self._errors.given_up(doing, self._timeout_seconds, error) from exception
            time.sleep(0.05)


def _as_batch(messages: Sequence[Message], partition: int) -> pa.RecordBatch:
    import numpy as np
    import pyarrow as pa
    from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

    times = [message.timestamp() for message in messages]
    schema = event_schema()
    columns = {
        "partition": np.full(len(messages), partition),
        "offset": [message.offset() for message in messages],
        "event_at": [None if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds * 1000 for kind, milliseconds in times],
        "key": [message.key() for message in messages],
        "value": [message.value() for message in messages],
        "headers": [message.headers() or [] for message in messages],
    }
    return pa.record_batch([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
