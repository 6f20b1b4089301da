"""The event log in one SQLite file: a row per event, found by its partition and offset.

An append takes the offsets that come next and writes the events to them in one transaction, so offsets have no gaps, and a writer
that is killed leaves nothing of its append.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError
from mlops_assets.stores.events.base import (
    DOCTOR_TOPIC,
    Event,
    OffsetRange,
    event_schema,
    missing_topic,
    partition_of,
    require_readable,
    require_same_partitions,
    require_topic_name,
)
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.sqlite import SQLiteFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

_PARTITIONS = """
CREATE TABLE IF NOT EXISTS partitions (
    partition_id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    "partition" INTEGER NOT NULL,
    start_offset INTEGER NOT NULL DEFAULT 0,
    end_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, "partition")
)
"""
# What Arrow could not read back as bytes must not get in.
_EVENTS = """
CREATE TABLE IF NOT EXISTS events (
    partition_id INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    event_at_ms INTEGER NOT NULL,
    key BLOB,
    value BLOB NOT NULL CHECK (typeof(value) = 'blob'),
    headers TEXT,
    PRIMARY KEY (partition_id, "offset")
) WITHOUT ROWID
"""
_INSERT = 'INSERT INTO events (partition_id, "offset", event_at_ms, key, value, headers) VALUES (?, ?, ?, ?, ?, ?)'
_SELECT = """
SELECT event_at_ms * 1000, key, value, headers FROM events
WHERE partition_id = ? AND "offset" >= ? AND "offset" < ? ORDER BY "offset"
"""
# Rows are Python objects only that many at a time; and so many values of the largest size that Kafka takes fit into an Arrow array.
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class _Partition:
    """A partition of a topic: its id in the file, and the offsets that can be read."""

    partition_id: int
    kept: OffsetRange


class SQLiteEventLog:
    """An event log in a SQLite file."""

    def __init__(self, path: Path, timeout_seconds: float = 60) -> None:
        """Use the file at `path`, made at the first use, and wait this long for others who are writing to it."""
        self._file = SQLiteFile(path, "event log", timeout_seconds)

    def create_topic(self, topic: str, partitions: int) -> None:
        """Make a topic; one that exists with as many partitions is left as it is."""
        require_topic_name(topic)
        with self._writing() as connection:
            if not _partitions(connection, topic):
                _make_topic(connection, topic, partitions)
            require_same_partitions(self.location(topic), len(_partitions(connection, topic)), partitions)

    def topics(self) -> dict[str, int]:
        """Return the number of partitions of every topic."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT topic, count(*) FROM partitions GROUP BY topic ORDER BY topic"))

    def append(self, topic: str, events: Sequence[Event]) -> dict[int, OffsetRange]:
        """Append events in one transaction: all of them, or none if it raises or its process is killed."""
        with self._writing() as connection:
            return _append(connection, self._partitions(connection, topic), events)

    def watermarks(self, topic: str) -> dict[int, OffsetRange]:
        """Return for every partition the offsets that can be read."""
        with self._reading() as connection:
            return {number: partition.kept for number, partition in enumerate(self._partitions(connection, topic))}

    def read(self, topic: str, offsets: OffsetRange) -> pa.Table:
        """Read exactly the events at some offsets."""
        with self._reading() as connection:
            return self._read(connection, topic, offsets)

    def drop_before(self, topic: str, next_offsets: Mapping[int, int]) -> None:
        """Drop the events before these offsets, by partition; new ones take their room. Kafka's brokers do so by themselves."""
        with self._writing() as connection:
            for number, offset in next_offsets.items():
                partition = self._partition(connection, topic, number)
                start = max(partition.kept.start, min(offset, partition.kept.end))
                place = [start, partition.partition_id]
                connection.execute("UPDATE partitions SET start_offset = ? WHERE partition_id = ?", place)
                connection.execute('DELETE FROM events WHERE "offset" < ? AND partition_id = ?', place)

    def location(self, topic: str) -> str:
        """Return the file and the topic."""
        return f"{self._file.path}/{topic}"

    def check_health(self) -> HealthCheck:
        """Make a topic, append an event, read it back and remove them, in one transaction, and tell the version."""
        topic = f"{DOCTOR_TOPIC}-{uuid.uuid4().hex}"
        with self._writing() as connection:
            _make_topic(connection, topic, partitions=1)
            (partition,) = _partitions(connection, topic)
            given = _append(connection, [partition], [Event(b"well", datetime.now(timezone.utc))])
            self._read(connection, topic, given[0])
            for table in ("events", "partitions"):
                connection.execute(f"DELETE FROM {table} WHERE partition_id = ?", [partition.partition_id])  # noqa: S608
            (version,) = connection.execute("SELECT sqlite_version()").fetchone()
        return HealthCheck(f"SQLite {version}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction in which the tables exist."""
        with self._file.writing() as connection:
            _make_tables(connection)
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees one state of the tables throughout."""
        with self._file.connection() as connection:
            _make_tables(connection)
            connection.execute("BEGIN")
            yield connection

    def _partitions(self, connection: sqlite3.Connection, topic: str) -> list[_Partition]:
        """Return the partitions of a topic, in the order of their numbers.

        Raises:
            StoreAccessError: there is no such topic.
        """
        partitions = _partitions(connection, topic)
        if not partitions:
            raise missing_topic(self.location(topic))
        return partitions

    def _partition(self, connection: sqlite3.Connection, topic: str, number: int) -> _Partition:
        """Return one partition of a topic.

        Raises:
            StoreAccessError: there is no such topic or partition.
        """
        partitions = self._partitions(connection, topic)
        if number >= len(partitions):
            raise missing_topic(f"{self.location(topic)} with a partition {number}")
        return partitions[number]

    def _read(self, connection: sqlite3.Connection, topic: str, offsets: OffsetRange) -> pa.Table:
        import pyarrow as pa

        partition = self._partition(connection, topic, offsets.partition)
        require_readable(self.location(topic), offsets, partition.kept)
        events = pa.Table.from_batches(_batches(connection, partition, offsets), schema=event_schema())
        # As many different offsets in the range as the range has: they are those that the batches were given.
        if events.num_rows != len(offsets):
            raise PermanentError(
                f"{self.location(topic)}: {offsets} has only {events.num_rows} of {len(offsets)} events; something other than this "
                "package removed rows from the file, restore it from a backup"
            )
        return events


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute(_PARTITIONS)
    connection.execute(_EVENTS)


def _make_topic(connection: sqlite3.Connection, topic: str, partitions: int) -> None:
    connection.executemany(
        'INSERT INTO partitions (topic, "partition") VALUES (?, ?)', ((topic, number) for number in range(partitions))
    )


def _partitions(connection: sqlite3.Connection, topic: str) -> list[_Partition]:
    """Return the partitions of a topic, in the order of their numbers; none if there is no such topic."""
    statement = 'SELECT partition_id, "partition", start_offset, end_offset FROM partitions WHERE topic = ? ORDER BY "partition"'
    return [_Partition(partition_id, OffsetRange(*kept)) for partition_id, *kept in connection.execute(statement, [topic])]


def _append(connection: sqlite3.Connection, partitions: Sequence[_Partition], events: Sequence[Event]) -> dict[int, OffsetRange]:
    """Write each event to its partition, and return by partition the offsets they got."""
    by_partition: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_partition[partition_of(event, len(partitions))].append(event)
    given = {}
    for number, chosen in sorted(by_partition.items()):
        partition_id, start = partitions[number].partition_id, partitions[number].kept.end
        given[number] = OffsetRange(number, start, start + len(chosen))
        connection.executemany(
            _INSERT,
            (
                (partition_id, offset, event.event_at_ms, event.key, event.value, _headers_text(event.headers))
                for offset, event in enumerate(chosen, start)
            ),
        )
        connection.execute("UPDATE partitions SET end_offset = ? WHERE partition_id = ?", [given[number].end, partition_id])
    return given


def _batches(connection: sqlite3.Connection, partition: _Partition, offsets: OffsetRange) -> Iterator[pa.RecordBatch]:
    """Yield the events of a partition at some offsets, in their order."""
    cursor = connection.execute(_SELECT, [partition.partition_id, offsets.start, offsets.end])
    start = offsets.start
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield _as_batch(OffsetRange(offsets.partition, start, start + len(rows)), rows)
        start += len(rows)


def _as_batch(offsets: OffsetRange, rows: Sequence[tuple[int, bytes | None, bytes, str | None]]) -> pa.RecordBatch:
    import numpy as np
    import pyarrow as pa

    times, keys, values, headers = zip(*rows, strict=True)
    schema = event_schema()
    columns = {
        "partition": np.full(len(rows), offsets.partition),
        "offset": np.arange(offsets.start, offsets.end),
        "event_at": times,
        "key": keys,
        "value": values,
        "headers": [_headers_of(text) if text else [] for text in headers],
    }
    return pa.record_batch([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _headers_text(headers: Mapping[str, bytes]) -> str | None:
    """Return headers as JSON, their bytes in hexadecimal digits; None without headers."""
    # A name that UTF-8 cannot encode would be hidden by escapes; as it is, SQLite refuses it.
    return json.dumps({name: value.hex() for name, value in headers.items()}, ensure_ascii=False) if headers else None


def _headers_of(text: str) -> list[tuple[str, bytes]]:
    return [(name, bytes.fromhex(digits)) for name, digits in json.loads(text).items()]
