"""How far a producer has come with a sequence, remembered in a file, so that a rerun goes on where a killed one had come to."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError
from mlops_assets.stores.objects.files import FileStorage

if TYPE_CHECKING:
    from types import TracebackType

_SAVE_EVERY_SECONDS = 0.5
"""Saving waits for the disk; what is not saved when a producer is killed is sent a second time."""


@dataclass(frozen=True)
class _State:
    """What the file holds.

    Attributes:
        sequence: text that names the sequence.
        began_at: when it was begun, with time zone.
        next: number of the event that comes next.
        is_complete: whether all of it was sent.
    """

    sequence: str
    began_at: str
    next: int = 0
    is_complete: bool = False


class SendingProgress:
    """The progress of one sequence into one topic; a context, inside of which no other process can send the same."""

    def __init__(self, folder: Path, topic: str, identity: str, now: datetime) -> None:
        """Remember progress in a folder.

        Args:
            folder: of all producers.
            topic: where the events go, with the log that it is of.
            identity: text that only this sequence has.
            now: becomes the moment at which the sequence was begun, if it has not been begun before.
        """
        from filelock import FileLock

        digest = hashlib.sha256(f"{topic}\n{identity}".encode()).hexdigest()[:16]
        self._storage, self._name = FileStorage(folder), f"{digest}.json"
        self._identity = identity
        self._lock = FileLock(folder / f".{digest}.lock", timeout=0)
        self._now = now
        self._state = _State(identity, now.isoformat())
        self._saved_at = 0.0

    def __enter__(self) -> SendingProgress:
        from filelock import Timeout

        self._storage.prepare()
        try:
            self._lock.acquire()
        except Timeout:
            raise PermanentError(
                f"another producer is sending the same already ({self._identity}); let it end, or stop it"
            ) from None
        found = self._load()
        if found is None:
            self.restart()
        else:
            self._state = found
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._save()
        finally:
            self._lock.release()

    @property
    def next(self) -> int:
        """Number of the event that comes next."""
        return self._state.next

    @property
    def began_at(self) -> datetime:
        """When the first event was about to be sent."""
        return datetime.fromisoformat(self._state.began_at)

    @property
    def is_complete(self) -> bool:
        """Whether the sequence was sent to its end."""
        return self._state.is_complete

    def restart(self) -> None:
        """Forget what was sent: the sequence is begun once more, now."""
        self._state = _State(self._identity, self._now.isoformat())
        # Before anything is sent: the times of the events depend on it.
        self._save()

    def advance(self, next_event: int) -> None:
        """Note that the log has acknowledged every event before this number."""
        self._state = _State(self._identity, self._state.began_at, next_event)
        if time.monotonic() - self._saved_at > _SAVE_EVERY_SECONDS:
            self._save()

    def complete(self) -> None:
        """Note that the log has acknowledged the last event."""
        self._state = _State(self._identity, self._state.began_at, self._state.next, is_complete=True)
        self._save()

    def _save(self) -> None:
        self._storage.put(self._name, json.dumps(vars(self._state), indent=1).encode())
        self._saved_at = time.monotonic()

    def _load(self) -> _State | None:
        if not self._storage.exists(self._name):
            return None
        with self._storage.open(self._name) as file:
            return _State(**json.loads(file.read()))
