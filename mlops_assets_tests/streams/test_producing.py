"""Sending: at its pace, without gaps whoever is killed, through times in which the log is out of reach."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import pytest

from mlops_assets.errors import PermanentError, SettingsError, StoreUnavailableError
from mlops_assets.stores.events import Event, EventLog, OffsetRange, open_event_log
from mlops_assets.stores.events.base import EventTooLargeError
from mlops_assets.stores.events.kafka import KafkaEventLog
from mlops_assets.streams.producing import EventSequence, Outgoing, Sender, Sent, Stopping, paced
from mlops_assets.streams.sending_progress import SendingProgress
from mlops_assets_tests.events import NOON, event, values
from mlops_assets_tests.services.kafka import MockControl

PRODUCE, TOO_LARGE = 0, 10


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return open_event_log(f"sqlite:{tmp_path}/events.db")


def sequence(length: int | None, *, every_seconds: float = 0) -> EventSequence:
    """Return events that say their numbers."""

    def outgoing(first: int) -> Iterator[Outgoing]:
        for number in count(first) if length is None else range(first, length):
            yield Outgoing(event(number), number * every_seconds)

    return EventSequence("numbers", outgoing, length)


def everything(log: EventLog) -> list[bytes]:
    return [value for kept in log.watermarks("songs").values() for value in values(log.read("songs", kept))]


def numbers(*chosen: int) -> list[bytes]:
    return [b"event %d" % number for number in chosen]


def test_topic_is_made_and_events_are_sent_in_order(log: EventLog) -> None:
    """A sequence with an end is sent whole, and complete."""
    sent = Sender(log, "songs", 1).send(sequence(2_500), most_events=None, stopping=Stopping())
    assert (sent.count, sent.is_complete) == (2_500, True)
    assert everything(log) == numbers(*range(2_500))


def test_topic_with_other_partitions_is_used_as_it_is(log: EventLog) -> None:
    """The setting is for a topic that does not exist yet; one that has grown takes events."""
    log.create_topic("songs", 3)
    assert Sender(log, "songs", 1).send(sequence(20), most_events=None, stopping=Stopping()).count == 20
    assert sorted(everything(log)) == sorted(numbers(*range(20)))


def test_no_more_than_asked_for(log: EventLog) -> None:
    """Of an endless sequence, as many as asked for; the sequence is not at its end then."""
    sent = Sender(log, "songs", 1).send(sequence(None), most_events=7, stopping=Stopping())
    assert (sent.count, sent.is_complete) == (7, False)
    assert everything(log) == numbers(*range(7))


def test_events_are_sent_when_they_are_due(log: EventLog) -> None:
    """A hundred a second take half a second for fifty; no event waits for the last one."""
    sent_at: list[float] = []
    sender = Sender(log, "songs", 1, on_sent=lambda _: sent_at.append(time.monotonic()))
    began_at = time.monotonic()
    sender.send(sequence(50, every_seconds=0.01), most_events=None, stopping=Stopping())
    assert sent_at[-1] - began_at > 0.48
    assert len(sent_at) > 1


def test_overdue_events_are_sent_together(log: EventLog) -> None:
    """What should have been sent an hour ago does not wait, and goes in large appends."""
    past = EventSequence("past", sequence(3_000, every_seconds=1).outgoing, 3_000, datetime.now(timezone.utc) - timedelta(hours=1))
    appends: list[int] = []
    Sender(log, "songs", 1, on_sent=lambda sent: appends.append(sent.next)).send(past, most_events=None, stopping=Stopping())
    assert appends[-1] == 3_000
    assert len(appends) < 50


def test_pause_sends_what_waits(log: EventLog) -> None:
    """A source that has nothing for a while holds nothing back, and its pauses are no events."""
    items = [Outgoing(event(0), 0), Outgoing(None, 0.2), Outgoing(event(1), 0.2)]
    seen: list[tuple[int, float]] = []
    began_at = time.monotonic()
    sender = Sender(log, "songs", 1, on_sent=lambda sent: seen.append((sent.next, time.monotonic() - began_at)))
    sender.send(EventSequence("pausing", lambda _: iter(items)), most_events=2, stopping=Stopping())
    assert [number for number, _ in seen] == [1, 2]
    assert seen[0][1] < 0.2 <= seen[1][1]


def test_time_ends_it(log: EventLog) -> None:
    """After so many seconds, what was due is sent, and nothing else."""
    log.create_topic("songs", 1)
    stopping = Stopping(at=time.monotonic() + 0.5)
    sent = Sender(log, "songs", 1).send(sequence(None, every_seconds=0.02), most_events=None, stopping=stopping)
    assert 1 <= sent.count <= 26
    assert everything(log) == numbers(*range(sent.count))


def test_stop_sends_what_waits_and_a_rerun_goes_on(log: EventLog, tmp_path: Path) -> None:
    """Nothing is missing or doubled between what was sent before the wish and after it."""
    stopping = Stopping()

    def stop_after_five(sent: Sent) -> None:
        if sent.next >= 5:
            stopping.event.set()

    with SendingProgress(tmp_path / "producers", "songs", "numbers", NOON) as progress:
        first = Sender(log, "songs", 1, on_sent=stop_after_five).send(
            sequence(30, every_seconds=0.05), most_events=None, stopping=stopping, progress=progress
        )
    assert 5 <= first.count < 30
    assert not first.is_complete
    with SendingProgress(tmp_path / "producers", "songs", "numbers", NOON + timedelta(days=1)) as progress:
        assert (progress.next, progress.began_at, progress.is_complete) == (first.count, NOON, False)
        Sender(log, "songs", 1).send(sequence(30), most_events=None, stopping=Stopping(), progress=progress)
        assert progress.is_complete
    assert everything(log) == numbers(*range(30))


def test_limit_below_the_end_is_no_end(log: EventLog, tmp_path: Path) -> None:
    """Who asked for the first five of eight can have the others afterwards."""
    for most_events, is_complete in ((5, False), (5, False), (None, True)):
        with SendingProgress(tmp_path, "songs", "numbers", NOON) as progress:
            sent = Sender(log, "songs", 1).send(sequence(8), most_events=most_events, stopping=Stopping(), progress=progress)
        assert sent.is_complete == is_complete
    assert everything(log) == numbers(*range(8))


class DownForAWhile:
    """A log that is out of reach for some appends."""

    def __init__(self, log: EventLog, failures: int) -> None:
        self._log, self._failures = log, failures

    def topics(self) -> dict[str, int]:
        return self._log.topics()

    def create_topic(self, topic: str, partitions: int) -> None:
        self._log.create_topic(topic, partitions)

    def append(self, topic: str, events: Sequence[Event]) -> dict[int, OffsetRange]:
        if self._failures:
            self._failures -= 1
            raise StoreUnavailableError("the broker is down")
        return self._log.append(topic, events)


def test_log_out_of_reach_is_waited_for(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits says why and for how long, and nothing is lost."""
    monkeypatch.setattr("mlops_assets.streams.producing._FIRST_WAIT_SECONDS", 0.01)
    told: list[tuple[str, float]] = []
    sender = Sender(
        DownForAWhile(log, 3),  # type: ignore[arg-type]
        "songs",
        1,
        on_wait=lambda error, seconds: told.append((str(error), seconds)),
    )
    sent = sender.send(sequence(1_500), most_events=None, stopping=Stopping())
    assert sent.is_complete
    assert told == [("the broker is down", 0.01), ("the broker is down", 0.02), ("the broker is down", 0.04)]
    assert everything(log) == numbers(*range(1_500))


