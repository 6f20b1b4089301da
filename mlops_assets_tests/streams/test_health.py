"""One look at a stream: what waits, what is lost, and what did not become a row."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.contracts.checking import find_violations
from mlops_assets.stores.events.base import OffsetRange
from mlops_assets.streams.health import measure_stream_health, stream_health_contract

CONTRACT = stream_health_contract("weather")
NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)


def look(kept: OffsetRange, landed: dict[int, int]) -> dict[str, Any]:
    """Return the only row of a look at one partition."""
    frame = measure_stream_health(CONTRACT, "readings", {kept.partition: kept}, landed, {}, {}, NOON)
    [row] = frame.to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_each_partition_is_a_row() -> None:
    """Rows are by partition, with what is known of each: no dead letters are zero, and nothing landed is no time."""
    kept = {1: OffsetRange(1, 0, 9), 0: OffsetRange(0, 5, 20)}
    frame = measure_stream_health(CONTRACT, "readings", kept, {0: 12}, {0: 3}, {0: NOON - timedelta(minutes=1)}, NOON)
    assert find_violations(frame, CONTRACT).empty
    assert frame["log_partition"].tolist() == [0, 1]
    assert frame["lag_count"].tolist() == [8, 9]
    assert frame["dead_letter_count"].tolist() == [3, 0]
    assert frame["newest_landed_at"].isna().tolist() == [False, True]
    assert set(frame["looked_at"]) == {NOON}


def test_what_retention_dropped_before_it_landed_is_lost() -> None:
    """Between what landed and the oldest message of the log, five offsets are gone; they do not wait any more."""
    row = look(OffsetRange(0, 15, 20), {0: 10})
    assert (row["lost_count"], row["lag_count"]) == (5, 5)


def test_a_log_that_was_cut_before_anything_landed_has_lost_nothing() -> None:
    """What was dropped before the platform followed the topic was never its to lose."""
    row = look(OffsetRange(0, 15, 20), {})
    assert (row["lost_count"], row["lag_count"], row["next_offset"]) == (0, 5, 15)


def test_a_topic_that_was_made_anew_is_not_behind() -> None:
    """Where more has landed than the log has, nothing waits; that the topic is another is for landing to say."""
    row = look(OffsetRange(0, 0, 3), {0: 10})
    assert (row["lost_count"], row["lag_count"]) == (0, 0)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 120))
def test_every_offset_is_landed_lost_or_waiting(start: int, length: int, landed: int) -> None:
    """The three add up to what the log has ever written."""
    end = start + length
    row = look(OffsetRange(0, start, end), {0: min(landed, end)})
    assert min(landed, end) + row["lost_count"] + row["lag_count"] == end
