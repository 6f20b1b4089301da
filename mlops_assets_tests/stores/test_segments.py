"""The event log in segment files: its contract, killed writers, damaged files, retention."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.errors import PermanentError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.events import Event, EventLog, OffsetRange, next_ranges
from mlops_assets.stores.events import segment_files as format_of_files
from mlops_assets.stores.events.segment_partition import SegmentPartition
from mlops_assets.stores.events.segments import SegmentEventLog
from mlops_assets_tests.events import NOON, event, values
from mlops_assets_tests.processes import python_process, wait_for_line
from mlops_assets_tests.stores.disk_contract import DiskContract
from mlops_assets_tests.stores.events_contract import EventLogContract

APPEND_AND_HANG = """
import sys, time
from pathlib import Path
from mlops_assets.stores.events import segment_partition
from mlops_assets.stores.events.segments import SegmentEventLog
from mlops_assets_tests.events import event

def hang(descriptor):
    print("written", flush=True)
    time.sleep(60)

def encode_a_part(events, offset):
    segment_partition.os.fsync = hang
    data = encode(events, offset)
    return data[:int(float(sys.argv[2]) * len(data))]

encode = segment_partition.encode
segment_partition.encode = encode_a_part
SegmentEventLog(Path(sys.argv[1])).append("songs", [event(2)])
"""
APPEND_TO_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.events.segments import SegmentEventLog
from mlops_assets_tests.events import event

log = SegmentEventLog(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    log.append("songs", [event(2)])
except StoreAccessError as error:
    print(error)
"""
READ_AS_SOMEBODY = """
import os, sys
from pathlib import Path
from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.events.segments import SegmentEventLog

log = SegmentEventLog(Path(sys.argv[1]))
Path(sys.argv[1], "songs").chmod(0o000)
if os.getuid() == 0:
    os.setuid(65534)
try:
    log.watermarks("songs")
except StoreAccessError as error:
    print(error, flush=True)
"""
FIRST_FILE = f"songs/0/{0:020}.segment"
ALL = OffsetRange(0, 0, 2)
_QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestSegmentEventLog(EventLogContract):
    @pytest.fixture
    def events_url(self, tmp_path: Path) -> str:
        return f"file:{tmp_path}/folder/events"


class TestSegmentsOfSingleEvents(EventLogContract):
    """A file for every append and a batch for every event: the borders of both are where errors would hide."""

    large_count = 1_000

    @pytest.fixture
    def events_url(self, tmp_path: Path) -> str:
        return f"file:{tmp_path}/events"

    @pytest.fixture
    def log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventLog:
        monkeypatch.setattr(format_of_files, "_BATCH_BYTES", 1)
        return SegmentEventLog(tmp_path / "events", segment_bytes=1)


class TestSegmentsOnDisks(DiskContract):
    def write(self, folder: Path, number: int) -> None:
        log = SegmentEventLog(folder / "events")
        log.create_topic("songs", 1)
        log.append("songs", [Event(bytes([number]) * 1_000_000, NOON)])

    def read(self, folder: Path) -> list[bytes]:
        return everything(SegmentEventLog(folder / "events"))


