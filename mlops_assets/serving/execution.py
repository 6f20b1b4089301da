"""Where answers are made: quick ones at once, slow ones in a thread, so that the event loop goes on with other requests."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from mlops_assets.serving.errors import DeadlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

_QUICK_SECONDS = 0.005
"""Passing a call to a thread and back takes a tenth of a millisecond or so; others can wait this long for an answer."""

_WEIGHT = 0.2
"""Of the newest call in the moving average of a kind's durations."""


_call = threading.local()


def is_given_up() -> bool:
    """Tell whether nobody waits any more for what this thread is computing."""
    given_up: threading.Event | None = getattr(_call, "given_up", None)
    return given_up is not None and given_up.is_set()


class Execution:
    """Makes answers on behalf of coroutines."""

    def __init__(self, timeout_seconds: float) -> None:
        """Wait `timeout_seconds` for an answer of a thread, at most."""
        self._timeout_seconds = timeout_seconds
        self._threads = ThreadPoolExecutor(max(2, os.cpu_count() or 1), "answers")
        self._own_threads: dict[str, ThreadPoolExecutor] = {}
        self._seconds: dict[Hashable, float] = {}

    async def run(self, kind: Hashable, call: Callable[[], T]) -> T:
        """Call at once if calls of this kind have been quick so far, and in a thread if they have not, or are unknown.

        Raises:
            DeadlineError: the thread takes too long.
        """
        if self._seconds.get(kind, _QUICK_SECONDS) < _QUICK_SECONDS:
            return self._timed(kind, call)
        return await self.run_in_thread(lambda: self._timed(kind, call))

    async def run_in_thread(self, call: Callable[[], T]) -> T:
        """Call in a thread.

        Raises:
            DeadlineError: it takes too long.
        """
        return await self._in_time(self._threads, call)

    async def run_alone(self, kind: str, call: Callable[[], T]) -> T:
        """Call in the one thread of a kind: for what waits for a store, or for a lock.

        Calls of a kind wait for each other. No answer of a model waits for them, however long the store takes.

        Raises:
            DeadlineError: the thread takes too long.
        """
        thread = self._own_threads.setdefault(kind, ThreadPoolExecutor(1, kind))
        return await self._in_time(thread, call)

    async def _in_time(self, threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        given_up = threading.Event()

        def call_in_thread() -> T:
            _call.given_up = given_up
            return call()

        made = asyncio.get_running_loop().run_in_executor(threads, call_in_thread)
        try:
            return await asyncio.wait_for(made, self._timeout_seconds)
        except asyncio.TimeoutError:
            given_up.set()
            raise DeadlineError(f"the answer took longer than {self._timeout_seconds:g} seconds") from None

    def _timed(self, kind: Hashable, call: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - started
        self._seconds[kind] = seconds + (1 - _WEIGHT) * (self._seconds.get(kind, seconds) - seconds)
        return result
