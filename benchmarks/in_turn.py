"""Time ways that are compared with each other in turn, so that a busy machine slows down all of them alike."""

from __future__ import annotations

import gc
import os
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.store_rows import Workload
    from benchmarks.store_ways import Way


def seconds_in_turn(ways: Mapping[str, Way], verb: str, workload: Workload, rounds: int) -> dict[str, list[float]]:
    """Return the wall times of all ways, round by round; every other round goes backwards, so that none is always first.

    Args:
        ways: by name.
        verb: `write` or `read`.
        workload: what is written or read.
        rounds: how many.

    Raises:
        ValueError: somebody read other rows than were written.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
            seconds[name].append(_seconds(name, ways[name], verb, workload))
    return seconds


def _seconds(name: str, way: Way, verb: str, workload: Workload) -> float:
    way.prepare(workload)
    work = way.write if verb == "write" else way.read
    # Nobody must pay for the garbage and the unwritten pages of others.
    gc.collect()
    os.sync()
    started = time.perf_counter()
    result = work(workload)
    seconds = time.perf_counter() - started
    if result is not None:
        workload.require_same(result, name)
    return seconds


def ratio(some: Sequence[float], others: Sequence[float]) -> float:
    """Return how many times as long some calls took as others, as the median over rounds."""
    return statistics.median(one / other for one, other in zip(some, others, strict=True))
