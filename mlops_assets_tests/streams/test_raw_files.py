"""Raw files hold every message as it came, whatever is in it, and however it came."""

from __future__ import annotations

from datetime import datetime, timezone

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.stores.events.base import event_schema
from mlops_assets.streams.raw_files import as_lines, file_names, read_lines, union
from mlops_assets_tests.song_popularity.messages import NOON, as_batch

_VALUES = st.none() | st.binary(max_size=30) | st.text(max_size=30).map(str.encode)


def _lines(messages: pa.Table) -> bytes:
    return "\n".join(as_lines(messages)).encode()


@settings(deadline=None)
@given(values=st.lists(_VALUES, min_size=1, max_size=8), cut=st.integers(0, 8), again=st.integers(0, 8))
def test_messages_are_read_back_as_they_came(values: list[bytes | None], cut: int, again: int) -> None:
    """Any bytes, also none; in whatever parts, order and repetition they were written."""
    messages = as_batch(values, start=100)
    parts = [_lines(messages.slice(again)), _lines(messages.slice(cut)), _lines(messages.slice(0, cut))]
    content = union(parts)
    assert content == union([_lines(messages)]) == union([content])
    assert content.count(b"\n") == len(values)
    columns = ["partition", "offset", "event_at", "key", "value"]
    assert read_lines(content, 0).select(columns).to_pylist() == messages.select(columns).to_pylist()


def test_file_is_named_by_the_minute_of_the_message_and_its_offset() -> None:
    """A message without a time is filed under when it landed."""
    landed_at = datetime(2026, 3, 10, 13, 7, 59, tzinfo=timezone.utc)
    batch = as_batch([b"a", b"b"], start=4, logged_at=NOON)
    assert file_names(batch, landed_at) == ["2026-03-10/12-00-00004-of-00005.jsonl", "2026-03-10/12-00-00000-of-00005.jsonl"]
    assert file_names(as_batch([b"a"], logged_at=None), landed_at) == ["2026-03-10/13-07-00000-of-00005.jsonl"]


def test_lines_that_are_messages_get_their_numbers_as_offsets() -> None:
    """Empty lines count, and are no messages."""
    read = read_lines(b'{"track_id": "a"}\n\nhello\r\n', 3)
    assert read.schema == event_schema()
    assert read["offset"].to_pylist() == [0, 2]
    assert read["partition"].to_pylist() == [3, 3]
    assert read["value"].to_pylist() == [b'{"track_id": "a"}', b"hello"]
