"""Compaction: the many small objects of a folder that gets no more of them become one container."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from mlops_assets.stores.landing.objects import folder_of
from mlops_assets.stores.landing.offset_names import is_full_block
from mlops_assets.stores.landing.request_names import folder_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mlops_assets.stores.landing.objects import Landing


@dataclass(frozen=True)
class CompactedFolder:
    """A folder whose objects were compacted.

    Attributes:
        folder: with its `/`.
        object_count: how many objects were moved into a container.
    """

    folder: str
    object_count: int


def compact_closed(landing: Landing, now: datetime) -> Iterator[CompactedFolder]:
    """Compact every folder that is closed: its hour, day or month is over, or its block of offsets is full.

    Doing it again compacts what is left: where it was killed, or where objects landed later. Objects under other names stay.

    Args:
        landing: whose objects are compacted.
        now: up to when time is over; with a time zone.
    """
    for folder, _ in groupby(landing.single_names(), folder_of):
        end = folder_end(folder)
        is_closed = is_full_block(landing, folder) if end is None else end <= now
        if is_closed and (count := landing.compact(folder)):
            yield CompactedFolder(folder, count)
