"""Ask a feed for snapshots: once, every few seconds for a while, or all that it has recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_assets.errors import NotEnoughDataError, SourceError, TransientError

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.sources.base import ParkingSource, Snapshot


def poll(
    source: ParkingSource,
    *,
    lasting: timedelta,
    every: timedelta,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    on_failure: Callable[[datetime, Exception], None],
) -> Iterator[Snapshot]:
    """Ask the feed at regular moments and yield each answer as it comes; one request that fails does not end the poll.

    Args:
        source: a feed that has a present.
        lasting: how long to go on; zero asks once.
        every: time between two requests; a request that takes longer is followed by the next one at once.
        clock: tells the time, with a zone.
        sleep: waits for seconds.
        on_failure: is told of every request that failed.

    Raises:
        the error of the last request, if none of them brought an answer.
    """
    start, count, failure = clock(), 0, None
    for number in range(lasting // every + 1):
        wait = (start + number * every - clock()).total_seconds()
        if wait > 0:
            sleep(wait)
        at = clock()
        try:
            snapshot = source.fetch_snapshot(at)
        except (SourceError, TransientError) as error:
            failure = error
            on_failure(at, error)
            continue
        count += 1
        yield snapshot
    if failure is not None and count == 0:
        raise failure


def recorded(source: ParkingSource, since: datetime | None, until: datetime | None) -> Iterator[Snapshot]:
    """Yield what a source has recorded from one moment up to another; without them, from its first moment to its last.

    Raises:
        NotEnoughDataError: the source is a feed without a past.
    """
    span = source.available_range()
    if span is None:
        raise NotEnoughDataError(f"{source.describe()} has no historical files; land snapshots of the present instead")
    first, last = span
    return source.snapshots_between(since or first, until or last + timedelta(microseconds=1))
