"""What every event log must do. To test another one, subclass and give the fixture `events_url`."""

from __future__ import annotations

import uuid
import zlib
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.errors import PermanentError, SettingsError, StoreAccessError
from mlops_assets.stores.events import Event, EventLog, OffsetRange, lag, next_ranges, open_event_log
from mlops_assets_tests.events import NOON, as_events, event, some_events, values
from mlops_assets_tests.processes import let_continue, python_process, wait_for_line

APPEND_SIDE_BY_SIDE = """
import sys
from mlops_assets.stores.events import open_event_log
from mlops_assets_tests.events import event

log, topic, writer = open_event_log(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for round in range(10):
    log.append(topic, [event(1000 * writer + 10 * round + number, b"%d" % number) for number in range(10)])
"""
PARTITIONS = 3
COLUMNS = {
    "partition": pa.int32(),
    "offset": pa.int64(),
    "event_at": pa.timestamp("us", "UTC"),
    "key": pa.binary(),
    "value": pa.binary(),
    "headers": pa.map_(pa.string(), pa.binary()),
}
# Keys of one partition each, of three.
KEYS = [
    next(key for key in (b"%d" % number for number in range(99)) if zlib.crc32(key) % PARTITIONS == p) for p in range(PARTITIONS)
]


class EventLogContract:
    # More than librdkafka's queue takes.
    large_count = 120_000

    @pytest.fixture
    def events_url(self) -> str:
        """Give the URL of an event log; others may use it too."""
        raise NotImplementedError

    @pytest.fixture
    def log(self, events_url: str) -> EventLog:
        return open_event_log(events_url)

    def prepare_topic(self, topic: str, partitions: int) -> None:
        """Do what the log cannot do by itself before it makes a topic."""

    @pytest.fixture
    def topic(self, log: EventLog) -> str:
        """Give a topic of three partitions without events."""
        topic = f"songs-{uuid.uuid4().hex}"
        self.prepare_topic(topic, PARTITIONS)
        log.create_topic(topic, PARTITIONS)
        return topic

    def test_topic_is_made_again_and_again(self, log: EventLog, topic: str) -> None:
        """Making a topic twice changes nothing, and what is in it stays."""
        log.append(topic, [event(1)])
        log.create_topic(topic, PARTITIONS)
        assert log.topics()[topic] == PARTITIONS
        assert sum(map(len, log.watermarks(topic).values())) == 1

    def test_topic_keeps_its_number_of_partitions(self, log: EventLog, topic: str) -> None:
        """Keys would move to other partitions, so it is an error to ask for another number."""
        with pytest.raises(PermanentError, match=rf"{topic} has 3 partitions, not 4; ask for 3"):
            log.create_topic(topic, 4)

    @pytest.mark.parametrize("name", ["", ".", "..", "songs/rock", "so~ngs", "s" * 250, "chansons d'été"])
    def test_names_of_topics_fit_everywhere(self, log: EventLog, name: str) -> None:
        """A name that Kafka could not take is refused everywhere."""
        with pytest.raises(SettingsError, match="is not a name for a topic"):
            log.create_topic(name, 1)

    def test_unknown_topic(self, log: EventLog) -> None:
        """A topic is made on purpose, with a chosen number of partitions; neither writing nor reading makes one."""
        topic = f"nothing-{uuid.uuid4().hex}"
        for use in (
            lambda: log.append(topic, [event(1)]),
            lambda: log.watermarks(topic),
            lambda: log.read(topic, OffsetRange(0, 0, 0)),
        ):
            with pytest.raises(StoreAccessError, match=f"there is no topic .*{topic}; create it first"):
                use()
        assert topic not in log.topics()

    def test_unknown_partition(self, log: EventLog, topic: str) -> None:
        """The error names the partition."""
        with pytest.raises(StoreAccessError, match=r"no topic .* with a partition 3; create it"):
            log.read(topic, OffsetRange(3, 0, 0))

    def test_new_topic_is_empty(self, log: EventLog, topic: str) -> None:
        """There is nothing to read, and reading nothing gives a table with all columns."""
        assert log.watermarks(topic) == {partition: OffsetRange(partition, 0, 0) for partition in range(PARTITIONS)}
        nothing = log.read(topic, OffsetRange(0, 0, 0))
        assert dict(zip(nothing.schema.names, nothing.schema.types, strict=True)) == COLUMNS
        assert nothing.num_rows == 0

    def test_appended_events_get_offsets(self, log: EventLog, topic: str) -> None:
        """An append says which offsets it filled, and the next one goes on behind them."""
        assert log.append(topic, []) == {}
        assert log.append(topic, [event(1, KEYS[0]), event(2, KEYS[2]), event(3, KEYS[0])]) == {
            0: OffsetRange(0, 0, 2),
            2: OffsetRange(2, 0, 1),
        }
        assert log.append(topic, [event(4, KEYS[0])]) == {0: OffsetRange(0, 2, 3)}
        assert log.watermarks(topic) == {0: OffsetRange(0, 0, 3), 1: OffsetRange(1, 0, 0), 2: OffsetRange(2, 0, 1)}

    def test_events_come_back_with_their_place(self, log: EventLog, topic: str) -> None:
        """A row has everything of an event, and where it is."""
        happened = datetime(2024, 1, 1, 12, 0, 0, 123456, timezone(timedelta(hours=-6)))
        log.append(topic, [event(1, KEYS[1]), Event(b"\xff\x00", happened, KEYS[1], {"source": b"app", "trace": b""})])
        table = log.read(topic, OffsetRange(1, 1, 2))
        assert dict(zip(table.schema.names, table.schema.types, strict=True)) == COLUMNS
        assert table.to_pylist() == [
            {
                "partition": 1,
                "offset": 1,
                "event_at": datetime(2024, 1, 1, 18, 0, 0, 123000, timezone.utc),
                "key": KEYS[1],
                "value": b"\xff\x00",
                "headers": [("source", b"app"), ("trace", b"")],
            }
        ]

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(events=st.lists(some_events(), max_size=8))
    def test_everything_survives(self, log: EventLog, topic: str, events: list[Event]) -> None:
        """Any bytes in keys, values and headers, no key and an empty key, moments to the millisecond: appended, read, unchanged."""
        given_offsets = log.append(topic, events)
        stored = {partition: as_events(log.read(topic, offsets)) for partition, offsets in given_offsets.items()}
        for partition, found in stored.items():
            assert found == [event for event in events if _expected_partition(event) == partition]
        assert sum(map(len, stored.values())) == len(events)

    def test_key_decides_the_partition(self, log: EventLog, topic: str) -> None:
        """CRC-32 of the key modulo the number of partitions; without a key, that of the value."""
        for number in range(10):
            keyed, keyless = event(number, b"key %d" % number), event(number)
            assert list(log.append(topic, [keyed])) == [zlib.crc32(b"key %d" % number) % PARTITIONS]
            assert list(log.append(topic, [keyless])) == [zlib.crc32(b"event %d" % number) % PARTITIONS]

    def test_closed_range_is_always_the_same(self, log: EventLog, topic: str) -> None:
        """What was read at some offsets is read there again, byte for byte, however much was appended since."""
        log.append(topic, [event(number, KEYS[0]) for number in range(5)])
        first = log.read(topic, OffsetRange(0, 1, 4))
        log.append(topic, [event(number, KEYS[0]) for number in range(5, 9)])
        again = log.read(topic, OffsetRange(0, 1, 4))
        assert values(first) == [b"event 1", b"event 2", b"event 3"]
        assert again.equals(first)
        assert values(log.read(topic, OffsetRange(0, 3, 7))) == [b"event 3", b"event 4", b"event 5", b"event 6"]

    def test_every_range_is_exact(self, log: EventLog, topic: str) -> None:
        """Ranges that begin or end inside of an append give their own events only."""
        for count in (1, 3, 2):
            first = log.watermarks(topic)[0].end
            log.append(topic, [event(number, KEYS[0]) for number in range(first, first + count)])
        for start in range(7):
            for end in range(start, 7):
                table = log.read(topic, OffsetRange(0, start, end))
                assert table["offset"].to_pylist() == list(range(start, end))
                assert values(table) == [b"event %d" % number for number in range(start, end)]

    def test_range_in_pieces_is_the_range(self, log: EventLog, topic: str) -> None:
        """Reading piece by piece bounds the memory, and gives the same events."""
        log.append(topic, [event(number, KEYS[0]) for number in range(10)])
        whole = OffsetRange(0, 2, 9)
        pieces = [log.read(topic, piece) for piece in whole.cut(3)]
        assert [piece.num_rows for piece in pieces] == [3, 3, 1]
        assert pa.concat_tables(pieces).equals(log.read(topic, whole))

    def test_range_must_exist(self, log: EventLog, topic: str) -> None:
        """Offsets that nobody wrote yet are an error: a range that is read must be closed."""
        log.append(topic, [event(1, KEYS[0])])
        with pytest.raises(PermanentError, match=r"partition 0, offsets \[0, 2\) was asked for, but the log ends before offset 1"):
            log.read(topic, OffsetRange(0, 0, 2))

    def test_reader_follows_the_log(self, log: EventLog, topic: str) -> None:
        """A reader that keeps its next offsets reads every event once, and knows how many are left."""
        log.append(topic, [event(number, KEYS[number % 2]) for number in range(7)])
        next_offsets: dict[int, int] = {}
        read: list[bytes] = []
        for offsets in next_ranges(log.watermarks(topic), next_offsets, most_events=2)[:3]:
            read += values(log.read(topic, offsets))
            next_offsets[offsets.partition] = offsets.end
        assert lag(log.watermarks(topic), next_offsets) == {0: 0, 1: 1, 2: 0}
        log.append(topic, [event(7, KEYS[1])])
        for offsets in next_ranges(log.watermarks(topic), next_offsets, most_events=2):
            read += values(log.read(topic, offsets))
        assert sorted(read) == [b"event %d" % number for number in range(8)]

    def test_large_append(self, log: EventLog, topic: str) -> None:
        """More events than a client holds at once: all are there, in order."""
        log.append(topic, [Event(b"%d" % number, NOON, KEYS[1]) for number in range(self.large_count)])
        table = log.read(topic, OffsetRange(1, 0, self.large_count))
        assert values(table) == [b"%d" % number for number in range(self.large_count)]
        assert table["offset"].to_pylist() == list(range(self.large_count))

    def test_other_processes_see_what_was_appended(self, log: EventLog, topic: str, events_url: str) -> None:
        """A second client reads what the first one wrote, and the first goes on behind the second."""
        other = open_event_log(events_url)
        log.append(topic, [event(0, KEYS[0])])
        assert other.append(topic, [event(1, KEYS[0])]) == {0: OffsetRange(0, 1, 2)}
        assert log.append(topic, [event(2, KEYS[0])]) == {0: OffsetRange(0, 2, 3)}
        assert values(other.read(topic, OffsetRange(0, 0, 3))) == [b"event 0", b"event 1", b"event 2"]

    def test_processes_append_side_by_side(self, log: EventLog, topic: str, events_url: str) -> None:
        """Three writers at the same moment: no event is lost or doubled, offsets have no gaps, and keys keep their order."""
        with ExitStack() as running:
            processes = [
                running.enter_context(python_process(APPEND_SIDE_BY_SIDE, events_url, topic, number)) for number in range(3)
            ]
            for process in processes:
                wait_for_line(process, "ready")
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            for process in processes:
                let_continue(process)
        tables = [log.read(topic, offsets) for offsets in log.watermarks(topic).values()]
        for table in tables:
            assert table["offset"].to_pylist() == list(range(table.num_rows))
        stored = [(key, value) for table in tables for key, value in zip(table["key"].to_pylist(), values(table), strict=True)]
        expected = [
            (b"%d" % number, b"event %d" % (1000 * writer + 10 * round_ + number))
            for writer in range(3)
            for round_ in range(10)
            for number in range(10)
        ]
        assert sorted(stored) == sorted(expected)
        for writer in range(3):
            own = [pair for pair in stored if int(pair[1].split()[1]) // 1000 == writer]
            for number in range(10):
                rounds = [int(value.split()[1]) // 10 % 100 for key, value in own if key == b"%d" % number]
                assert rounds == list(range(10))

    def test_location_names_the_topic(self, log: EventLog, topic: str) -> None:
        """People can find the topic."""
        assert log.location(topic).endswith(f"/{topic}")

    def test_health_check_changes_no_topic(self, log: EventLog, topic: str) -> None:
        """A log that works says what it is, and its topics are as they were."""
        self.prepare_topic("mlops_assets_doctor", 1)
        log.append(topic, [event(1)])
        before = log.watermarks(topic)
        assert log.check_health().version
        assert log.watermarks(topic) == before


def _expected_partition(event: Event) -> int:
    return zlib.crc32(event.value if event.key is None else event.key) % PARTITIONS
