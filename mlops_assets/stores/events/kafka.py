"""The event log in a Kafka cluster."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.stores.events.base import (
    DOCTOR_TOPIC,
    Event,
    event_schema,
    missing_topic,
    require_readable,
    require_same_partitions,
    require_topic_name,
)
from mlops_assets.stores.events.kafka_connection import client_options, connected, hosts_of, store_error
from mlops_assets.stores.events.kafka_reader import KafkaReader
from mlops_assets.stores.events.kafka_writer import KafkaWriter
from mlops_assets.stores.health import HealthCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from mlops_assets.stores.events.base import OffsetRange


class KafkaEventLog:
    """An event log in Kafka. How long events are kept is the broker's business, or the topic's `retention.ms`."""

    def __init__(self, url: str, timeout_seconds: float = 30) -> None:
        """Use a cluster such as `kafka://broker:9092`; no connection is made yet.

        Args:
            url: brokers, user and options.
            timeout_seconds: how long to wait without any progress.
        """
        self._options = client_options(url, os.environ)
        self._address = f"kafka://{hosts_of(url)}"
        self._timeout_seconds = timeout_seconds
        self._writer: KafkaWriter | None = None
        self._partition_counts: dict[str, int] = {}

    def create_topic(self, topic: str, partitions: int) -> None:
        """Make a topic, with as many replicas as the cluster's default; one that exists is left as it is."""
        require_topic_name(topic)
        with self._reader() as reader:
            found = reader.partition_count(topic)
            if found is None:
                self._make(topic, partitions)
                found = self._wait_for(topic, reader)
        require_same_partitions(self.location(topic), found, partitions)

    def topics(self) -> dict[str, int]:
        """Return the number of partitions of every topic, without those that Kafka keeps for itself."""
        with self._reader() as reader:
            topics = reader.cluster().topics
        return {name: len(topic.partitions) for name, topic in sorted(topics.items()) if not name.startswith("__")}

    def append(self, topic: str, events: Sequence[Event]) -> dict[int, OffsetRange]:
        """Append events and return once all replicas in sync have them."""
        if topic not in self._partition_counts:
            with self._reader() as reader:
                self._partition_counts[topic] = self._require_topic(topic, reader)
        writer = self._writer = self._writer or KafkaWriter(self._options, self._address, self._timeout_seconds)
        try:
            return writer.append(topic, self._partition_counts[topic], events)
        except BaseException:
            self._writer = None
            writer.close()
            raise

    def watermarks(self, topic: str) -> dict[int, OffsetRange]:
        """Return for every partition the offsets that can be read."""
        with self._reader() as reader:
            partitions = self._require_topic(topic, reader)
            return {partition: reader.watermark(topic, partition) for partition in range(partitions)}

    def read(self, topic: str, offsets: OffsetRange) -> pa.Table:
        """Read exactly the events at some offsets; where transactions or compaction left gaps there are fewer than offsets."""
        import pyarrow as pa

        with self._reader() as reader:
            if offsets.partition >= self._require_topic(topic, reader):
                raise missing_topic(f"{self.location(topic)} with a partition {offsets.partition}")
            require_readable(self.location(topic), offsets, reader.watermark(topic, offsets.partition))
            return pa.Table.from_batches(reader.events(topic, offsets), schema=event_schema())

    def location(self, topic: str) -> str:
        """Return brokers and topic, without the user."""
        return f"{self._address}/{topic}"

    def check_health(self) -> HealthCheck:
        """Append an event to a topic of its own and read it back. The topic stays: a cluster deletes topics when it pleases."""
        self.create_topic(DOCTOR_TOPIC, partitions=1)
        given = self.append(DOCTOR_TOPIC, [Event(b"well", datetime.now(timezone.utc))])
        self.read(DOCTOR_TOPIC, given[0])
        with self._reader() as reader:
            cluster = reader.cluster()
        return HealthCheck(f"Kafka cluster {cluster.cluster_id} with {len(cluster.brokers)} brokers")

    def _reader(self) -> KafkaReader:
        return KafkaReader(self._options, self._address, self._timeout_seconds)

    def _require_topic(self, topic: str, reader: KafkaReader) -> int:
        """Return the number of partitions of a topic.

        Raises:
            StoreAccessError: there is no such topic.
        """
        require_topic_name(topic)
        partitions = reader.partition_count(topic)
        if partitions is None:
            raise missing_topic(self.location(topic))
        return partitions

    def _make(self, topic: str, partitions: int) -> None:
        from confluent_kafka import KafkaError, KafkaException
        from confluent_kafka.admin import AdminClient, NewTopic

        # The time of an event is its producer's, whatever the broker's default.
        wanted = NewTopic(topic, num_partitions=partitions, config={"message.timestamp.type": "CreateTime"})
        admin = connected(AdminClient, self._options, self._address)
        try:
            admin.create_topics([wanted], request_timeout=self._timeout_seconds)[topic].result()
        except KafkaException as exception:
            error = exception.args[0]
            # Somebody else was quicker.
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise store_error(error, self.location(topic)) from exception

    def _wait_for(self, topic: str, reader: KafkaReader) -> int:
        """Return the number of partitions of a topic that was just made, once the brokers know of it."""
        deadline = time.monotonic() + self._timeout_seconds
        while (partitions := reader.partition_count(topic)) is None:
            if time.monotonic() > deadline:
                raise StoreUnavailableError(
                    f"{self.location(topic)} was made, but no broker knew of it for {self._timeout_seconds:g} s"
                )
            time.sleep(0.1)
        return partitions
