"""Landed events by when they happened. What each object's own footer says of its times is enough to leave the others unread."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.stores.events.base import event_schema
from mlops_assets.stores.landing.offset_names import landed_offsets, next_offsets

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.stores.landing.objects import Landing

_TIME = "event_at"
Span = tuple[datetime, datetime]


class EventsByTime:
    """The events of a topic that had landed at some moment.

    Nothing is taken for granted about their order: clocks of producers go wrong, and events are appended late.
    """

    def __init__(self, landing: Landing, topic: str) -> None:
        """Look into the footer of every landed object of `topic`.

        Raises:
            PermanentError: offsets between landed ones are missing, or have landed twice in objects of different length.
        """
        next_offsets(landing, topic)
        names = [name for name in landing.names(f"topic={topic}/") if landed_offsets(name) is not None]
        self._landing = landing
        self._spans: Mapping[str, Span | None] = dict(landing.look_into(names, _span))

    def between(self, start: datetime, end: datetime) -> pa.Table:
        """Return the events that happened in a half-open window, of all partitions: `event_schema()`, in the order of the log.

        Events without a time happened at no time.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        names = [name for name, span in self._spans.items() if span is not None and span[0] < end and span[1] >= start]
        moments = [pa.scalar(moment, pa.timestamp("us", tz="UTC")) for moment in (start, end)]
        in_window = (pc.field(_TIME) >= moments[0]) & (pc.field(_TIME) < moments[1])
        tables = [event_schema().empty_table()]
        for _, content in self._landing.read(names):
            tables.append(pq.read_table(pa.BufferReader(content), schema=event_schema()).filter(in_window))
        return pa.concat_tables(tables)


def _span(file: pa.NativeFile) -> Span | None:
    """Return the first and the last time of an object's events; None if none of them has a time."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(file)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    known = [column.statistics for column in columns if column.path_in_schema == _TIME and column.statistics.has_min_max]
    return (min(each.min for each in known), max(each.max for each in known)) if known else None
