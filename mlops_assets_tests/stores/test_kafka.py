"""The event log in Kafka: its contract, what brokers do to their clients, and what other programs leave in a topic."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from mlops_assets.errors import PermanentError, SettingsError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.events import Event, OffsetRange
from mlops_assets.stores.events.base import EventTooLargeError
from mlops_assets.stores.events.kafka import KafkaEventLog
from mlops_assets.stores.events.kafka_connection import client_options
from mlops_assets_tests.events import NOON, event, values
from mlops_assets_tests.services.kafka import MockControl, make_topic
from mlops_assets_tests.services.kafka_topic_maker import MadeTopic, topic_maker
from mlops_assets_tests.stores.events_contract import EventLogContract

PRODUCE, FETCH, LIST_OFFSETS, FIND_COORDINATOR, INIT_PRODUCER_ID = 0, 1, 2, 10, 22
OFFSET_OUT_OF_RANGE, NOT_LEADER, TOO_LARGE, NOT_ENOUGH_REPLICAS, TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED = (
    1,
    6,
    10,
    19,
    29,
    30,
    31,
)
EXISTS_ALREADY, POLICY_VIOLATION = 36, 44


class TestKafkaEventLog(EventLogContract):
    @pytest.fixture
    def events_url(self, kafka_url: str) -> str:
        return kafka_url

    def prepare_topic(self, topic: str, partitions: int) -> None:
        make_topic(topic, partitions)


@pytest.fixture
def url(own_cluster: MockControl) -> str:
    """Give the URL of a cluster of its own, with the topic `songs` of one partition."""
    own_cluster("topic", "songs", 1)
    return f"kafka://{own_cluster('bootstrap')}"


@pytest.fixture
def log(url: str) -> KafkaEventLog:
    return KafkaEventLog(url, timeout_seconds=5)


def everything(log: KafkaEventLog) -> list[bytes]:
    return values(log.read("songs", log.watermarks("songs")[0]))


def producer(url: str, **options: str) -> Producer:
    """Return a producer of another program."""
    return Producer(
        {"bootstrap.servers": urlsplit(url).netloc, **{name.replace("_", "."): value for name, value in options.items()}}
    )


@pytest.mark.parametrize("error", [NOT_LEADER, NOT_ENOUGH_REPLICAS])
def test_errors_that_pass_do_not_double_events(own_cluster: MockControl, log: KafkaEventLog, error: int) -> None:
    """A request that fails on its way is sent again, and every event is there once, in order."""
    own_cluster("errors", PRODUCE, 3, error)
    log.append("songs", [event(number) for number in range(20)])
    assert everything(log) == [b"event %d" % number for number in range(20)]


@pytest.mark.parametrize("api", [FETCH, LIST_OFFSETS])
def test_reading_goes_on_after_errors_that_pass(own_cluster: MockControl, log: KafkaEventLog, api: int) -> None:
    """A leader that moves delays a reader, no more."""
    log.append("songs", [event(1), event(2)])
    own_cluster("errors", api, 2, NOT_LEADER)
    assert everything(log) == [b"event 1", b"event 2"]


def test_what_is_forbidden_is_for_a_person(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """A user without permission is told so at once; trying again would not help."""
    began = time.monotonic()
    own_cluster("errors", PRODUCE, 1, TOPIC_DENIED)
    with pytest.raises(StoreAccessError, match=r"Topic authorization failed .* check the URL, the user's permissions"):
        log.append("songs", [event(1)])
    log.append("songs", [event(2)])
    own_cluster("errors", FETCH, 1, TOPIC_DENIED)
    with pytest.raises(StoreAccessError, match="TOPIC_AUTHORIZATION_FAILED"):
        everything(log)
    own_cluster("topic_error", "songs", TOPIC_DENIED)
    with pytest.raises(StoreAccessError, match="TOPIC_AUTHORIZATION_FAILED"):
        log.watermarks("songs")
    assert time.monotonic() - began < 5


def test_event_too_large_is_for_a_person(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """It is the broker that says so; the log takes other events afterwards."""
    log.append("songs", [event(1)])
    own_cluster("errors", PRODUCE, 1, TOO_LARGE)
    with pytest.raises(EventTooLargeError, match=r"MSG_SIZE_TOO_LARGE.* make the event smaller, or raise max.message.bytes"):
        log.append("songs", [Event(bytes(2 << 20), NOON)])
    log.append("songs", [event(2)])
    assert everything(log) == [b"event 1", b"event 2"]


def test_event_may_be_as_large_as_the_broker_takes(log: KafkaEventLog) -> None:
    """The client refuses none: a topic may take more than the usual megabyte."""
    log.append("songs", [Event(bytes(2 << 20), NOON)])
    assert list(map(len, everything(log))) == [2 << 20]


def test_broker_that_is_down_is_transient(own_cluster: MockControl, url: str) -> None:
    """No broker for all of the patience: the work may be tried again with the same log; what failed is not sent behind its back."""
    log = KafkaEventLog(url, timeout_seconds=1)
    log.append("songs", [event(1)])
    own_cluster("down")
    with pytest.raises(StoreUnavailableError, match=r"kafka://127.* appending made no progress for 1 s"):
        log.append("songs", [event(2)])
    for ask in (lambda: log.watermarks("songs"), log.topics, lambda: everything(log)):
        with pytest.raises(StoreUnavailableError, match=r"made no progress for 1 s: .*(refused|closed|Disconnected)"):
            ask()
    own_cluster("up")
    assert everything(log) == [b"event 1"]
    append_at_last(log, event(3))
    assert everything(log) == [b"event 1", b"event 3"]


def append_at_last(log: KafkaEventLog, wanted: Event) -> None:
    """Append as a step does that is retried: a broker that is back may take its time to serve a producer again."""
    for _ in range(30):
        with suppress(StoreUnavailableError):
            log.append("songs", [wanted])
            return
    pytest.fail("the broker did not come back")


def test_broker_that_comes_back_in_time_costs_time_only(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """Events wait in the client, readers wait too."""
    log.append("songs", [event(1)])
    for use in (lambda: log.append("songs", [event(2)]), lambda: log.watermarks("songs")):
        own_cluster("down")
        back = threading.Timer(0.5, own_cluster, ["up"])
        back.start()
        use()
        back.join()
    assert everything(log) == [b"event 1", b"event 2"]


@contextmanager
def broken_connections(cluster: MockControl, after_seconds: float) -> Iterator[None]:
    """Let the broker stop in a while, when answers are on their way, and come back soon."""
    cluster("delay", 100)
    timers = [threading.Timer(after_seconds, cluster, ["down"]), threading.Timer(after_seconds + 0.3, cluster, ["up"])]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.join()
        cluster("delay", 0)


def test_connection_that_breaks_under_a_reader(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """A reader whose answers are on their way asks again, and gets every event once."""
    log.append("songs", [event(number) for number in range(5_000)])
    with broken_connections(own_cluster, after_seconds=0.6):
        table = log.read("songs", OffsetRange(0, 0, 5_000))
    assert values(table) == [b"event %d" % number for number in range(5_000)]


def test_connection_that_breaks_under_a_writer(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """A writer whose answers are on their way sends again: every event is there, in order.

    A broker would see by the sequence numbers that it has them already; the mock cluster does not, and has some twice.
    """
    log.append("songs", [event(0)])
    with broken_connections(own_cluster, after_seconds=0.05):
        log.append("songs", [event(number) for number in range(1, 100)])
    assert list(dict.fromkeys(everything(log))) == [b"event %d" % number for number in range(100)]


def test_writer_has_an_identity(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """Brokers know events that are sent again by the identity of their producer; without one, nothing is sent."""
    own_cluster("errors", INIT_PRODUCER_ID, 1, CLUSTER_DENIED)
    with pytest.raises(StoreAccessError, match=r"Cluster authorization failed"):
        log.append("songs", [event(1)])
    assert everything(log) == []


def test_nobody_there() -> None:
    """A port on which nobody listens, and a host that does not exist, say so."""
    for host, complaint in (("127.0.0.1:1", "Connection refused"), ("nowhere.invalid:9092", "Failed to resolve")):
        with pytest.raises(StoreUnavailableError, match=rf"kafka://{host}: asking for topics made no progress for .* {complaint}"):
            KafkaEventLog(f"kafka://{host}", timeout_seconds=0.3).topics()


def test_refused_user_is_for_a_person(url: str) -> None:
    """A cluster that does not let the user in is an error at once, without the password."""
    secured = url.replace("//", "//me:secret@") + "?security_protocol=SASL_PLAINTEXT&sasl_mechanism=PLAIN"
    for use in (lambda log: log.topics(), lambda log: log.append("songs", [event(1)])):
        began = time.monotonic()
        with pytest.raises(StoreAccessError, match=r"SASL .*_AUTHENTICATION") as caught:
            use(KafkaEventLog(secured, timeout_seconds=30))
        assert "secret" not in str(caught.value)
        assert time.monotonic() - began < 10


def test_wrong_option_is_for_a_person() -> None:
    """What librdkafka says about an option reaches the person who wrote the URL."""
    with pytest.raises(SettingsError, match=r'Invalid value "BOGUS" for configuration property "security\.protocol"'):
        KafkaEventLog("kafka://127.0.0.1:1?security_protocol=BOGUS").topics()


def test_reading_needs_no_permission_for_a_group(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """The coordinator of a group is looked for, of which nothing is asked; that it is refused stops no reader."""
    log.append("songs", [event(1)])
    own_cluster("errors", FIND_COORDINATOR, 50, GROUP_DENIED)
    # Long enough for the refusal to arrive before the event.
    own_cluster("errors", FETCH, 2, NOT_LEADER)
    assert everything(log) == [b"event 1"]


def test_events_dropped_by_retention(log: KafkaEventLog) -> None:
    """The mock keeps 5 MB of a partition; who asks for more is told what is lost and where to go on."""
    for number in range(10):
        log.append("songs", [Event(bytes(900_000), NOON), event(number)])
    kept = log.watermarks("songs")[0]
    assert 0 < kept.start < kept.end == 20
    with pytest.raises(
        PermanentError, match=rf"offsets \[0, {kept.start}\) were dropped by retention .* go on at offset {kept.start}"
    ):
        log.read("songs", OffsetRange(0, 0, 20))
    assert log.read("songs", kept).num_rows == len(kept)


def test_events_dropped_while_they_are_read(own_cluster: MockControl, log: KafkaEventLog) -> None:
    """A reader is never moved to where the log now begins."""
    log.append("songs", [event(1)])
    own_cluster("errors", FETCH, 1, OFFSET_OUT_OF_RANGE)
    with pytest.raises(PermanentError, match="the events to read are not there any more"):
        everything(log)


def test_other_producers_place_keys_alike(own_cluster: MockControl, log: KafkaEventLog, url: str) -> None:
    """The partitioner `consistent` of librdkafka puts a key where this package does."""
    own_cluster("topic", "films", 5)
    placed: dict[bytes | None, int | None] = {}
    other = producer(url, partitioner="consistent")
    for number in range(20):
        other.produce("films", b"", b"key %d" % number, on_delivery=lambda _, sent: placed.update({sent.key(): sent.partition()}))
    other.flush()
    for key, partition in placed.items():
        assert list(log.append("films", [event(1, key)])) == [partition]


def test_what_other_producers_wrote(log: KafkaEventLog, url: str) -> None:
    """A deleted key has no value; a header may be there twice or have no value: nothing is lost, nothing is made up."""
    other = producer(url)
    other.produce("songs", None, b"key", headers=[("a", b"1"), ("a", None)], timestamp=1_704_110_400_123)
    other.flush()
    assert log.read("songs", OffsetRange(0, 0, 1)).to_pylist() == [
        {
            "partition": 0,
            "offset": 0,
            "event_at": datetime(2024, 1, 1, 12, 0, 0, 123_000, timezone.utc),
            "key": b"key",
            "value": None,
            "headers": [("a", b"1"), ("a", None)],
        }
    ]


def test_reading_leaves_no_trace(log: KafkaEventLog, url: str) -> None:
    """Offsets live with the data that was landed; the cluster is told none."""
    log.append("songs", [event(1)])
    everything(log)
    consumer = Consumer({"bootstrap.servers": urlsplit(url).netloc, "group.id": "mlops-assets"})
    (committed,) = consumer.committed([TopicPartition("songs", 0)], timeout=10)
    consumer.close()
    assert committed.offset == -1001


def test_topic_is_made_with_the_replicas_of_the_cluster() -> None:
    """A topic gets its number of partitions, the broker's number of replicas, and the times that producers give."""
    with topic_maker() as broker:
        log = KafkaEventLog(f"kafka://127.0.0.1:{broker.port}", timeout_seconds=5)
        log.create_topic("songs", 3)
        log.create_topic("songs", 3)
        assert broker.topics == {"songs": MadeTopic(3, -1, {"message.timestamp.type": "CreateTime"})}
        assert log.topics() == {"songs": 3}


