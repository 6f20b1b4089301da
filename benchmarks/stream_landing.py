"""Landing a topic, and the least that anybody would have to do: read, parse JSON, write Parquet; each in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Laps

TOPIC, PARTITIONS = "spotify-events", 4
_SEED, _RATE = 20250601, 200.0
_BATCH_EVENTS = 25_000
_SENT_AT_ONCE = 20_000


def send_backlog(url: str, first: int, end: int, start: datetime, last_url: str | None = None) -> None:
    """Append simulated events to a topic.

    Args:
        url: of the log.
        first: number of the first event.
        end: number behind the last one.
        start: when event 0 was sent.
        last_url: of the same log, for the last events: they make the others visible where a broker tells batches apart.
    """
    from itertools import islice

    from mlops_assets.song_popularity.sources.sample import SampleEvents
    from mlops_assets.stores.events import open_event_log

    events = islice(SampleEvents(_SEED, start, _RATE).events(first), end - first)
    log = open_event_log(url)
    log.create_topic(TOPIC, PARTITIONS)
    held: list[Any] = []
    while batch := list(islice(events, _SENT_AT_ONCE)):
        log.append(TOPIC, [*held, *batch[:-500]])
        held = batch[-500:]
    open_event_log(last_url or url).append(TOPIC, held)


def land(laps: Laps, url: str, folder: Path, landed_at: datetime) -> int:
    """Land the whole topic as the asset does, and return how many messages that were."""
    from mlops_assets.song_popularity.events.parsing import days_of
    from mlops_assets.stores.events import open_event_log
    from mlops_assets.stores.landing import open_landing
    from mlops_assets.stores.landing.streams import StreamLanding

    _import_all()
    landing = StreamLanding(open_landing(f"file:{folder}", ("song_popularity", "event_batches")), TOPIC, days_of)
    log = open_event_log(url)
    laps.lap("prepare")
    landed = landing.land(log, landed_at, most_events=10**9, batch_events=_BATCH_EVENTS, has_time=lambda: True)
    laps.lap("work")
    if landed.errors:
        raise next(iter(landed.errors.values()))
    return landed.message_count


def read_bare(laps: Laps, url: str, folder: Path) -> int:
    """Read the whole topic in one loop by the log's own client, parse each message, write as many to a file as landing does."""
    _import_all()
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    rows = _rows_of_kafka(url) if url.startswith("kafka://") else _rows_of_sqlite(url)
    laps.lap("prepare")
    count, held = 0, list[tuple[Any, ...]]()

    def write() -> None:
        names = ("partition", "offset", "event_at", "key", "value")
        table = pa.table(dict(zip(names, zip(*held, strict=True), strict=True)))
        pq.write_table(table, folder / f"{count:09d}.parquet", compression="zstd")
        held.clear()

    for row in rows:
        with suppress(ValueError, RecursionError):
            json.loads(row[4])
        held.append(row)
        count += 1
        if len(held) == _BATCH_EVENTS:
            write()
    if held:
        write()
    laps.lap("work")
    return count


def _rows_of_kafka(url: str) -> Iterator[tuple[Any, ...]]:
    from confluent_kafka import Consumer, TopicPartition

    hosts = url.removeprefix("kafka://").partition("?")[0]
    consumer = Consumer({"bootstrap.servers": hosts, "group.id": "bare", "enable.auto.commit": False, "log_level": 0})
    ends = {p: consumer.get_watermark_offsets(TopicPartition(TOPIC, p), timeout=30)[1] for p in range(PARTITIONS)}
    consumer.assign([TopicPartition(TOPIC, p, 0) for p in ends])
    left = {p for p, end in ends.items() if end}
    while left:
        for message in consumer.consume(10_000, timeout=0.2):
            if message.error() is None and message.partition() in left:
                partition, offset = message.partition(), message.offset()
                yield partition, offset, message.timestamp()[1], message.key(), message.value()
                if offset + 1 >= ends[partition]:
                    left.discard(partition)
    consumer.close()


def _rows_of_sqlite(url: str) -> Iterator[tuple[Any, ...]]:
    import sqlite3

    connection = sqlite3.connect(url.removeprefix("sqlite:"))
    yield from connection.execute(
        'SELECT partition_id, "offset", event_at_ms, key, value FROM events ORDER BY partition_id, "offset"'
    )
    connection.close()


def _import_all() -> None:
    """Import what all need, so that neither pays for it alone."""
    import confluent_kafka  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import mlops_assets.song_popularity.events.parsing  # noqa: F401
