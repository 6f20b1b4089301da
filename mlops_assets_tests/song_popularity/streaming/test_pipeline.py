"""The Beam pipeline writes the rows that the micro-batches write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.errors import PermanentError
from mlops_assets.settings import Settings
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import EVENT_DOCUMENTS, REJECTED_EVENTS, SPOTIFY_EVENTS
from mlops_assets.song_popularity.events.parsing import ParsedEvents, parse_batches
from mlops_assets.song_popularity.events.tables import as_spotify_events
from mlops_assets.song_popularity.streaming import PIPELINE
from mlops_assets.stores.events import Event, EventLog, open_event_log
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.registry import Stores
from mlops_assets.streams.beam.log_reading import ReadLog, partitions_to_read
from mlops_assets.streams.beam.recorded_reading import ReadFolder
from mlops_assets.streams.beam.running import run_pipeline
from mlops_assets_tests.song_popularity.messages import NOON, message

TOPIC = "spotify-events"
LANDED_AT = NOON + timedelta(minutes=5)
TWO_PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
POISON = [b"hello", b"", b"\xff\xfe\n", message(popularity=101), message(timestamp=NOON.timestamp() + 90_000), b"[1]", b"\x00\n{}"]


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Settings(data_dir=tmp_path, _env_file=None).build_stores()


@pytest.fixture
def log(stores: Stores) -> EventLog:
    """A topic with events, duplicates near and far and in another partition, events of the day before, and poison."""
    log = stores.events(DOMAIN)
    log.create_topic(TOPIC, 3)
    events = [Event(message(n), NOON + timedelta(seconds=n), b"track%d" % (n % 7)) for n in range(200)]
    late = [Event(message(n - 86_400), NOON - timedelta(seconds=86_400 - n), b"late") for n in range(20)]
    poison = [Event(value, NOON, b"poison%d" % n) for n, value in enumerate(POISON)]
    elsewhere = [Event(message(n), NOON, b"other%d" % n) for n in range(5, 15)]
    for part in (events[:120], late, poison, events[40:60], events[120:], elsewhere, events[:10]):
        log.append(TOPIC, part)
    return log


def _run(stores: Stores, source: Any, flags: Sequence[str] = ()) -> dict[str, int]:
    steps = PIPELINE.steps(partial(Stores, **vars(stores)), TOPIC, 5)
    return run_pipeline(lambda root: root | source | steps, "DirectRunner", flags, follows=False)


def _whole_log(stores: Stores, log: EventLog) -> ReadLog:
    open_log = partial(open_event_log, stores.url("events", DOMAIN))
    return ReadLog(open_log, TOPIC, partitions_to_read(log, TOPIC), LANDED_AT)


def _by_micro_batches(log: EventLog) -> ParsedEvents:
    """Return what the assets make of the log, landed in batches of 50."""
    batches = [piece for kept in log.watermarks(TOPIC).values() for piece in kept.cut(50)]
    return parse_batches([(log.read(TOPIC, piece), LANDED_AT) for piece in batches], TOPIC)


def _rejects(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(REJECTED_EVENTS.key), ignore_index=True)


def _require_rows_of(parsed: ParsedEvents, stores: Stores) -> None:
    warehouse = stores.warehouse(DOMAIN)
    days = parsed.events.groupby(parsed.events["event_at"].dt.date)
    tables = [as_spotify_events(rows, day) for day, rows in days]
    expected = pd.concat(tables).sort_values(list(SPOTIFY_EVENTS.key), ignore_index=True)
    pd.testing.assert_frame_equal(to_pandas(to_arrow(expected, SPOTIFY_EVENTS)), warehouse.read(SPOTIFY_EVENTS))
    pd.testing.assert_frame_equal(_rejects(parsed.rejects), _rejects(warehouse.read(REJECTED_EVENTS)))
    documents = {document["event_id"]: document for document in stores.documents(DOMAIN).read(EVENT_DOCUMENTS)}
    places = zip(parsed.events["event_id"], parsed.events["log_partition"], parsed.events["log_offset"], strict=True)
    assert {name: (d["log_partition"], d["log_offset"]) for name, d in documents.items()} == {
        name: (partition, offset) for name, partition, offset in places
    }


def _raw_files(stores: Stores) -> dict[str, bytes]:
    storage = open_object_storage(stores.url("lake", DOMAIN))
    names = list(storage.names(f"{DOMAIN}/datalake/raw/events/"))
    return {name: storage.open(name).read() for name in names}


@pytest.mark.parametrize("flags", [(), TWO_PROCESSES], ids=["one process", "two processes"])
def test_rows_are_those_of_the_micro_batches(stores: Stores, log: EventLog, flags: Sequence[str]) -> None:
    """Events, dead letters with their reasons, and documents; each message became one of them."""
    counts = _run(stores, _whole_log(stores, log), flags)
    parsed = _by_micro_batches(log)
    assert parsed.rejects["reason_code"].value_counts()["duplicate"] == 40
    _require_rows_of(parsed, stores)
    assert counts["messages"] == counts["spotify_events"] + counts["rejected_events"] == 267
    assert counts["events_without_champion"] == counts["spotify_events"]


def test_run_that_died_is_made_good_by_the_next(stores: Stores, log: EventLog, tmp_path: Path) -> None:
    """Whatever it wrote, the rows, documents and bytes of raw files are in the end those of one quiet run."""
    open_log = partial(open_event_log, stores.url("events", DOMAIN))
    half = [replace(partition, end=partition.end // 2) for partition in partitions_to_read(log, TOPIC)]
    dying = replace(stores, urls={**stores.urls, "documents": f"sqlite:{tmp_path}"})
    with pytest.raises(PermanentError, match=r"while running .*Documents"):
        _run(dying, ReadLog(open_log, TOPIC, half, LANDED_AT))
    assert _raw_files(stores) or not stores.warehouse(DOMAIN).read(REJECTED_EVENTS).empty
    _run(stores, _whole_log(stores, log))
    files = _raw_files(stores)
    _require_rows_of(_by_micro_batches(log), stores)
    _run(stores, _whole_log(stores, log))
    assert _raw_files(stores) == files
    _require_rows_of(_by_micro_batches(log), stores)


def test_raw_files_hold_every_message_of_their_minute(stores: Stores, log: EventLog) -> None:
    """In five shards of a minute, also what is no text; and reading them again gives the same rows."""
    _run(stores, _whole_log(stores, log))
    files = _raw_files(stores)
    root = f"{DOMAIN}/datalake/raw/events/2026-03-10/12-00-"
    assert [name for name in files if name.startswith(root)] == [f"{root}0000{n}-of-00005.jsonl" for n in range(5)]
    assert sum(content.count(b"\n") for content in files.values()) == 267
    again = replace(stores, urls={**stores.urls, "warehouse": f"{stores.urls['warehouse']}.again"})
    _run(again, ReadFolder(f"{stores.url('lake', DOMAIN)}/{DOMAIN}/datalake/raw/events", LANDED_AT))
    _require_rows_of(_by_micro_batches(log), again)


def test_a_folder_of_messages_as_they_are_sent_is_read(stores: Stores, tmp_path: Path) -> None:
    """A line is a message; what is no JSON is a dead letter with the number of its line."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    (recorded / "a.jsonl").write_bytes(b"\n".join([message(1), b"hello", message(2), message(1)]))
    counts = _run(stores, ReadFolder(recorded.as_uri(), LANDED_AT))
    rejects = stores.warehouse(DOMAIN).read(REJECTED_EVENTS)
    assert counts["spotify_events"] == 2
    assert dict(zip(rejects["log_offset"], rejects["reason_code"], strict=True)) == {1: "not_json", 3: "duplicate"}
