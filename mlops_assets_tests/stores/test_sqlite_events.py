"""The event log in a SQLite file: its contract, killed writers, retention, and others who hold the file."""

from __future__ import annotations

import sqlite3
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.errors import PermanentError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.events import Event, OffsetRange, next_ranges, open_event_log, sqlite_file
from mlops_assets.stores.events.sqlite_file import SQLiteEventLog
from mlops_assets_tests.events import NOON, event, values
from mlops_assets_tests.processes import python_process, wait_for_line
from mlops_assets_tests.stores.disk_contract import DiskContract
from mlops_assets_tests.stores.events_contract import EventLogContract

HANG_BEFORE_COMMIT = """
import sys, time
from pathlib import Path
from mlops_assets.stores.events import sqlite_file
from mlops_assets_tests.events import event

append = sqlite_file._append

def hang(*arguments):
    append(*arguments)
    print("written", flush=True)
    time.sleep(60)

sqlite_file._append = hang
sqlite_file.SQLiteEventLog(Path(sys.argv[1])).append("songs", [event(number) for number in range(2, 20_000)])
"""
APPEND_WITHOUT_END = """
import sys
from pathlib import Path
from mlops_assets.stores.events.sqlite_file import SQLiteEventLog
from mlops_assets_tests.events import event

log = SQLiteEventLog(Path(sys.argv[1]))
while True:
    log.append("songs", [event(number) for number in range(100)])
    print("appended", flush=True)
"""


class TestSQLiteEventLog(EventLogContract):
    @pytest.fixture
    def events_url(self, tmp_path: Path) -> str:
        return f"sqlite:{tmp_path}/folder/events.db"


class TestSQLiteEventsOnDisks(DiskContract):
    def write(self, folder: Path, number: int) -> None:
        log = open_event_log(f"sqlite:{folder}/events.db")
        log.create_topic("songs", 1)
        log.append("songs", [Event(bytes([number]) * 1_000_000, NOON)])

    def read(self, folder: Path) -> list[bytes]:
        return everything(folder / "events.db")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file with two events in a topic of one partition."""
    path = tmp_path / "events.db"
    log = SQLiteEventLog(path)
    log.create_topic("songs", 1)
    log.append("songs", [event(0), event(1)])
    return path


@pytest.fixture
def log(path: Path) -> SQLiteEventLog:
    """Give a log with eight events in a topic of one partition."""
    log = SQLiteEventLog(path)
    log.append("songs", [event(number) for number in range(2, 8)])
    return log


def everything(path: Path) -> list[bytes]:
    log = SQLiteEventLog(path)
    return values(log.read("songs", log.watermarks("songs")[0]))


def query(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def test_killed_writer_leaves_nothing_of_its_append(path: Path) -> None:
    """A process that dies before it commits has appended nothing, and the next writer need not wait."""
    with python_process(HANG_BEFORE_COMMIT, path) as writer:
        wait_for_line(writer, "written")
        assert everything(path) == [b"event 0", b"event 1"]
        writer.kill()
        writer.wait()
    assert everything(path) == [b"event 0", b"event 1"]
    assert SQLiteEventLog(path, timeout_seconds=5).append("songs", [event(2)]) == {0: OffsetRange(0, 2, 3)}


def test_writer_killed_anywhere(path: Path) -> None:
    """Whole appends are there or not: all that were confirmed, at most one more, and no gap among the offsets."""
    for _ in range(3):
        before = len(everything(path))
        with python_process(APPEND_WITHOUT_END, path) as writer:
            assert writer.stdout is not None
            for _ in range(3):
                wait_for_line(writer, "appended")
            writer.kill()
            confirmed = 3 + len(writer.stdout.readlines())
        assert len(everything(path)) - before in (confirmed * 100, (confirmed + 1) * 100)


def test_writer_that_never_ends_is_transient(path: Path) -> None:
    """Writers wait for each other, but not forever; whoever only reads does not wait."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        log = SQLiteEventLog(path, timeout_seconds=0.1)
        with pytest.raises(StoreUnavailableError, match=r"event log .*events\.db was in use by another writer for 0\.1 s"):
            log.append("songs", [event(2)])
        assert values(log.read("songs", OffsetRange(0, 0, 2))) == [b"event 0", b"event 1"]


def test_topic_is_made_once(tmp_path: Path) -> None:
    """Several makers at once, of the file, too, make one topic, with the partitions of one of them."""
    path = tmp_path / "events.db"

    def make(partitions: int) -> bool:
        try:
            SQLiteEventLog(path).create_topic("songs", partitions)
        except PermanentError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, [2, 3] * 8))
    found = SQLiteEventLog(path).topics()["songs"]
    assert made == [partitions == found for partitions in [2, 3] * 8]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (Event(7, NOON, b"key"), PermanentError),  # type: ignore[arg-type]
        (Event(b"", NOON, headers={"\ud800": b""}), UnicodeEncodeError),
    ],
)
def test_what_could_not_be_read_back_is_not_appended(path: Path, wrong: Event, error: type[Exception]) -> None:
    """A value that is no bytes, or a name that is no text, fails its append and no read ever after."""
    with pytest.raises(error):
        SQLiteEventLog(path).append("songs", [event(2), wrong])
    assert everything(path) == [b"event 0", b"event 1"]


