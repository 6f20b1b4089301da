"""Events land by offsets: each once, also under kills, and what lands next follows from the names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import PermanentError
from mlops_assets.stores.events import EventLog, OffsetRange, open_event_log
from mlops_assets.stores.landing import Landing, offset_names, open_landing
from mlops_assets.stores.landing.compaction import compact_closed
from mlops_assets.stores.landing.landed_events import land_events, read_events
from mlops_assets.stores.landing.offset_names import (
    in_blocks,
    landed_offsets,
    names_of_offsets,
    next_offsets,
    offset_name,
)
from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.events import event, values
from mlops_assets_tests.kills import FSYNC, bytes_of, kill_stage

TOPIC = "plays"
NOW = datetime(2024, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return landing_in(tmp_path)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return log_in(tmp_path)


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offset_names, "BLOCK_OFFSETS", 10)


def landing_in(folder: Path) -> Landing:
    return open_landing(f"file:{folder}/lake", ("songs", "play_events"))


def log_in(folder: Path) -> EventLog:
    """Return the log in a folder, with the topic in it: two partitions."""
    log = open_event_log(f"sqlite:{folder}/events.db")
    log.create_topic(TOPIC, 2)
    return log


def append(log: EventLog, start: int, end: int) -> None:
    log.append(TOPIC, [event(number) for number in range(start, end)])


def landed_values(log: EventLog, landing: Landing) -> set[bytes]:
    """Return what all landed events say, after making sure that they are what the log has at their offsets."""
    said: set[bytes] = set()
    for partition, end in next_offsets(landing, TOPIC).items():
        events = read_events(landing, TOPIC, OffsetRange(partition, 0, end))
        assert events.equals(log.read(TOPIC, OffsetRange(partition, 0, end)))
        said.update(values(events))
    return said


def test_name_says_partition_and_offsets() -> None:
    """With leading zeros, below the block of a million offsets."""
    name = "topic=plays/partition=00003/block=00000000000001000000/00000000000001000000-00000000000001099999.parquet"
    offsets = OffsetRange(3, 1_000_000, 1_100_000)
    assert offset_name(TOPIC, offsets) == name
    assert landed_offsets(name) == offsets


@given(st.integers(0, 99), st.integers(0, 10**15), st.integers(1, 2_500_000))
def test_range_comes_back_from_its_names(partition: int, start: int, length: int) -> None:
    """A range of any length is cut by blocks, and the names, in order, give it back."""
    offsets = OffsetRange(partition, start, start + length)
    names = [offset_name(TOPIC, piece) for piece in in_blocks(offsets)]
    assert names == sorted(names)
    landed = [piece for name in names if (piece := landed_offsets(name)) is not None]
    assert (landed[0].start, landed[-1].end, sum(map(len, landed))) == (offsets.start, offsets.end, length)


@pytest.mark.parametrize("offsets", [OffsetRange(0, 5, 5), OffsetRange(0, 999_999, 1_000_001)])
def test_range_outside_of_one_block_has_no_name(offsets: OffsetRange) -> None:
    """Neither an empty one nor one that crosses the end of a block."""
    with pytest.raises(ValueError, match="not within one block"):
        offset_name(TOPIC, offsets)


@pytest.mark.parametrize("name", ["topic=plays/notes.txt", "topic=plays/partition=00000/block=0/1-2.parquet", "x"])
def test_other_name_has_no_offsets(name: str) -> None:
    """What somebody left in a folder is no object of ours."""
    assert landed_offsets(name) is None


def test_every_event_lands_once(log: EventLog, landing: Landing) -> None:
    """A second landing adds nothing, a third one what came since; of another topic nothing is touched."""
    assert land_events(log, landing, TOPIC) == []
    append(log, 0, 30)
    ranges = land_events(log, landing, TOPIC, max_events=7)
    assert sum(map(len, ranges)) == 30
    assert max(map(len, ranges)) == 7
    assert land_events(log, landing, TOPIC, max_events=3) == []
    append(log, 30, 35)
    assert sum(map(len, land_events(log, landing, TOPIC))) == 5
    assert next_offsets(landing, TOPIC) == {partition: kept.end for partition, kept in log.watermarks(TOPIC).items()}
    assert next_offsets(landing, "play") == {}
    assert landed_values(log, landing) == {b"event %d" % number for number in range(35)}


@pytest.mark.usefixtures("_small_blocks")
def test_full_blocks_are_compacted_and_read_as_before(log: EventLog, landing: Landing) -> None:
    """Every full block is one object, the last one of a partition stays; landing goes on behind them."""
    append(log, 0, 60)
    land_events(log, landing, TOPIC, max_events=4)
    full = {partition: end // 10 for partition, end in next_offsets(landing, TOPIC).items()}
    assert all(blocks > 1 for blocks in full.values())
    assert len(list(compact_closed(landing, NOW))) == sum(full.values())
    singles = [offsets for name in landing.single_names() if (offsets := landed_offsets(name))]
    assert all(offsets.start // 10 == full[offsets.partition] for offsets in singles)
    append(log, 60, 70)
    assert sum(map(len, land_events(log, landing, TOPIC))) == 10
    assert landed_values(log, landing) == {b"event %d" % number for number in range(70)}


@pytest.mark.usefixtures("_small_blocks")
def test_block_whose_compaction_was_interrupted_is_finished(log: EventLog, landing: Landing, tmp_path: Path) -> None:
    """Also if the object with the last offset is removed already: that the block is full shows in its container."""
    append(log, 0, 60)
    land_events(log, landing, TOPIC, max_events=4)
    [(name, content)] = landing.read([next(landing.single_names())])
    assert list(compact_closed(landing, NOW))
    open_object_storage(f"file:{tmp_path}/lake").put(f"songs/play_events/{name}", content)
    assert [compacted.object_count for compacted in compact_closed(landing, NOW)] == [1]
    assert name not in set(landing.single_names())


@pytest.mark.usefixtures("_small_blocks")
def test_part_of_what_landed_is_read_from_the_blocks_it_is_in(
    log: EventLog, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any range, cut inside of objects, and no other block is listed."""
    append(log, 0, 80)
    land_events(log, landing, TOPIC, max_events=4)
    offsets = OffsetRange(0, 13, 22)
    listed: list[str] = []
    list_names = landing.names

    def names(prefix: str = "") -> Iterator[str]:
        listed.append(prefix)
        return list_names(prefix)

    monkeypatch.setattr(landing, "names", names)
    assert read_events(landing, TOPIC, offsets).equals(log.read(TOPIC, offsets))
    assert [prefix[-4:] for prefix in listed] == ["010/", "020/"]
    assert read_events(landing, TOPIC, OffsetRange(0, 13, 13)).num_rows == 0


