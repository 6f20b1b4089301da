"""Landed events by when they happened. A log is about in the order of time, so that only the objects around a window are read."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_assets.stores.events.base import event_schema
from mlops_assets.stores.landing.offset_names import landed_offsets, next_offsets

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.stores.landing.objects import Landing

LATENESS = timedelta(hours=1)
"""How much later than others an event may be appended and still be found on its day."""


def events_between(landing: Landing, topic: str, start: datetime, end: datetime) -> pa.Table:
    """Return the landed events that happened in a half-open window, of all partitions: `event_schema()`, in the order of the log.

    Events without a time happened at no time. Of each partition, objects are looked at by halves to find where the window begins.

    Raises:
        PermanentError: offsets between landed ones are missing, or have landed twice in objects of different length.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    next_offsets(landing, topic)
    by_partition: dict[int, list[str]] = defaultdict(list)
    for name in landing.names(f"topic={topic}/"):
        if (offsets := landed_offsets(name)) is not None:
            by_partition[offsets.partition].append(name)
    moments = [pa.scalar(moment, pa.timestamp("us", tz="UTC")) for moment in (start, end)]
    in_window = (pc.field("event_at") >= moments[0]) & (pc.field("event_at") < moments[1])
    tables = [event_schema().empty_table()]
    for _, names in sorted(by_partition.items()):
        for table in _around(landing, names, start - LATENESS, end + LATENESS):
            tables.append(table.filter(in_window))
    return pa.concat_tables(tables)


def _around(landing: Landing, names: list[str], start: datetime, end: datetime) -> list[pa.Table]:
    """Return the objects that may hold events of a window, and the one before and after them."""
    read: dict[str, pa.Table] = {}

    def table_of(name: str) -> pa.Table:
        if name not in read:
            import pyarrow as pa
            import pyarrow.parquet as pq

            ((_, content),) = landing.read([name])
            read[name] = pq.read_table(pa.BufferReader(content), schema=event_schema())
        return read[name]

    def middle_of(name: str) -> datetime:
        """The middle, because a clock that is wrong now and then moves first and last."""
        moments = sorted(moment for moment in table_of(name)["event_at"].to_pylist() if moment is not None)
        return moments[len(moments) // 2] if moments else start

    first = max(0, bisect_left(names, start, key=middle_of) - 1)
    last = bisect_left(names, end, lo=first, key=middle_of)
    return [table_of(name) for name in names[first : last + 1]]