def test_folder_that_may_not_be_read_is_not_without_topics(folder: Path) -> None:
    """A missing permission is named as such; nobody is told to create a topic that is there."""
    with python_process(READ_AS_SOMEBODY, folder) as reader:
        wait_for_line(reader, f"cannot use the event log in {folder}: Permission denied; let this user read and write there")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a log with two events, in two batches of one file."""
    log = SegmentEventLog(tmp_path / "events")
    log.create_topic("songs", 1)
    log.append("songs", [event(0)])
    log.append("songs", [event(1)])
    return tmp_path / "events"


@pytest.fixture
def four_files(tmp_path: Path) -> SegmentEventLog:
    """Give a log with two events in each of four files."""
    log = SegmentEventLog(tmp_path / "events", segment_bytes=1)
    log.create_topic("songs", 1)
    for first in (0, 2, 4, 6):
        log.append("songs", [event(first), event(first + 1)])
    return log


@pytest.fixture
def unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk in tests that look at files of very many kinds."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "songs/0").glob("*.segment"))


def everything(log: EventLog) -> list[bytes]:
    return values(log.read("songs", log.watermarks("songs")[0]))


def test_nothing_is_made_before_the_first_topic(tmp_path: Path) -> None:
    """Asking a log for its topics does not even make its folder."""
    assert SegmentEventLog(tmp_path / "events").topics() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("unflushed")
def test_reader_ignores_a_torn_tail_of_any_length(folder: Path) -> None:
    """A file cut at any byte holds the batches that are whole, and no error."""
    whole = (folder / FIRST_FILE).read_bytes()
    end_of_first = len(whole) // 2
    for size in range(len(whole)):
        (folder / FIRST_FILE).write_bytes(whole[:size])
        assert everything(SegmentEventLog(folder)) == ([b"event 0"] if size >= end_of_first else [])


@_QUICK
@given(size=st.integers(0, 2_000), segment_bytes=st.sampled_from([1, 1 << 20]))
def test_writer_cuts_a_torn_tail_of_any_length(folder: Path, size: int, segment_bytes: int) -> None:
    """Whatever a killed writer left, the next append goes on behind what is whole, in the same file or in a new one."""
    copy = folder.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    path = copy / FIRST_FILE
    path.write_bytes(path.read_bytes()[:size])
    log = SegmentEventLog(copy, segment_bytes=segment_bytes)
    kept = everything(log)
    log.append("songs", [event(7)])
    assert everything(log) == everything(SegmentEventLog(copy)) == [*kept, b"event 7"]


@pytest.mark.usefixtures("unflushed")
def test_no_damaged_byte_goes_unnoticed(folder: Path) -> None:
    """A bit that flips anywhere, in a header or in events, is an error that names the file and where to look in it."""
    whole = (folder / FIRST_FILE).read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        (folder / FIRST_FILE).write_bytes(damaged)
        batch = position // (len(whole) // 2)
        complaint = rf"{FIRST_FILE} is damaged at byte {batch * len(whole) // 2}, where the event at offset {batch} begins"
        with pytest.raises(PermanentError, match=complaint):
            SegmentEventLog(folder).read("songs", ALL)


@pytest.mark.parametrize(("share", "survivors"), [(0.01, []), (0.999, []), (1.0, [b"event 2"])])
def test_killed_writer(folder: Path, share: float, survivors: list[bytes]) -> None:
    """SIGKILL in the middle of an append: a part of a batch is nothing; a whole one is an event, though nobody was told so."""
    with python_process(APPEND_AND_HANG, folder, share) as writer:
        wait_for_line(writer, "written")
        assert everything(SegmentEventLog(folder)) == [b"event 0", b"event 1", *survivors]
        writer.kill()
        writer.wait()
    log = SegmentEventLog(folder, patience_seconds=2)
    assert everything(log) == [b"event 0", b"event 1", *survivors]
    log.append("songs", [event(3)])
    assert everything(log) == [b"event 0", b"event 1", *survivors, b"event 3"]


def test_reader_flushes_what_its_writer_did_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read once must be there after a power cut too, even if the writer was killed before it flushed."""
    flushed = []
    flush = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").resolve())
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    log = SegmentEventLog(folder)
    assert log.watermarks("songs") == {0: ALL}
    assert flushed == [folder / FIRST_FILE]
    log.watermarks("songs")
    assert len(flushed) == 1


