"""Recordings under whatever names their columns have: as fields of the wire format, and as events that are sent again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.song_popularity.events.history import HistoryRecord, build_history
from mlops_assets.song_popularity.events.parsing import parse_messages
from mlops_assets.song_popularity.sources.recorded import NOT_SAID, read_recorded, replay_events, wire_fields
from mlops_assets.streams.decoding import Reason
from mlops_assets_tests.shared_data import shared_data
from mlops_assets_tests.song_popularity.messages import NOON, as_batch, fields, message

SONG = {
    "track_id": "6f807x0ima9a1j3VPbc7VN",
    "track_name": "I Don't Care",
    "track_artist": "Ed Sheeran",
    "track_popularity": 66,
    "track_album_id": "2oCs0DGTsRO98Gh5ZSl2Cx",
    "track_album_name": "nan",
    "track_album_release_date": "2019-06",
    "playlist_name": "Pop Remix 🎉",
    "playlist_genre": "pop",
    "danceability": 0.748,
    "key": 6,
    "duration_ms": 194754,
}


def test_songs_of_tidytuesday_are_recognized() -> None:
    """Its names become ours; what stands for nothing is left out, and what nobody asks for, too."""
    assert wire_fields(SONG) == {
        "track_id": "6f807x0ima9a1j3VPbc7VN",
        "track_name": "I Don't Care",
        "artist": "Ed Sheeran",
        "popularity": 66,
        "query": "Pop Remix 🎉",
        "album_release_date": "2019-06",
        "genre": "pop",
        "danceability": 0.748,
        "key": 6,
        "duration_ms": 194754,
    }


@pytest.mark.parametrize(
    ("title", "value", "field", "expected"),
    [
        ("track_id", "12345", "track_id", "12345"),
        ("Popularity", "66", "popularity", 66),
        ("popularity", 66.0, "popularity", 66),
        ("popularity", "very", "popularity", "very"),
        ("tempo", "120.5", "tempo", 120.5),
        ("release_date", datetime(2019, 6, 14), "album_release_date", "2019-06-14"),  # noqa: DTZ001
        ("artists", [{"name": "Shakira"}, {"name": "Bizarrap"}], "artist", "Shakira"),
        ("timestamp", "1773144000.5", "timestamp", 1773144000.5),
        ("event_timestamp", "2026-03-10 12:00:00+00:00", "timestamp", NOON.timestamp()),
        ("event_timestamp", "2026-03-10T12:00:00Z", "timestamp", NOON.timestamp()),
        ("event_at", NOON.replace(tzinfo=None), "timestamp", NOON.timestamp()),
        ("timestamp", "yesterday", "timestamp", "yesterday"),
    ],
)
def test_values_get_their_types(title: str, value: Any, field: str, expected: Any) -> None:
    """Text of CSV files becomes numbers where there should be some; what cannot be one stays, for the dead letter."""
    found = wire_fields({title: value})
    assert found == {field: expected}
    assert type(found[field]) is type(expected)


@given(st.dictionaries(st.sampled_from(["track_id", "name", "popularity", "event_at", "artists", "x"]), st.text() | st.integers()))
def test_any_row_has_fields(row: dict[str, Any]) -> None:
    """Whatever a row holds, it has an event's fields or none."""
    assert wire_fields(row).keys() <= {"track_id", "track_name", "popularity", "timestamp", "artist"}


def test_messages_are_replayed_byte_for_byte(tmp_path: Path) -> None:
    """Lines in the wire format, and lines that are no record, are sent as they are, the former with their time and key."""
    lines = [message(0), b"no record", message(1, timestamp="soon"), b'{"a": NaN}']
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines))
    start = NOON + timedelta(days=1)
    events = list(replay_events(tmp_path / "events.jsonl", start))
    assert [event.value for event in events] == lines
    assert [event.key for event in events] == [b"track0", None, b"track1", None]
    assert events[0].event_at == NOON
    assert all(timedelta() <= event.event_at - start < timedelta(milliseconds=1) for event in events[1:])


def test_songs_become_events_that_are_read_again(tmp_path: Path) -> None:
    """A song without time, type and country gets those that are said for all; two replays from one moment are the same."""
    pq.write_table(
        pa.Table.from_pylist([SONG, {**SONG, "track_id": "other", "track_popularity": None}]), tmp_path / "songs.parquet"
    )
    events = list(replay_events(tmp_path, NOON))
    assert events == list(replay_events(tmp_path, NOON))
    parsed = parse_messages(as_batch([event.value for event in events]), "spotify-events", NOON)
    assert parsed.rejects.empty
    assert parsed.events["popularity"].tolist()[0] == 66
    assert parsed.events["popularity"].isna().tolist() == [False, True]
    assert parsed.events[["event_type", "country"]].drop_duplicates().to_dict("records") == [NOT_SAID]
    assert parsed.events["event_at"].is_monotonic_increasing


def test_event_without_its_type_stays_without(tmp_path: Path) -> None:
    """Where a recording has a column of types, nothing is put into a row that lacks its own."""
    (tmp_path / "events.csv").write_text("track_id,event_type,country,timestamp\na,,CO,1773144000\n")
    (event,) = replay_events(tmp_path, NOON)
    assert json.loads(event.value) == {"track_id": "a", "country": "CO", "timestamp": 1773144000.0}


@pytest.mark.parametrize("at", [1e300, -5, 0, True, 1773144000000.0])
def test_impossible_time_is_sent_as_it_is(tmp_path: Path, at: float) -> None:
    """The log gets a moment that it can have; the message says what it said."""
    (tmp_path / "events.jsonl").write_bytes(message(0, timestamp=at))
    (event,) = replay_events(tmp_path, NOON)
    assert event.value == message(0, timestamp=at)
    assert event.event_at > datetime(1970, 1, 2, tzinfo=timezone.utc)


def test_recorded_records_say_where_they_are(tmp_path: Path) -> None:
    """For the history: fields, or the reason why there are none, with file and position."""
    (tmp_path / "a.jsonl").write_bytes(message(3, track_id="x") + b"\nnothing\n")
    (tmp_path / "b.csv").write_text("id,name\ny,Luz\n")
    records = list(read_recorded(tmp_path))
    assert [(record.file_name, record.position) for record in records] == [("a.jsonl", 0), ("a.jsonl", 1), ("b.csv", 0)]
    assert records[0].fields == fields(3, track_id="x")
    assert isinstance(records[1].fields, Reason)
    assert records[2].fields == {"track_id": "y", "track_name": "Luz"}


def test_recording_of_real_songs() -> None:
    """Every row of the recording is a record: 6,542 of them, of 5,628 tracks, two of which have no name."""
    records = read_recorded(shared_data("spotify_tracks/spotify_songs.parquet"))
    history = build_history(HistoryRecord(record.file_name, record.position, record.fields) for record in records)
    assert (history.record_count, len(history.tracks), len(history.rejects)) == (6_542, 5_628, 0)
    assert history.tracks["popularity"].notna().all()
    assert 1 <= history.tracks["track_name"].isna().sum() <= 2
