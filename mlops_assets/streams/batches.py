"""Batches of messages on their way through a pipeline: columnar, and whole when they are handed to another process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class MessageBatch:
    """Messages of one partition, in the order of the log.

    Attributes:
        messages: of `stores.events.base.event_schema()`.
        landed_at: when they were read from the log (UTC).
    """

    messages: pa.Table
    landed_at: datetime

    def __reduce__(self) -> tuple[Callable[..., MessageBatch], tuple[bytes, datetime]]:
        """Pickle as an Arrow stream: a slice pickled as such would take the whole table along."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.messages.schema) as stream:
            stream.write_table(self.messages)
        return _from_stream, (sink.getvalue().to_pybytes(), self.landed_at)


def _from_stream(content: bytes, landed_at: datetime) -> MessageBatch:
    import pyarrow as pa

    return MessageBatch(pa.ipc.open_stream(content).read_all(), landed_at)


def divide(batch: MessageBatch, keys: Sequence[Any]) -> Iterator[tuple[Any, MessageBatch]]:
    """Yield the messages of each key as a batch, in the order of the log.

    Args:
        batch: to divide.
        keys: of the messages, one for each.
    """
    rows: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    for key, chosen in rows.items():
        yield key, MessageBatch(batch.messages.take(chosen), batch.landed_at)


def in_log_order(batches: Iterable[MessageBatch]) -> Iterator[tuple[pa.Table, datetime]]:
    """Yield the messages that landed together, and when, the earliest first; each time by partition and offset."""
    import pyarrow as pa

    landed: dict[datetime, list[pa.Table]] = {}
    for batch in batches:
        landed.setdefault(batch.landed_at, []).append(batch.messages)
    for landed_at in sorted(landed):
        yield pa.concat_tables(landed[landed_at]).sort_by([("partition", "ascending"), ("offset", "ascending")]), landed_at
