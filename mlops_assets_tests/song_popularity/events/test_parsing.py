"""Messages become events or dead letters: each one of the two, whatever is in it."""

from __future__ import annotations

import base64
import json
import math
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.contracts.checking import find_violations
from mlops_assets.song_popularity.contracts import EVENTS, REJECTED_EVENTS
from mlops_assets.song_popularity.events.parsing import days_of, parse_batches, parse_messages
from mlops_assets.streams.dead_letters import LONGEST_KEPT_BYTES
from mlops_assets_tests.song_popularity.messages import NOON, as_batch, fields, message

TOPIC = "spotify-events"
LANDED_AT = NOON + timedelta(minutes=5)
TODAY = NOON.date()

POISON = {
    "not JSON": (b"hello", "not_json", "expected value"),
    "NaN": (message(popularity=float("nan")), "not_json", "expected value"),
    "infinite": (message().replace(b"55", b"1e400"), "out_of_range", "popularity"),
    "nested": (b"[" * 1_000 + b"]" * 1_000, "not_json", "recursion"),
    "large": (b'{"a": "' + b"x" * 20_000_000 + b'"}', "too_large", "20,000,009 bytes"),
    "list": (b"[1, 2]", "not_an_object", "list"),
    "number": (b"7", "not_an_object", "int"),
    "text as popularity": (message(popularity="55"), "wrong_type", "popularity"),
    "number as track": (message(track_id=7), "wrong_type", "track_id"),
    "list as artist": (message(artist=["a"]), "wrong_type", "artist"),
    "half a popularity": (message(popularity=55.5), "out_of_range", "popularity"),
    "negative": (message(popularity=-1), "out_of_range", "popularity"),
    "101": (message(popularity=101), "out_of_range", "popularity"),
    "future": (message(timestamp=LANDED_AT.timestamp() + 7_200), "impossible_time", "later than the message landed"),
    "milliseconds": (message(timestamp=NOON.timestamp() * 1_000), "impossible_time", "looks like milliseconds"),
    "1970": (message(timestamp=0), "impossible_time", "before 2025-01-01"),
    "time as text": (message(timestamp="2026-03-10"), "wrong_type", "timestamp"),
    "no time": (message(timestamp=None), "missing_field", "timestamp is missing"),
    "empty": (b"", "not_json", "empty"),
    "deleted": (None, "not_json", "empty"),
    "BOM": (b"\xef\xbb\xbf" + message(), "not_json", "expected value"),
    "Latin-1": (json.dumps(fields(artist="Beyoncé"), ensure_ascii=False).encode("latin-1"), "not_json", "unicode"),
    "NUL in the track": (message(track_id="a\0b"), "out_of_range", "track_id"),
    "lone surrogate": (message().replace(b"Volver", b"\\ud800"), "not_json", "hex escape"),
    "no track": (message(track_id=None), "missing_field", "track_id is missing"),
    "country in words": (message(country="Colombia"), "out_of_range", "country"),
    "February 30": (message(album_release_date="2020-02-30"), "out_of_range", "no day"),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_becomes_a_dead_letter_and_the_stream_goes_on(kind: str) -> None:
    """With its place, its reason and its bytes; the events beside it are read."""
    value, code, words = POISON[kind]
    parsed = parse_messages(as_batch([message(1), value, message(2)], start=40), TOPIC, LANDED_AT)
    assert parsed.events["log_offset"].tolist() == [40, 42]
    (letter,) = parsed.rejects.to_dict("records")
    assert (letter["topic"], letter["log_partition"], letter["log_offset"]) == (TOPIC, 0, 41)
    assert letter["reason_code"] == code
    assert words in letter["reason"]
    assert base64.b64decode(letter["value_base64"]) == (value or b"")[:LONGEST_KEPT_BYTES]
    assert letter["value_byte_count"] == len(value or b"")
    assert parsed.reject_dates == [TODAY]
    assert find_violations(parsed.rejects, REJECTED_EVENTS).empty
    assert find_violations(parsed.events, EVENTS).empty


def test_unknown_type_and_country_are_kept_and_flagged() -> None:
    """A source that learns something new stops nothing."""
    parsed = parse_messages(as_batch([message(event_type="playlist_add", country="QQ"), message(1)]), TOPIC, LANDED_AT)
    assert parsed.events["unknown_values"].fillna("").tolist() == ["event_type, country", ""]


def test_event_is_read_as_it_was_said() -> None:
    """Typed, with what is unknown empty: a new release has no popularity, which is not 0."""
    said = message(popularity=None, event_type="new_release", query=None, album_release_date="1999-05", tempo=120, artist="A\0")
    (row,) = parse_messages(as_batch([said]), TOPIC, LANDED_AT).events.to_dict("records")
    assert row["event_at"] == NOON
    assert row["popularity"] is None or row["popularity"] != row["popularity"] or str(row["popularity"]) == "<NA>"
    assert (row["album_release_date"], row["tempo"], row["artist"]) == (date(1999, 5, 1), 120.0, "A\ufffd")


def test_event_delivered_again_is_one_event() -> None:
    """Whatever the order of its fields, in the same batch or in a later one; the second delivery is kept as a reject."""
    turned = json.dumps(dict(reversed(fields(3).items()))).encode()
    batches = [(as_batch([message(3), turned]), LANDED_AT), (as_batch([message(3), message(4)], start=2), LANDED_AT)]
    parsed = parse_batches(batches, TOPIC)
    assert parsed.events["log_offset"].tolist() == [0, 3]
    assert parsed.rejects["reason"].tolist() == ["the event was delivered before, in partition 0 at offset 0"] * 2
    assert set(parsed.rejects["reason_code"]) == {"duplicate"}


@pytest.mark.parametrize("changed", [{"country": "US"}, {"popularity": None}, {"artist": "Other"}, {"timestamp": 1_773_144_001.5}])
def test_event_that_says_something_else_is_another(changed: dict[str, Any]) -> None:
    """Only what is the same in every field was delivered again."""
    assert len(parse_messages(as_batch([message(), message(**changed)]), TOPIC, LANDED_AT).events) == 2


def test_message_belongs_to_the_day_that_it_says_else_to_that_of_its_log() -> None:
    """A late event to the day on which it happened; what cannot be read to the day on which it was sent, or else landed."""
    yesterday = NOON - timedelta(days=1)
    late = message(timestamp=yesterday.timestamp())
    batch = as_batch([late, b"?", message(1)])
    timeless = as_batch([b"?"], partition=1, logged_at=None)
    odd = as_batch([b"?"], partition=2, logged_at=NOON.replace(year=1999))
    assert days_of(batch, LANDED_AT) == {yesterday.date(), TODAY}
    batches = [(batch, LANDED_AT), (timeless, LANDED_AT), (odd, LANDED_AT)]
    before, today = (parse_batches(batches, TOPIC, day) for day in (yesterday.date(), TODAY))
    assert before.events["log_offset"].tolist() == [0]
    assert before.rejects.empty
    assert today.events["log_offset"].tolist() == [2]
    assert len(today.rejects) == 3


def test_last_moment_before_midnight_is_of_the_day_that_the_table_says() -> None:
    """A second has more fractions than the table's microseconds: both say the same day."""
    midnight = NOON.replace(hour=0)
    parsed = parse_messages(as_batch([message(timestamp=math.nextafter(midnight.timestamp(), 0))]), TOPIC, LANDED_AT)
    (at,) = parsed.events["event_at"]
    assert days_of(as_batch([message(timestamp=math.nextafter(midnight.timestamp(), 0))], logged_at=NOON), LANDED_AT) >= {at.date()}
    (of_day,) = parse_batches([(as_batch([message(timestamp=at.timestamp())]), LANDED_AT)], TOPIC, at.date()).events["event_at"]
    assert of_day == at


_VALUES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([value for value, _, _ in POISON.values() if value is None or len(value) < 5_000]),
    st.builds(
        lambda number, ago: message(number, timestamp=NOON.timestamp() - ago), st.integers(0, 3), st.sampled_from([0, 90_000])
    ),
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(
        lambda value: json.dumps(value).encode()
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_VALUES, max_size=12), st.integers(0, 12))
def test_every_message_is_an_event_or_a_reject_of_one_day(values: list[bytes | None], cut: int) -> None:
    """However they are cut into batches; the days that a batch names hold all of it, and the rows are the same."""
    whole = as_batch(values)
    batches = [(whole.slice(0, cut), LANDED_AT), (whole.slice(cut), LANDED_AT)]
    parsed = parse_messages(whole, TOPIC, LANDED_AT)
    assert len(parsed.events) + len(parsed.rejects) == len(values)
    cut_up = parse_batches(batches, TOPIC)
    assert cut_up.events.equals(parsed.events)
    assert cut_up.rejects.equals(parsed.rejects)
    by_day = [parse_batches(batches, TOPIC, day) for day in sorted(days_of(whole, LANDED_AT))]
    assert sum(len(day.events) + len(day.rejects) for day in by_day) == len(values)
    assert find_violations(parsed.events, EVENTS).empty
    assert find_violations(parsed.rejects, REJECTED_EVENTS).empty
