"""The event log in Kafka against a broker that makes topics, keeps gigabytes and can be killed; see services/kafka_tansu.py."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mlops_assets.stores.events import Event, OffsetRange
from mlops_assets.stores.events.kafka import KafkaEventLog
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.streams.producing import EventSequence, Outgoing, Sender, Sent, Stopping
from mlops_assets_tests.events import NOON, event, values
from mlops_assets_tests.services.base import free_port
from mlops_assets_tests.services.buckets import fresh_bucket, s3_place
from mlops_assets_tests.services.kafka_tansu import tansu
from mlops_assets_tests.services.s3_moto import S3_CREDENTIALS
from mlops_assets_tests.stores.events_contract import EventLogContract

pytestmark = pytest.mark.services


class TestKafkaBrokerEventLog(EventLogContract):
    # Every event is a batch of its own here; for more of them there is a test below.
    large_count = 5_000

    @pytest.fixture
    def events_url(self, broker_url: str) -> str:
        return broker_url


def test_more_events_than_a_client_holds(broker_url: str) -> None:
    """Packed into large batches, more than librdkafka's queue takes: all are there, in order."""
    log, topic = KafkaEventLog(f"{broker_url.partition('?')[0]}?compression_type=zstd"), f"songs-{uuid.uuid4().hex}"
    log.create_topic(topic, 1)
    log.append(topic, [Event(b"%d" % number, NOON) for number in range(150_000)])
    # Shows where the end of the partition is.
    log.append(topic, [event(1)])
    table = log.read(topic, OffsetRange(0, 0, 150_000))
    assert values(table) == [b"%d" % number for number in range(150_000)]


def test_broker_that_is_killed_loses_nothing(s3_url: str, tmp_path: Path) -> None:
    """Events are sent while their broker dies and another takes its place: all are there, and what was sent twice is the same."""
    bucket, port = fresh_bucket(s3_url), free_port()
    open_object_storage(bucket).prepare()
    storage = f"s3://{urlsplit(bucket).netloc}/"
    reaching = {
        **S3_CREDENTIALS,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": str(s3_place(bucket).options["endpoint"]),
        "AWS_ALLOW_HTTP": "true",
    }
    waits: list[float] = []
    numbers = [b"event %d" % number for number in range(150)]

    def outgoing(first: int) -> Iterator[Outgoing]:
        return (Outgoing(event(number), number * 0.02) for number in range(first, 150))

    sent: list[Sent] = []

    def send(url: str) -> None:
        # An event a batch would take longer on S3 than the client waits.
        log = KafkaEventLog(url.partition("?")[0], timeout_seconds=3)
        sender = Sender(log, "songs", 1, on_wait=lambda _error, seconds: waits.append(seconds))
        sent.append(sender.send(EventSequence("numbers", outgoing, 150), most_events=None, stopping=Stopping()))

    with tansu(tmp_path, port=port, storage=storage, environment=reaching) as url:
        sending = threading.Thread(target=send, args=[url])
        sending.start()
        time.sleep(1.5)
    time.sleep(5)
    with tansu(tmp_path, port=port, storage=storage, environment=reaching) as url:
        sending.join()
        log = KafkaEventLog(url, timeout_seconds=10)
        found = whole_topic(log, numbers)
    assert waits
    assert [(each.count, each.is_complete) for each in sent] == [(150, True)]
    assert list(dict.fromkeys(found)) == numbers


def whole_topic(log: KafkaEventLog, expected: list[bytes]) -> list[bytes]:
    """Return what the topic has, once that is all that is expected: on S3, the broker says late where a partition ends."""
    deadline = time.monotonic() + 30
    while True:
        found = values(log.read("songs", log.watermarks("songs")[0]))
        if set(found) >= set(expected) or time.monotonic() > deadline:
            return found
        # The end shows with the next event; this one is sent again, as after a kill.
        log.append("songs", [event(len(expected) - 1)])
        time.sleep(0.5)