def test_topic_that_somebody_else_just_made() -> None:
    """The one who comes second finds the topic, and still looks at its partitions."""
    with topic_maker() as broker:
        broker.refusal, broker.makes_anyway = EXISTS_ALREADY, True
        KafkaEventLog(f"kafka://127.0.0.1:{broker.port}", timeout_seconds=5).create_topic("songs", 3)


@pytest.mark.parametrize(
    ("refusal", "name"), [(TOPIC_DENIED, "TOPIC_AUTHORIZATION_FAILED"), (POLICY_VIOLATION, "POLICY_VIOLATION")]
)
def test_topic_that_may_not_be_made(refusal: int, name: str) -> None:
    """The error names the topic and what the cluster says."""
    with topic_maker() as broker:
        broker.refusal = refusal
        with pytest.raises(StoreAccessError, match=rf"kafka://127.0.0.1:\d+/songs: .*{name}"):
            KafkaEventLog(f"kafka://127.0.0.1:{broker.port}", timeout_seconds=5).create_topic("songs", 3)


def test_cluster_that_makes_no_topics_in_time_is_transient(url: str) -> None:
    """The mock cluster never answers."""
    with pytest.raises(StoreUnavailableError, match=r"films: .*_TIMED_OUT"):
        KafkaEventLog(url, timeout_seconds=0.5).create_topic("films", 1)


