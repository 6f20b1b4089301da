"""Names of events that landed from a log. A name says which offsets of which partition; what lands next follows from the names.

`topic=plays/partition=00003/block=00000000000001000000/00000000000001000000-00000000000001099999.parquet` holds the events of
partition 3 at offsets 1,000,000 to 1,099,999. Numbers have leading zeros, so that the order of the names is the order of the
offsets. A block is a folder of a million offsets: what a reader lists, and what is compacted once it is full. No object crosses
the end of a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError
from mlops_assets.stores.events import OffsetRange
from mlops_assets.stores.landing.objects import folder_of

if TYPE_CHECKING:
    from mlops_assets.stores.landing.objects import Landing

BLOCK_OFFSETS = 1_000_000
"""How many offsets one folder holds."""

_BLOCK = r"topic=(?P<topic>[^/]+)/partition=(?P<partition>\d{5,})/block=(?P<block>\d{20})/"
_NAME = re.compile(rf"{_BLOCK}(?P<first>\d{{20}})-(?P<last>\d{{20}})\.parquet", re.ASCII)
_FOLDER = re.compile(_BLOCK, re.ASCII)


def offset_name(topic: str, offsets: OffsetRange) -> str:
    """Return the name under which the events at some offsets land.

    Raises:
        ValueError: there are no offsets in the range, or it crosses the end of a block; see `in_blocks`.
    """
    if not offsets or list(in_blocks(offsets)) != [offsets]:
        raise ValueError(f"{offsets} is not within one block of {BLOCK_OFFSETS:,} offsets, cut it by blocks")
    return f"{_block(topic, offsets.partition, offsets.start)}{offsets.start:020d}-{offsets.end - 1:020d}.parquet"


def landed_offsets(name: str) -> OffsetRange | None:
    """Return the offsets of landed events; None if the name is that of something else."""
    found = _NAME.fullmatch(name)
    if found is None or int(found["first"]) > int(found["last"]):
        return None
    return OffsetRange(int(found["partition"]), int(found["first"]), int(found["last"]) + 1)


def in_blocks(offsets: OffsetRange) -> Iterator[OffsetRange]:
    """Yield a range in pieces that each lie within one block."""
    start = offsets.start
    while start < offsets.end:
        end = min(offsets.end, (start // BLOCK_OFFSETS + 1) * BLOCK_OFFSETS)
        yield OffsetRange(offsets.partition, start, end)
        start = end


def next_offsets(landing: Landing, topic: str) -> dict[int, int]:
    """Return, by partition, the offset of the event that lands next; a partition of which nothing has landed is not named.

    It is the end of what landed without a gap. That may begin later than at offset 0: a log and a lake may drop old events.

    Raises:
        PermanentError: offsets between landed ones are missing, or have landed twice in objects of different length.
    """
    ends: dict[int, int] = {}
    for name, offsets in _ranges(landing.names(f"topic={topic}/")):
        if offsets.start != ends.setdefault(offsets.partition, offsets.start):
            raise PermanentError(_misfit(landing, name, offsets, ends[offsets.partition]))
        ends[offsets.partition] = offsets.end
    return ends


def last_range(landing: Landing, topic: str, partition: int, end: int) -> OffsetRange:
    """Return the range of the last landed object of a partition, which ends at an offset that `next_offsets` gave."""
    names = landing.names(_block(topic, partition, end - 1))
    return next(offsets for _, offsets in _ranges(names) if offsets.end == end)


def names_of_offsets(landing: Landing, topic: str, offsets: OffsetRange) -> list[str]:
    """Return the names, in order, of the objects that hold the events at some offsets; only the blocks of these are listed.

    The first and the last object may hold events before and after the offsets.

    Raises:
        PermanentError: some of the offsets have not landed, or have landed twice in objects of different length.
    """
    blocks = [_block(topic, offsets.partition, piece.start) for piece in in_blocks(offsets)]
    names: list[str] = []
    end = offsets.start
    for name, landed in _ranges(landing.names_in(blocks)):
        if landed.end <= offsets.start or landed.start >= offsets.end:
            continue
        if landed.start > end or (names and landed.start < end):
            raise PermanentError(_misfit(landing, name, landed, end))
        names.append(name)
        end = landed.end
    if end < offsets.end:
        partition = f"topic {topic}, partition {offsets.partition}"
        raise PermanentError(f"{landing.uri}: of {partition}, only offsets up to {end} have landed, not up to {offsets.end}")
    return names


def is_full_block(landing: Landing, folder: str) -> bool:
    """Tell whether a folder is a block of which the last offset has landed, so that nothing more lands there."""
    found = _FOLDER.fullmatch(folder)
    return found is not None and int(found["block"]) + BLOCK_OFFSETS in {
        offsets.end for _, offsets in _ranges(landing.names(folder))
    }


def _ranges(names: Iterable[str]) -> Iterator[tuple[str, OffsetRange]]:
    for name in names:
        if (offsets := landed_offsets(name)) is not None:
            yield name, offsets


def _block(topic: str, partition: int, offset: int) -> str:
    return f"topic={topic}/partition={partition:05d}/block={offset // BLOCK_OFFSETS * BLOCK_OFFSETS:020d}/"


def _misfit(landing: Landing, name: str, offsets: OffsetRange, end: int) -> str:
    if offsets.start > end:
        missing = f"offsets {end} to {offsets.start - 1} of {folder_of(name)}"
        return f"{landing.uri}: {missing} are missing before {name}; land them, or put them back"
    both = f"offsets {offsets.start} to {min(end, offsets.end) - 1}"
    return f"{landing.uri}: {both} are in {name} and in the object before it; remove one of the two"
