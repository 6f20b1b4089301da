"""Answered predictions as events: a bounded queue off the path of requests, and a thread that appends what is in it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from mlops_assets.ml.served_predictions import TOPIC
from mlops_assets.stores.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_assets.stores.events import EventLog

__all__ = ["TOPIC", "PredictionEvent", "PredictionLog"]

_PARTITIONS = 1
_QUEUED_EVENTS = 50_000
_EVENTS_PER_APPEND = 1_000
_WAIT_SECONDS = 0.5
_ATTEMPTS_WHEN_STOPPING = 5
_LONGEST_PAUSE_SECONDS = 15.0
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PredictionEvent:
    """A question and its answer.

    Attributes:
        prediction_id: unique; an event that was appended twice is one prediction.
        request_id: of the request, which may have asked for several predictions.
        answered_at: when it was answered (UTC).
        domain: of the model.
        model_name: of the model.
        model_version: which version answered; None of a bundle from a folder.
        model_run_id: the run that trained it; None likewise.
        protocol: by which it was asked: `rest`, `graphql` or `grpc`.
        record: the record, as the model got it.
        prediction: the columns of the predictor's outputs.
        duration_ms: how long the answer took.
    """

    prediction_id: str
    request_id: str
    answered_at: datetime
    domain: str
    model_name: str
    model_version: int | None
    model_run_id: str | None
    protocol: str
    record: Mapping[str, Any]
    prediction: Mapping[str, Any]
    duration_ms: float

    def to_json(self) -> bytes:
        """Return the event's value."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["answered_at"] = self.answered_at.isoformat()
        fields["record"] = {name: value.isoformat() if isinstance(value, date) else value for name, value in self.record.items()}
        # Events are made while questions are answered, and this takes a quarter of the time of `json`.
        return to_json(fields, inf_nan_mode="constants", fallback=_plain)


class PredictionLog:
    """Appends events to the logs of their domains.

    Attributes:
        written: events that were appended.
        lost: events that were not, because the queue was full or the log could not be written.
    """

    def __init__(self, open_log: Callable[[str], EventLog]) -> None:
        """Append to the log that `open_log` gives for a domain; call `start` first."""
        self._open_log = open_log
        self._queue: queue.Queue[PredictionEvent] = queue.Queue(_QUEUED_EVENTS)
        self._stopping = threading.Event()
        self._ready: set[str] = set()
        self._thread = threading.Thread(target=self._write_until_stopped, name="prediction-log", daemon=True)
        self._taken = 0
        self._is_stopped = False
        self._losing = threading.Lock()
        self.written = self.lost = 0

    def start(self) -> None:
        """Begin to append in a thread."""
        self._thread.start()

    def put(self, event: PredictionEvent) -> None:
        """Take an event, and return at once."""
        if self._is_stopped:
            self._lose(1)
            return
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self._lose(1)

    @property
    def waiting(self) -> int:
        """How many events have not been appended yet."""
        return self._queue.qsize() + self._taken

    def stop(self, timeout_seconds: float) -> None:
        """Append what waits, and end."""
        self._stopping.set()
        self._thread.join(timeout_seconds)
        self._is_stopped = True
        if waiting := self.waiting:
            self._lose(waiting)
            _logger.error("%d predictions were not noted in the event log in %.0f s", waiting, timeout_seconds)

    def _pause(self, seconds: float) -> None:
        """Wait for the log to recover; a stop ends a long wait, and makes others short."""
        if not self._stopping.wait(seconds):
            return
        time.sleep(min(seconds, _WAIT_SECONDS))

    def _lose(self, count: int) -> None:
        with self._losing:
            self.lost += count

    def _write_until_stopped(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            if self._queue.qsize() < _EVENTS_PER_APPEND:
                # More of them may gather for a moment.
                self._stopping.wait(_WAIT_SECONDS)
            events = [self._queue.get_nowait() for _ in range(min(self._queue.qsize(), _EVENTS_PER_APPEND))]
            self._taken = len(events)
            for domain in {event.domain for event in events}:
                own = [event for event in events if event.domain == domain]
                self._append(domain, own)
                self._taken -= len(own)

    def _append(self, domain: str, predictions: list[PredictionEvent]) -> None:
        """Append, as often as it takes: the queue loses what it cannot hold meanwhile. A service that stops gives up soon."""
        attempts = 0
        while not self._stopping.is_set() or attempts < _ATTEMPTS_WHEN_STOPPING:
            attempts += 1
            try:
                events = [Event(each.to_json(), each.answered_at, each.prediction_id.encode()) for each in predictions]
                log = self._open_log(domain)
                if domain not in self._ready:
                    if TOPIC not in log.topics():
                        log.create_topic(TOPIC, _PARTITIONS)
                    self._ready.add(domain)
                log.append(TOPIC, events)
            except Exception as error:
                # Whatever it is, the service goes on, and its metrics say what is missing.
                _logger.warning("attempt %d to note %d predictions of %s: %s", attempts, len(predictions), domain, error)
                self._pause(min(2**attempts * _WAIT_SECONDS, _LONGEST_PAUSE_SECONDS))
            else:
                self.written += len(predictions)
                return
        self._lose(len(predictions))


def _plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python."""
    return value.item()
