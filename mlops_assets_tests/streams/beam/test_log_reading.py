"""The splittable DoFn reads each offset once, whatever the runner takes away from it meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker

from mlops_assets.errors import PermanentError
from mlops_assets.stores.events import EventLog, open_event_log
from mlops_assets.streams.batches import MessageBatch
from mlops_assets.streams.beam import log_reading
from mlops_assets.streams.beam.log_reading import LogPartition, ReadLog, ReadPartition, partitions_to_read
from mlops_assets.streams.beam.running import run_pipeline
from mlops_assets_tests.events import event, values
from mlops_assets_tests.services.kafka import make_topic

LANDED_AT = datetime(2024, 1, 1, 13, tzinfo=timezone.utc)
TOPIC = "songs"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'events.db'}"


@pytest.fixture
def log(url: str) -> EventLog:
    return open_event_log(url)


def _fill(log: EventLog, count: int, partitions: int = 1, topic: str = TOPIC) -> None:
    log.create_topic(topic, partitions)
    log.append(topic, [event(number) for number in range(count)])


class _Splitting:
    """Takes the rest of a restriction away right before some offset is claimed, as a runner may."""

    def __init__(self, restriction: OffsetRange, before: int | None = None) -> None:
        self._tracker = ThreadsafeRestrictionTracker(OffsetRestrictionTracker(restriction))
        self._view = RestrictionTrackerView(self._tracker)
        self._before = before
        self.rest: OffsetRange | None = None

    def current_restriction(self) -> OffsetRange:
        return self._view.current_restriction()

    def try_claim(self, offset: int) -> bool:
        if offset == self._before and (split := self._tracker.try_split(0)) is not None:
            self.rest = split[1]
        return bool(self._view.try_claim(offset))

    def require_done(self) -> None:
        self._tracker.check_done()


@pytest.mark.parametrize("before", [1, 7, 10, 15, 29])
def test_what_is_taken_away_amid_a_batch_is_read_by_its_new_owner(
    log: EventLog, url: str, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every offset is in one of the two, none in both, wherever in a batch the runner splits."""
    monkeypatch.setattr(log_reading, "BATCH_OFFSETS", 10)
    _fill(log, 30)

    def read(tracker: _Splitting) -> list[int]:
        reader = ReadPartition(partial(open_event_log, url), TOPIC, LANDED_AT)
        batches = [found.value.messages for found in reader.process(LogPartition(0, 0, 30), tracker)]
        tracker.require_done()
        return [offset for messages in batches for offset in messages["offset"].to_pylist()]

    first = _Splitting(OffsetRange(0, 30), before)
    offsets = read(first)
    assert first.rest is not None
    assert offsets == list(range(before))
    assert read(_Splitting(first.rest)) == list(range(before, 30))


def test_all_that_the_log_keeps_is_read(log: EventLog, url: str) -> None:
    """Of every partition, also an empty one, with the moment of landing."""
    _fill(log, 50, partitions=4)
    log.create_topic("empty", 2)
    for topic in (TOPIC, "empty"):
        found = _run(url, topic, partitions_to_read(log, topic))
        assert {batch.landed_at for batch in found} <= {LANDED_AT}
        read = sorted(value for batch in found for value in values(batch.messages))
        assert read == sorted(b"event %d" % number for number in range(50 if topic == TOPIC else 0))


@pytest.mark.services
def test_kafka_is_read_by_the_same_transform(kafka_url: str) -> None:
    """Over TCP, all partitions."""
    topic = f"beam-{time.time_ns()}"
    make_topic(topic, 3)
    log = open_event_log(kafka_url)
    _fill(log, 200, partitions=3, topic=topic)
    found = _run(kafka_url, topic, partitions_to_read(log, topic))
    assert sorted(value for batch in found for value in values(batch.messages)) == sorted(b"event %d" % n for n in range(200))


def test_a_log_is_followed_until_the_end_of_the_time(log: EventLog, url: str) -> None:
    """What is appended while the pipeline runs is read, once."""
    _fill(log, 20, partitions=2)
    ends_at = datetime.now(timezone.utc) + timedelta(seconds=2)

    def append_later() -> None:
        time.sleep(0.7)
        log.append(TOPIC, [event(number) for number in range(20, 30)])

    appending = threading.Thread(target=append_later)
    appending.start()
    found = _run(url, TOPIC, partitions_to_read(log, TOPIC), ends_at)
    appending.join()
    assert sorted(value for batch in found for value in values(batch.messages)) == sorted(b"event %d" % n for n in range(30))


def test_offsets_that_retention_dropped_are_an_error(log: EventLog, url: str) -> None:
    """The pipeline fails and names them; it does not go on behind them silently."""
    _fill(log, 20)
    log.drop_before(TOPIC, {0: 5})  # type: ignore[attr-defined] # of the SQLite log
    with pytest.raises(PermanentError, match=r"offsets \[0, 5\) were dropped by retention"):
        _run(url, TOPIC, [LogPartition(0, 0, 20)])


_FOUND: list[MessageBatch] = []


def _note(batch: MessageBatch) -> None:
    _FOUND.append(batch)


def _run(url: str, topic: str, partitions: list[LogPartition], ends_at: datetime | None = None) -> list[MessageBatch]:
    _FOUND.clear()
    source = ReadLog(partial(open_event_log, url), topic, partitions, None if ends_at else LANDED_AT, ends_at)

    def build(root: beam.Pipeline) -> Any:
        return root | source | beam.Map(_note)

    run_pipeline(build, "DirectRunner", [], follows=ends_at is not None)
    return list(_FOUND)
