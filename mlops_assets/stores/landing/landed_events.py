"""Events of a log, landed and read back. Who lands events keeps their offsets in the names; nothing is committed to the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops_assets.stores.events import next_ranges
from mlops_assets.stores.events.base import OffsetRange, event_schema
from mlops_assets.stores.landing.offset_names import in_blocks, landed_offsets, names_of_offsets, next_offsets, offset_name

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.stores.events import EventLog
    from mlops_assets.stores.landing.objects import Landing


def land_events(log: EventLog, landing: Landing, topic: str, max_events: int = 100_000) -> list[OffsetRange]:
    """Land what the log has of a topic by now and the landing has not, as Parquet objects of `event_schema()`.

    Objects land one after another and in the order of the offsets, so that a run which is killed leaves a prefix, and the next one
    goes on behind it. Two runs at a time may land overlapping ranges, which `next_offsets` refuses: let a topic be landed by one.

    Args:
        log: where the events come from.
        landing: where they go.
        topic: of the log.
        max_events: most offsets of one object; a bound on memory.

    Returns:
        The ranges that landed, in the order in which they did.

    Raises:
        PermanentError: what has landed has gaps or overlaps, or the log has dropped events before they landed.
    """
    # Looked up before the watermarks, so that it is never ahead of them.
    landed = next_offsets(landing, topic)
    ranges = [piece for offsets in next_ranges(log.watermarks(topic), landed, max_events) for piece in in_blocks(offsets)]
    for offsets in ranges:
        landing.land([(offset_name(topic, offsets), as_parquet(log.read(topic, offsets)))])
    return ranges


def read_events(landing: Landing, topic: str, offsets: OffsetRange) -> pa.Table:
    """Return the landed events at some offsets of a partition, as `EventLog.read` would: `event_schema()`, in order.

    Raises:
        PermanentError: some of the offsets have not landed, or have landed twice.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tables = [event_schema().empty_table()]
    for name, content in landing.read(names_of_offsets(landing, topic, offsets)):
        table = pq.read_table(pa.BufferReader(content), schema=event_schema())
        landed = landed_offsets(name)
        if landed is None or landed.start < offsets.start or landed.end > offsets.end:
            table = table.filter((pc.field("offset") >= offsets.start) & (pc.field("offset") < offsets.end))
        tables.append(table)
    return pa.concat_tables(tables)


def as_parquet(events: pa.Table, metadata: Mapping[bytes, bytes] | None = None) -> bytes:
    """Return events as a Parquet file, with what its footer shall say besides; equal events give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    # One chunk, because where the log's answers ended must not show in the bytes.
    table = events.combine_chunks().replace_schema_metadata(dict(metadata) if metadata else None)
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
