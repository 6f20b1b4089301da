"""How far a reader has come, and what it reads next.

A reader keeps the offset of the next event it needs, per partition. Look that up before the watermarks: a reader that goes on
between the two would else seem to be ahead of the log.
"""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from mlops_assets.stores.events.base import OffsetRange, require_readable

if TYPE_CHECKING:
    from collections.abc import Mapping


def lag(watermarks: Mapping[int, OffsetRange], next_offsets: Mapping[int, int]) -> dict[int, int]:
    """Return how many offsets of each partition are not read yet.

    Args:
        watermarks: what can be read, as `EventLog.watermarks` gives it.
        next_offsets: by partition, the offset that the reader needs next. A partition that is not named was never read.

    Raises:
        PermanentError: events were dropped before they were read, or the reader is ahead of the log.
    """
    return {partition: len(unread) for partition, unread in _unread(watermarks, next_offsets).items()}


def next_ranges(watermarks: Mapping[int, OffsetRange], next_offsets: Mapping[int, int], most_events: int) -> list[OffsetRange]:
    """Cut what is not read yet into closed ranges of at most `most_events` offsets.

    The first range of every partition comes before the second of any, so that who takes only the first few starves no partition.

    Args:
        watermarks: what can be read, as `EventLog.watermarks` gives it.
        next_offsets: by partition, the offset that the reader needs next. A partition that is not named was never read.
        most_events: length of the longest range.

    Raises:
        PermanentError: events were dropped before they were read, or the reader is ahead of the log.
    """
    pieces = (unread.cut(most_events) for _, unread in sorted(_unread(watermarks, next_offsets).items()))
    return [piece for piece in chain.from_iterable(zip_longest(*pieces)) if piece is not None]


def _unread(watermarks: Mapping[int, OffsetRange], next_offsets: Mapping[int, int]) -> dict[int, OffsetRange]:
    unread = {}
    for partition, kept in watermarks.items():
        start = next_offsets.get(partition, kept.start)
        unread[partition] = OffsetRange(partition, start, max(start, kept.end))
        require_readable("next events", unread[partition], kept)
    return unread