def test_retention_drops_exactly_what_is_before(log: SQLiteEventLog) -> None:
    """Events before an offset go, once and for all; the next offset stays the next, even if no event is left."""
    log.drop_before("songs", {0: 5})
    log.drop_before("songs", {0: 3})
    assert log.watermarks("songs") == {0: OffsetRange(0, 5, 8)}
    log.drop_before("songs", {0: 99})
    assert log.watermarks("songs") == {0: OffsetRange(0, 8, 8)}
    assert log.append("songs", [event(8)]) == {0: OffsetRange(0, 8, 9)}
    assert values(log.read("songs", OffsetRange(0, 8, 9))) == [b"event 8"]


def test_dropped_events_are_an_error(log: SQLiteEventLog) -> None:
    """Whoever comes too late is told which events are lost, and where to go on."""
    log.drop_before("songs", {0: 4})
    lost = r"the events of partition 0, offsets \[3, 4\) were dropped by retention .* go on at offset 4"
    with pytest.raises(PermanentError, match=lost):
        log.read("songs", OffsetRange(0, 3, 6))
    with pytest.raises(PermanentError, match=lost):
        next_ranges(log.watermarks("songs"), {0: 3}, most_events=10)
    assert values(log.read("songs", OffsetRange(0, 4, 6))) == [b"event 4", b"event 5"]


def test_unknown_partition_has_nothing_to_drop(log: SQLiteEventLog) -> None:
    """The error names the partition, and the others keep what they have."""
    with pytest.raises(StoreAccessError, match="with a partition 1"):
        log.drop_before("songs", {0: 5, 1: 5})
    assert log.watermarks("songs") == {0: OffsetRange(0, 0, 8)}


def test_events_dropped_while_they_are_read(log: SQLiteEventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader gets all that it asked for, as it was when it began."""
    monkeypatch.setattr(sqlite_file, "_ROWS_AT_ONCE", 3)
    batches = sqlite_file._batches

    def drop_first(*arguments: Any) -> Any:
        log.drop_before("songs", {0: 8})
        return batches(*arguments)

    monkeypatch.setattr(sqlite_file, "_batches", drop_first)
    assert values(log.read("songs", OffsetRange(0, 1, 8))) == [b"event %d" % number for number in range(1, 8)]
    assert log.watermarks("songs") == {0: OffsetRange(0, 8, 8)}


def test_rows_that_others_removed_are_missed(log: SQLiteEventLog, path: Path) -> None:
    """A gap is an error, not fewer events; ranges around it can be read."""
    query(path, 'DELETE FROM events WHERE "offset" = 3')
    with pytest.raises(PermanentError, match=r"songs: partition 0, offsets \[2, 6\) has only 3 of 4 events; .* from a backup"):
        log.read("songs", OffsetRange(0, 2, 6))
    assert values(log.read("songs", OffsetRange(0, 4, 6))) == [b"event 4", b"event 5"]


def test_reading_bounds_its_memory(log: SQLiteEventLog) -> None:
    """Beside the table itself, which is no memory of Python's, there are never all rows at once."""
    log.append("songs", [Event(bytes(1_000), NOON)] * 20_000)
    tracemalloc.start()
    try:
        assert log.read("songs", OffsetRange(0, 0, 20_000)).nbytes > 20_000_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_health_check_leaves_nothing(path: Path) -> None:
    """Neither the topic of the trial nor its event is left, nor was ever to be seen by others."""
    before = query(path, "SELECT * FROM partitions"), query(path, "SELECT * FROM events")
    assert SQLiteEventLog(path).check_health().version == f"SQLite {sqlite3.sqlite_version}"
    assert (query(path, "SELECT * FROM partitions"), query(path, "SELECT * FROM events")) == before


def test_commits_are_flushed_to_the_disk(path: Path) -> None:
    """SQLite waits for the disk at each commit, whatever it was built to do by default."""
    with SQLiteEventLog(path)._file.connection() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_file_of_another_kind_is_permanent(tmp_path: Path) -> None:
    """No patience helps against a file that is no database."""
    path = tmp_path / "events.db"
    path.write_text("not a database" * 1000)
    with pytest.raises(PermanentError, match=r"cannot use the event log .*events\.db: file is not a database"):
        SQLiteEventLog(path).topics()


def test_other_tools_read_the_file_by_its_key(path: Path) -> None:
    """The file is an ordinary SQLite database; what is at some offsets of a topic is found without reading all."""
    SQLiteEventLog(path).append("songs", [Event(b"three", NOON, b"key", {"source": b"app"})])
    statement = """
        SELECT "offset", datetime(event_at_ms / 1000, 'unixepoch'), key, CAST(value AS TEXT), json_extract(headers, '$.source')
        FROM events WHERE "offset" >= 2
            AND partition_id = (SELECT partition_id FROM partitions WHERE topic = 'songs' AND "partition" = 0)
    """
    assert query(path, statement) == [(2, "2024-01-01 12:00:00", b"key", "three", b"app".hex())]
    assert "SEARCH events USING PRIMARY KEY (partition_id=? AND offset>?)" in [
        row[3] for row in query(path, f"EXPLAIN QUERY PLAN {statement}")
    ]
