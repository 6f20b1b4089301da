"""A topic lands batch by batch, is found again by day, and what was lost is accepted on record."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.errors import PermanentError
from mlops_assets.stores.events import Event, OffsetRange, lag, open_event_log
from mlops_assets.stores.events.sqlite_file import SQLiteEventLog
from mlops_assets.stores.landing import open_landing
from mlops_assets.stores.landing.compaction import compact_closed
from mlops_assets.stores.landing.streams import Landed, StreamLanding
from mlops_assets_tests.kills import FSYNC, bytes_of, kill_stage

TOPIC = "plays"
NOW = datetime(2024, 1, 3, tzinfo=timezone.utc)
FIRST_DAY = date(2024, 1, 1)


def days_of(messages: pa.Table, _landed_at: datetime) -> set[date]:
    """Return the days of messages that say a day's number and a number of their own."""
    return {FIRST_DAY + timedelta(days=int(value.split()[0])) for value in messages["value"].to_pylist()}


def stream_in(folder: Path) -> StreamLanding:
    return StreamLanding(open_landing(f"file:{folder}/lake", ("songs", "batches")), TOPIC, days_of)


def log_in(folder: Path) -> SQLiteEventLog:
    """Return the log in a folder, with the topic in it: two partitions."""
    log = open_event_log(f"sqlite:{folder}/events.db")
    assert isinstance(log, SQLiteEventLog)
    log.create_topic(TOPIC, 2)
    return log


def send(log: SQLiteEventLog, numbers: range, day: int = 0) -> None:
    log.append(TOPIC, [Event(b"%d %d" % (day, number), NOW, b"%d" % number) for number in numbers])


def land(stream: StreamLanding, log: SQLiteEventLog, *, most: int = 1_000, batch: int = 5, now: datetime = NOW) -> Landed:
    return stream.land(log, now, most_events=most, batch_events=batch, has_time=lambda: True)


def of_day(stream: StreamLanding, day: int) -> Counter[bytes]:
    """Count what the messages of a day say, in all batches that may hold some."""
    found = (value for batch, _ in stream.batches_of(FIRST_DAY + timedelta(days=day)) for value in batch["value"].to_pylist())
    return Counter(value for value in found if value.startswith(b"%d " % day))


def test_message_is_found_by_its_day_however_late_it_lands(tmp_path: Path) -> None:
    """Each batch is read for the days of its messages alone, and knows when it landed."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(20))
    land(stream, log)
    send(log, range(20, 25), day=1)
    send(log, range(25, 27), day=0)
    landed = land(stream, log, now=NOW + timedelta(hours=1))
    assert landed.days == {FIRST_DAY, FIRST_DAY + timedelta(days=1)}
    assert landed.message_count == 7
    assert of_day(stream, 0) == Counter(b"0 %d" % number for number in [*range(20), 25, 26])
    assert of_day(stream, 1) == Counter(b"1 %d" % number for number in range(20, 25))
    assert {at for _, at in stream.batches_of(FIRST_DAY + timedelta(days=1))} == {NOW + timedelta(hours=1)}
    assert not list(stream.batches_of(FIRST_DAY + timedelta(days=2)))


def test_backlog_is_caught_up_in_bounded_runs(tmp_path: Path) -> None:
    """A run lands about as many as it may of all partitions alike; the next one goes on, until nothing is left."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(100))
    counts = []
    while (landed := land(stream, log, most=30)).message_count:
        assert landed.next_offsets == stream.next_offsets()
        counts.append(landed.message_count)
        assert {offsets.partition for offsets in landed.ranges} <= {0, 1}
    assert sum(counts) == 100
    assert max(counts) <= 40
    assert sum(lag(log.watermarks(TOPIC), stream.next_offsets()).values()) == 0
    assert landed.next_offsets == landed.began_at == stream.next_offsets()
    assert of_day(stream, 0) == Counter(b"0 %d" % number for number in range(100))


def test_run_out_of_time_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    """Without time nothing lands, and nothing is lost."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(10))
    assert stream.land(log, NOW, most_events=10, batch_events=5, has_time=lambda: False).message_count == 0
    assert land(stream, log).message_count == 10


def test_days_are_read_as_before_once_they_are_compacted(tmp_path: Path) -> None:
    """Marks of days that are over become one object; a late message adds another."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(40))
    land(stream, log)
    landing = open_landing(f"file:{tmp_path}/lake", ("songs", "batches"))
    assert any(folder.folder == "days/utc_date=2024-01-01/" for folder in compact_closed(landing, NOW))
    send(log, range(40, 42))
    land(stream, log)
    assert of_day(stream, 0) == Counter(b"0 %d" % number for number in range(42))


