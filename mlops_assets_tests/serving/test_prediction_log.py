"""The log of predictions: every answer is one event, off the path of requests, and what is lost is counted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.serving import prediction_log
from mlops_assets.serving.prediction_log import TOPIC, PredictionEvent, PredictionLog
from mlops_assets.stores.events import Event, EventLog, open_event_log

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


def answered(number: int, domain: str = "examples") -> PredictionEvent:
    return PredictionEvent(
        prediction_id=f"{number:032x}-0",
        request_id=f"request-{number}",
        answered_at=NOON,
        domain=domain,
        model_name="colour_model",
        model_version=3,
        model_run_id="run",
        protocol="rest",
        record={"size_m": 1.5, "seen_at": NOON},
        prediction={"probability": 0.25, "is_predicted": False},
        duration_ms=0.4,
    )


def logged(log: EventLog) -> list[dict[str, Any]]:
    return [
        json.loads(value) for offsets in log.watermarks(TOPIC).values() for value in log.read(TOPIC, offsets)["value"].to_pylist()
    ]


@pytest.fixture
def event_log(tmp_path: Path) -> EventLog:
    """Give an empty log of events in a file."""
    return open_event_log(f"sqlite:{tmp_path / 'events.db'}")


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer not wait for more."""
    monkeypatch.setattr(prediction_log, "_WAIT_SECONDS", 0.01)


def test_every_answer_is_one_event(event_log: EventLog) -> None:
    """The topic is made when it is needed, and the event says all about question and answer."""
    log = PredictionLog(lambda domain: event_log)
    log.start()
    for number in range(2_500):
        log.put(answered(number))
    log.stop(60)
    assert (log.written, log.lost, log.waiting) == (2_500, 0, 0)
    events = logged(event_log)
    assert [event["request_id"] for event in events] == [f"request-{number}" for number in range(2_500)]
    assert events[7] == {
        "prediction_id": f"{7:032x}-0",
        "request_id": "request-7",
        "answered_at": "2024-01-01T12:00:00+00:00",
        "domain": "examples",
        "model_name": "colour_model",
        "model_version": 3,
        "model_run_id": "run",
        "protocol": "rest",
        "record": {"size_m": 1.5, "seen_at": "2024-01-01T12:00:00+00:00"},
        "prediction": {"probability": 0.25, "is_predicted": False},
        "duration_ms": 0.4,
    }


def test_each_domain_has_its_own_log(tmp_path: Path) -> None:
    """Answers go to the events of the domain whose model gave them."""
    logs = {domain: open_event_log(f"sqlite:{tmp_path / domain}.db") for domain in ("examples", "others")}
    log = PredictionLog(logs.__getitem__)
    log.start()
    log.put(answered(1))
    log.put(answered(2, "others"))
    log.stop(60)
    assert {domain: [event["request_id"] for event in logged(own)] for domain, own in logs.items()} == {
        "examples": ["request-1"], "others": ["request-2"],
    }  # fmt: skip


class Flaky:
    """A log that fails as often as it is told to, and is real otherwise."""

    def __init__(self, log: EventLog, failures: int) -> None:
        self._log, self._failures = log, failures

    def topics(self) -> dict[str, int]:
        return self._log.topics()

    def create_topic(self, topic: str, partitions: int) -> None:
        self._log.create_topic(topic, partitions)

    def append(self, topic: str, events: Sequence[Event]) -> Any:
        if self._failures > 0:
            self._failures -= 1
            raise StoreUnavailableError("busy")
        return self._log.append(topic, events)


def test_a_log_that_is_busy_for_a_moment_loses_nothing(event_log: EventLog) -> None:
    """Appending is tried again."""
    flaky = Flaky(event_log, 3)
    log = PredictionLog(lambda domain: flaky)  # type: ignore[arg-type, return-value]
    log.start()
    log.put(answered(1))
    log.stop(60)
    assert (log.written, log.lost) == (1, 0)
    assert len(logged(event_log)) == 1


def test_a_log_that_is_away_longer_loses_nothing_while_the_queue_has_room(event_log: EventLog) -> None:
    """The writer tries until the log is back."""
    flaky = Flaky(event_log, 8)
    log = PredictionLog(lambda domain: flaky)  # type: ignore[arg-type, return-value]
    log.start()
    log.put(answered(1))
    wait_until(lambda: log.written == 1)
    log.stop(60)
    assert log.lost == 0


def test_many_answers_do_not_wait_for_more_to_gather(event_log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as there is enough to append, it is appended at once, so that the log keeps up with the service."""
    monkeypatch.setattr(prediction_log, "_WAIT_SECONDS", 5.0)
    log = PredictionLog(lambda domain: event_log)
    for number in range(4_000):
        log.put(answered(number))
    log.start()
    wait_until(lambda: log.written == 4_000, seconds=4)
    log.stop(60)


def test_an_answer_after_the_end_is_counted_as_lost(event_log: EventLog) -> None:
    """A thread that answers while the process ends leaves nothing that nobody knows of."""
    log = PredictionLog(lambda domain: event_log)
    log.start()
    log.stop(60)
    log.put(answered(1))
    assert (log.waiting, log.lost) == (0, 1)


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_log_that_cannot_be_written_costs_no_answer_and_is_counted() -> None:
    """The service goes on; its metrics say how much is missing."""

    def no_log(domain: str) -> EventLog:
        raise StoreUnavailableError("gone")

    log = PredictionLog(no_log)
    log.start()
    log.put(answered(1))
    log.stop(60)
    assert (log.written, log.lost) == (0, 1)


def test_a_full_queue_counts_what_it_cannot_take(monkeypatch: pytest.MonkeyPatch, event_log: EventLog) -> None:
    """Memory is bounded however long the log is away; nobody waits for it."""
    monkeypatch.setattr(prediction_log, "_QUEUED_EVENTS", 10)
    log = PredictionLog(lambda domain: event_log)
    for number in range(15):
        log.put(answered(number))
    assert (log.waiting, log.lost) == (10, 5)
    log.start()
    log.stop(60)
    assert (log.written, log.lost) == (10, 5)


def test_a_stop_waits_no_longer_than_it_may(event_log: EventLog) -> None:
    """What a log that hangs does not take in time is counted as lost."""
    hanging = threading.Event()

    def hang(domain: str) -> EventLog:
        hanging.wait(30)
        return event_log

    log = PredictionLog(hang)
    log.start()
    log.put(answered(1))
    log.stop(0.2)
    assert log.lost == 1
    hanging.set()
