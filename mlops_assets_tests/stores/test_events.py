"""What belongs to no event log in particular: events, ranges of offsets, how far a reader has come, and URLs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import PermanentError, SettingsError
from mlops_assets.stores.events import Event, OffsetRange, lag, next_ranges, open_event_log
from mlops_assets_tests.events import NOON

KEPT = {0: OffsetRange(0, 0, 7), 1: OffsetRange(1, 20, 22), 2: OffsetRange(2, 5, 5)}


def test_event_is_at_a_millisecond() -> None:
    """What no log could keep is cut off at once, so that an event equals itself when it comes back."""
    event = Event(b"", datetime(2024, 1, 1, 18, 0, 0, 123999, timezone(timedelta(hours=6))))
    assert event == Event(b"", NOON + timedelta(milliseconds=123))
    assert event.event_at_ms == 1_704_110_400_123


@pytest.mark.parametrize(
    ("event_at", "complaint"),
    [
        (datetime(2024, 1, 1), "has no time zone"),  # noqa: DTZ001
        (datetime(1970, 1, 1, tzinfo=timezone.utc), "is not after 1970-01-01"),
        (datetime(1970, 1, 1, 0, 0, 0, 999, timezone.utc), "is not after 1970-01-01"),
    ],
)
def test_event_has_a_moment(event_at: datetime, complaint: str) -> None:
    """A moment without a time zone is none; Kafka takes the first millisecond of 1970 for the time of the append."""
    with pytest.raises(ValueError, match=complaint):
        Event(b"", event_at)


def test_name_of_a_header_ends_at_no_nul() -> None:
    """Kafka's C library would cut the name off there."""
    with pytest.raises(ValueError, match=r"the name 'a\\x00b' of a header has a NUL"):
        Event(b"", NOON, headers={"a\0b": b""})


@pytest.mark.parametrize(("start", "end"), [(2, 1), (-1, 1)])
def test_range_goes_forward(start: int, end: int) -> None:
    """Offsets begin at zero, and a range does not end before it starts."""
    with pytest.raises(ValueError, match="are no range"):
        OffsetRange(0, start, end)


def test_lag_counts_what_is_not_read() -> None:
    """A partition never read lags by all that is kept."""
    assert lag(KEPT, {0: 4, 2: 5}) == {0: 3, 1: 2, 2: 0}


def test_next_ranges_starve_no_partition() -> None:
    """Everything unread, in pieces; the first piece of each partition comes first."""
    assert next_ranges(KEPT, {0: 1}, most_events=4) == [OffsetRange(0, 1, 5), OffsetRange(1, 20, 22), OffsetRange(0, 5, 7)]
    assert next_ranges(KEPT, {0: 7, 1: 22, 2: 5}, most_events=4) == []


@given(
    st.dictionaries(st.integers(0, 3), st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9)), max_size=4),
    st.integers(1, 4),
)
def test_next_ranges_cover_what_is_unread_once(log: dict[int, tuple[int, int, int]], most_events: int) -> None:
    """Together the ranges are what is unread, no offset is in two, and none is too long or empty."""
    watermarks = {partition: OffsetRange(partition, start, start + read + left) for partition, (start, read, left) in log.items()}
    next_offsets = {partition: start + read for partition, (start, read, _) in log.items()}
    ranges = next_ranges(watermarks, next_offsets, most_events)
    assert all(1 <= len(offsets) <= most_events for offsets in ranges)
    found = sorted((offsets.partition, offset) for offsets in ranges for offset in range(offsets.start, offsets.end))
    unread = {partition: range(next_offsets[partition], kept.end) for partition, kept in watermarks.items()}
    assert found == sorted((partition, offset) for partition, offsets in unread.items() for offset in offsets)
    assert lag(watermarks, next_offsets) == {partition: len(offsets) for partition, offsets in unread.items()}


@pytest.mark.parametrize("ask", [lag, lambda kept, read: next_ranges(kept, read, 10)])
def test_lost_events_are_never_skipped(ask: object) -> None:
    """Events that retention dropped before they were read are an error, and so is a reader ahead of the log."""
    assert callable(ask)
    with pytest.raises(PermanentError, match=r"partition 1, offsets \[18, 20\) were dropped by retention .* go on at offset 20"):
        ask(KEPT, {1: 18})
    with pytest.raises(PermanentError, match="the log ends before offset 7; if it was longer once, it was made anew"):
        ask(KEPT, {0: 8})


def test_unknown_scheme() -> None:
    """The error lists the schemes, and shows no password."""
    with pytest.raises(SettingsError, match=r"no event log for 'amqp://\*\*\*@host'; known schemes: sqlite:, kafka:"):
        open_event_log("amqp://me:secret@host")


def test_folder_of_a_former_log() -> None:
    """Whoever still names a folder of segment files is told what to name instead."""
    with pytest.raises(SettingsError, match=r"'file:/data/events'; .* name a SQLite file for them, such as sqlite:data/events\.db"):
        open_event_log("file:/data/events")