def test_options_come_from_the_url_and_secrets_from_the_environment() -> None:
    """User and password of the URL come first; without SASL there is none."""
    url = "kafka://a:1,b:2?security_protocol=SASL_SSL&sasl_mechanism=PLAIN&ssl_ca_location=/ca.pem"
    environment = {"MLOPS_KAFKA_USERNAME": "me", "MLOPS_KAFKA_PASSWORD": "secret"}
    secured = {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "ssl.ca.location": "/ca.pem",
    }
    plain = client_options("kafka://a:1", environment)
    assert not any("sasl" in name for name in plain)
    assert client_options(url, environment) == plain | secured | {"sasl.username": "me", "sasl.password": "secret"}
    own = client_options(url.replace("//", "//you:p%40ss@"), environment)
    assert own == plain | secured | {"sasl.username": "you", "sasl.password": "p@ss"}


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("kafka:a", "two slashes are missing"),
        ("kafka://a:1/songs", "is not like kafka://host:9092"),
        (
            "kafka://a:1?sasl_password=secret&acks=1",
            "has unknown options acks, sasl_password; known: sasl_mechanism, .*, batch_num_messages, compression_type",
        ),
        ("kafka://me:secret@a:1", r"'kafka://\*\*\*@a:1' has a user; add security_protocol"),
    ],
)
def test_url_that_cannot_be_meant(url: str, complaint: str) -> None:
    """The error says what is wrong, and shows no secret."""
    with pytest.raises(SettingsError, match=complaint) as caught:
        KafkaEventLog(url)
    assert "secret" not in str(caught.value)