def test_append_counts_once_it_is_flushed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk does not confirm, the append does not either."""
    log = SegmentEventLog(folder)
    log.watermarks("songs")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreAccessError, match=r"cannot use the event log in .*songs/0: Input/output error"):
        log.append("songs", [event(2)])


@pytest.mark.parametrize("room", [1, 400])
def test_full_disk(folder: Path, room: int) -> None:
    """An append that does not fit is an error for a person; what it wrote of its batch is nothing."""
    with python_process(APPEND_TO_A_FULL_DISK, folder, (folder / FIRST_FILE).stat().st_size + room) as writer:
        complaint, traceback = writer.communicate(timeout=60)
    assert "cannot use the event log" in complaint, traceback
    assert "File too large" in complaint
    log = SegmentEventLog(folder)
    log.append("songs", [event(3)])
    assert everything(log) == [b"event 0", b"event 1", b"event 3"]


def test_writer_that_never_ends_is_transient(folder: Path) -> None:
    """Writers of a partition wait for each other, but not forever."""
    log = SegmentEventLog(folder, patience_seconds=0.1)
    with (
        filelock.FileLock(folder / "songs/0/~lock"),
        pytest.raises(StoreUnavailableError, match=r"songs/0/~lock was held by another process for 0\.1 s"),
    ):
        log.append("songs", [event(2)])
    assert everything(log) == [b"event 0", b"event 1"]


def test_file_that_lost_acknowledged_events(folder: Path) -> None:
    """A log that saw more events before does not go on as if they had never been."""
    log = SegmentEventLog(folder)
    assert log.watermarks("songs") == {0: ALL}
    os.truncate(folder / FIRST_FILE, 10)
    with pytest.raises(PermanentError, match=r"segment is damaged at byte 10, .* it had \d+ bytes before"):
        log.append("songs", [event(2)])


def test_files_are_named_by_their_first_offset(four_files: SegmentEventLog, tmp_path: Path) -> None:
    """A file that has reached its size is not appended to any more; the next one begins where it ends."""
    assert files(tmp_path / "events") == [f"{offset:020}.segment" for offset in (0, 2, 4, 6)]
    assert everything(four_files) == [b"event %d" % number for number in range(8)]


def test_file_missing_in_the_middle(four_files: SegmentEventLog, tmp_path: Path) -> None:
    """A gap is an error that says where it begins; ranges around it can be read."""
    (tmp_path / f"events/songs/0/{2:020}.segment").unlink()
    with pytest.raises(PermanentError, match=r"0{20}\.segment is damaged at .* offset 2 begins: the next file begins at offset 4"):
        everything(four_files)
    assert values(four_files.read("songs", OffsetRange(0, 4, 6))) == [b"event 4", b"event 5"]


def test_file_cut_in_the_middle(four_files: SegmentEventLog, tmp_path: Path) -> None:
    """Only the newest file can have a torn tail; in an older one, it is damage."""
    path = tmp_path / f"events/songs/0/{2:020}.segment"
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(PermanentError, match=rf"{path.name} is damaged at byte 0, .* the next file begins at offset 4"):
        everything(four_files)
    assert values(four_files.read("songs", OffsetRange(0, 0, 2))) == [b"event 0", b"event 1"]


def test_retention_drops_whole_files(four_files: SegmentEventLog, tmp_path: Path) -> None:
    """Files before an offset go; the file with the offset stays, and so does the newest, whatever the offset."""
    four_files.drop_before("songs", {0: 5})
    assert files(tmp_path / "events") == [f"{offset:020}.segment" for offset in (4, 6)]
    assert four_files.watermarks("songs") == {0: OffsetRange(0, 4, 8)}
    four_files.drop_before("songs", {0: 99})
    assert four_files.watermarks("songs") == {0: OffsetRange(0, 6, 8)}
    assert four_files.append("songs", [event(8)]) == {0: OffsetRange(0, 8, 9)}


def test_dropped_events_are_an_error(four_files: SegmentEventLog) -> None:
    """Whoever comes too late is told which events are lost, and where to go on."""
    four_files.drop_before("songs", {0: 5})
    lost = r"the events of partition 0, offsets \[3, 4\) were dropped by retention .* go on at offset 4"
    with pytest.raises(PermanentError, match=lost):
        four_files.read("songs", OffsetRange(0, 3, 6))
    with pytest.raises(PermanentError, match=lost):
        next_ranges(four_files.watermarks("songs"), {0: 3}, most_events=10)
    assert values(four_files.read("songs", OffsetRange(0, 4, 6))) == [b"event 4", b"event 5"]


def test_events_dropped_while_they_are_read(four_files: SegmentEventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader never gets a part of what it asked for."""
    read_segment: Callable[..., object] = SegmentPartition._read_segment

    def drop_first(*arguments: object) -> object:
        four_files.drop_before("songs", {0: 4})
        return read_segment(*arguments)

    monkeypatch.setattr(SegmentPartition, "_read_segment", drop_first)
    with pytest.raises(PermanentError, match=r"partition 0, offsets \[0, 4\) were dropped by retention"):
        four_files.read("songs", OffsetRange(0, 0, 8))


def test_topic_that_was_half_made(folder: Path) -> None:
    """What a killed process left of a new topic is no topic, and is replaced."""
    (folder / "~films/0").mkdir(parents=True)
    log = SegmentEventLog(folder)
    assert log.topics() == {"songs": 1}
    log.create_topic("films", 2)
    assert log.topics() == {"films": 2, "songs": 1}
    assert [path.name for path in folder.glob("~*") if path.is_dir()] == []


def test_topic_is_made_once(tmp_path: Path) -> None:
    """Several makers at once make one topic, with the partitions of one of them."""

    def make(partitions: int) -> bool:
        try:
            SegmentEventLog(tmp_path).create_topic("songs", partitions)
        except PermanentError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, [2, 3] * 8))
    found = SegmentEventLog(tmp_path).topics()["songs"]
    assert made == [partitions == found for partitions in [2, 3] * 8]


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """A file in the place of the folder is an error for a person."""
    (tmp_path / "events").touch()
    with pytest.raises(StoreAccessError, match=r"cannot use the event log in .*/events"):
        SegmentEventLog(tmp_path / "events").create_topic("songs", 1)