def test_lost_range_is_named_and_accepted_on_record(tmp_path: Path) -> None:
    """Retention took messages of one partition before they landed: the other lands, and a person lets the first go on."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(20))
    land(stream, log)
    send(log, range(20, 40))
    ends = {partition: kept.end for partition, kept in log.watermarks(TOPIC).items()}
    start = stream.next_offsets()[0]
    log.drop_before(TOPIC, {0: start + 2})
    landed = land(stream, log)
    assert list(landed.errors) == [0]
    assert f"partition 0, offsets [{start}, {start + 2}) were dropped by retention" in str(landed.errors[0])
    assert stream.next_offsets()[1] == ends[1]
    with pytest.raises(PermanentError, match=f"begins at offset {start}"):
        stream.accept_loss(log, OffsetRange(0, start + 1, start + 2), "a typing error", NOW)
    with pytest.raises(PermanentError, match=f"messages from offset {start + 2} on"):
        stream.accept_loss(log, OffsetRange(0, start, start + 3), "too much", NOW)
    stream.accept_loss(log, OffsetRange(0, start, start + 2), "retention was a day", NOW)
    assert not land(stream, log).errors
    assert stream.next_offsets() == ends
    assert sum(of_day(stream, 0).values()) == 38


@pytest.mark.parametrize("is_longer", [False, True])
def test_topic_made_anew_is_an_error_until_it_is_accepted(tmp_path: Path, *, is_longer: bool) -> None:
    """Also if it has grown beyond where the old one ended; what landed of the old one stays, and counts."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(10))
    land(stream, log)
    (tmp_path / "events.db").unlink()
    log = log_in(tmp_path)
    send(log, range(100, 140 if is_longer else 103), day=1)
    landed = land(stream, log)
    assert landed.message_count == 0
    assert landed.errors
    assert all("made anew" in str(error) for error in landed.errors.values())
    assert stream.accept_new_topic(log, "the broker was set up again", NOW) == "plays~2"
    with pytest.raises(PermanentError, match="nothing says that it was made anew"):
        stream.accept_new_topic(log, "twice", NOW)
    assert land(stream, log).message_count == (40 if is_longer else 3)
    assert sum(of_day(stream, 0).values()) == 10
    assert sum(of_day(stream, 1).values()) == (40 if is_longer else 3)


def test_days_of_a_run_that_could_not_tell_are_found(tmp_path: Path) -> None:
    """By the offsets that the run before it told: what landed behind them, and nothing else."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(20))
    land(stream, log)
    told = stream.next_offsets()
    send(log, range(20, 30), day=1)
    land(stream, log)
    assert stream.days_behind(told) == {FIRST_DAY + timedelta(days=1)}
    assert stream.days_behind({}) == {FIRST_DAY, FIRST_DAY + timedelta(days=1)}
    assert stream.days_behind(stream.next_offsets()) == set()


def test_partition_that_is_gone_is_an_error_and_a_new_one_lands(tmp_path: Path) -> None:
    """A topic with another number of partitions than yesterday."""
    log, stream = log_in(tmp_path), stream_in(tmp_path)
    send(log, range(20))
    land(stream, log)
    (tmp_path / "events.db").unlink()
    smaller = SQLiteEventLog(tmp_path / "events.db")
    smaller.create_topic(TOPIC, 1)
    assert "partition 1 is gone" in str(land(stream, smaller).errors[1])


def run_stage(stage: str, folder: Path) -> None:
    """Land what the log in `folder` has."""
    assert stage == "land"
    land(stream_in(folder), log_in(folder))


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_killed_landing_is_finished_by_the_next(tmp_path: Path, call: int) -> None:
    """Wherever it died, batch or mark of a day: the next one leaves the very bytes of one that was never disturbed."""
    for name in ("quiet", "killed"):
        send(log_in(tmp_path / name), range(12))
        send(log_in(tmp_path / name), range(12, 24), day=1)
    kill_stage(__name__, "land", tmp_path / "killed", FSYNC, call)
    for name in ("quiet", "killed"):
        run_stage("land", tmp_path / name)
    assert bytes_of(tmp_path / "killed" / "lake") == bytes_of(tmp_path / "quiet" / "lake")
    stream = stream_in(tmp_path / "killed")
    assert sum((of_day(stream, 0) + of_day(stream, 1)).values()) == 24