def test_patience_ends(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that stays out of reach is an error in the end; what it has taken is remembered."""
    monkeypatch.setattr("mlops_assets.streams.producing._FIRST_WAIT_SECONDS", 0.01)
    sender = Sender(DownForAWhile(log, 99), "songs", 1, patience_seconds=0.05)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailableError, match="the broker is down"):
        sender.send(sequence(3), most_events=None, stopping=Stopping())


def test_waiting_can_be_stopped(log: EventLog) -> None:
    """A wish to stop ends the wait, too; what could not be sent does not count as sent."""
    stopping = Stopping(at=time.monotonic() + 0.1)
    sender = Sender(DownForAWhile(log, 99), "songs", 1)  # type: ignore[arg-type]
    sent = sender.send(sequence(3), most_events=None, stopping=stopping)
    assert (sent.count, sent.is_complete) == (0, False)


def test_broker_that_stops_and_comes_back(own_cluster: MockControl) -> None:
    """A broker is away while events are sent: all of them arrive, in order but for what was sent twice."""
    own_cluster("topic", "songs", 1)
    log = KafkaEventLog(f"kafka://{own_cluster('bootstrap')}", timeout_seconds=0.7)
    waits: list[float] = []
    timers = [threading.Timer(0.3, own_cluster, ["down"]), threading.Timer(2.5, own_cluster, ["up"])]
    for timer in timers:
        timer.start()
    sender = Sender(log, "songs", 1, on_wait=lambda _error, seconds: waits.append(seconds))
    sent = sender.send(sequence(60, every_seconds=0.02), most_events=None, stopping=Stopping())
    assert sent.is_complete
    assert waits
    assert list(dict.fromkeys(everything(log))) == numbers(*range(60))


def test_event_that_the_broker_refuses_stops_no_other(own_cluster: MockControl) -> None:
    """A large event travels alone; refused, it is handed over with the reason, and the others are there."""
    own_cluster("topic", "songs", 1)
    log = KafkaEventLog(f"kafka://{own_cluster('bootstrap')}", timeout_seconds=5)
    log.append("songs", [event(0)])
    large = Event(bytes(600_000), NOON)
    items = [Outgoing(large if number == 2 else event(number), 0) for number in range(1, 5)]
    refused: list[tuple[Event, EventTooLargeError]] = []
    appends = count()

    def refuse_next(_sent: object) -> None:
        # The first append has event 1, the second the large one.
        if next(appends) == 0:
            own_cluster("errors", PRODUCE, 1, TOO_LARGE)

    sender = Sender(log, "songs", 1, on_sent=refuse_next, on_refused=lambda event, error: refused.append((event, error)))
    sent = sender.send(EventSequence("mixed", lambda _: iter(items)), most_events=None, stopping=Stopping())
    assert (sent.count, sent.refused, sent.is_complete) == (3, 1, True)
    assert [event for event, _ in refused] == [large]
    assert "make the event smaller, or raise max.message.bytes" in str(refused[0][1])
    assert everything(log) == numbers(0, 1, 3, 4)


def test_two_producers_cannot_send_the_same(tmp_path: Path) -> None:
    """The second one is told that there is another; of another sequence, there is none."""
    with SendingProgress(tmp_path, "songs", "numbers", NOON):
        with pytest.raises(PermanentError, match=r"another producer is sending the same already \(numbers\)"):
            SendingProgress(tmp_path, "songs", "numbers", NOON).__enter__()
        with SendingProgress(tmp_path, "songs", "letters", NOON) as other:
            assert other.next == 0


def test_beginning_is_remembered_before_anything_is_sent(tmp_path: Path) -> None:
    """The times of the events depend on it: who is killed at once begins at the same moment again."""
    SendingProgress(tmp_path, "songs", "numbers", NOON).__enter__()
    (file,) = tmp_path.glob("*.json")
    assert json.loads(file.read_bytes())["began_at"] == NOON.isoformat()


def test_recording_is_sent_at_a_rate_or_at_its_pace() -> None:
    """Due times follow the events' own, divided by the speed; one out of order is sent with the one before it."""
    events = [Event(b"%d" % ms, NOON + timedelta(milliseconds=ms)) for ms in (0, 100, 50, 400)]
    assert [item.after_seconds for item in paced(iter(events), 0, rate=None, speed=2)] == [0, 0.05, 0.05, 0.2]
    assert [item.after_seconds for item in paced(iter(events), 1, rate=None, speed=1)] == [0, 0, 0.3]
    assert [item.after_seconds for item in paced(iter(events), 0, rate=4, speed=None)] == [0, 0.25, 0.5, 0.75]
    assert [item.after_seconds for item in paced(iter(events), 3, rate=None, speed=None)] == [0]
    with pytest.raises(SettingsError, match="leave one out"):
        next(paced(iter(events), 0, rate=1, speed=1))