def land_ranges(landing: Landing, *ranges: tuple[int, int]) -> None:
    landing.land((offset_name(TOPIC, OffsetRange(1, start, end)), b"") for start, end in ranges)


def test_what_landed_may_begin_late(landing: Landing) -> None:
    """Where a log had dropped its first events before anything landed, the first one is no gap."""
    land_ranges(landing, (500, 600), (600, 601))
    assert next_offsets(landing, TOPIC) == {1: 601}


def test_gap_is_named(landing: Landing) -> None:
    """Somebody removed an object: what is missing is told, and nothing is taken for complete."""
    land_ranges(landing, (0, 10), (20, 30))
    for use in (lambda: next_offsets(landing, TOPIC), lambda: names_of_offsets(landing, TOPIC, OffsetRange(1, 5, 25))):
        with pytest.raises(
            PermanentError, match=r"offsets 10 to 19 of .*partition=00001/.* are missing before .*020-0*29\.parquet"
        ):
            use()
    with pytest.raises(PermanentError, match="only offsets up to 30 have landed, not up to 40"):
        names_of_offsets(landing, TOPIC, OffsetRange(1, 20, 40))
    assert len(names_of_offsets(landing, TOPIC, OffsetRange(1, 20, 30))) == 1


def test_overlap_is_named(landing: Landing) -> None:
    """Two runs landed at the same time: which objects hold the same events is told, and no event counts twice."""
    land_ranges(landing, (0, 10), (0, 15))
    for use in (lambda: next_offsets(landing, TOPIC), lambda: names_of_offsets(landing, TOPIC, OffsetRange(1, 0, 15))):
        with pytest.raises(PermanentError, match=r"offsets 0 to 9 are in .*-0*14\.parquet and in the object before it"):
            use()


def run_stage(stage: str, folder: Path) -> None:
    """Land what the log in `folder` has."""
    assert stage == "land"
    land_events(log_in(folder), landing_in(folder), TOPIC, max_events=8)


def test_events_land_once_under_kills(tmp_path: Path) -> None:
    """Killed at any object, a rerun goes on behind what landed: same objects, same bytes, nothing else in the lake."""
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    for folder in (undisturbed, disturbed):
        folder.mkdir()
        append(log_in(folder), 0, 50)
    run_stage("land", undisturbed)
    for call in (1, 2, 3):
        kill_stage(__name__, "land", disturbed, FSYNC, call)
    run_stage("land", disturbed)
    assert bytes_of(disturbed) == bytes_of(undisturbed)
    assert landed_values(log_in(disturbed), landing_in(disturbed)) == {b"event %d" % number for number in range(50)}
