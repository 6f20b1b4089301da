"""Tables made of events say what the events say."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import empty_frame, to_arrow
from mlops_assets.song_popularity.contracts import HISTORY, SPOTIFY_EVENTS, TRACKS
from mlops_assets.song_popularity.events.documents import event_documents
from mlops_assets.song_popularity.events.history import HistoryRecord, build_history, records_of_log
from mlops_assets.song_popularity.events.parsing import parse_batches, parse_messages
from mlops_assets.song_popularity.events.tables import as_spotify_events, build_tracks
from mlops_assets.song_popularity.levels import level_of
from mlops_assets_tests.song_popularity.messages import NOON, as_batch, fields, message

if TYPE_CHECKING:
    from collections.abc import Sequence

LANDED_AT = NOON + timedelta(days=3)


def events_of(*values: bytes) -> pd.DataFrame:
    return parse_messages(as_batch(list(values)), "spotify-events", LANDED_AT).events


def tracks_of(days: Sequence[pd.DataFrame], history: pd.DataFrame | None = None) -> dict[str, dict[str, Any]]:
    tracks = build_tracks(days, empty_frame(HISTORY) if history is None else history)
    to_arrow(tracks, TRACKS)
    assert find_violations(tracks, TRACKS).empty
    rows: list[dict[Any, Any]] = tracks.astype(object).replace({pd.NA: None, pd.NaT: None}).to_dict("records")
    return {str(row["track_id"]): row for row in rows}


@pytest.mark.parametrize(
    ("popularity", "level"), [(0, "low"), (39, "low"), (40, "medium"), (69, "medium"), (70, "high"), (100, "high"), (None, None)]
)
def test_level_of_a_popularity(popularity: int | None, level: str | None) -> None:
    """Below 40 is low, below 70 medium; unknown is none of them."""
    (found,) = level_of(pd.Series([popularity], dtype="Int32"))
    assert (None if pd.isna(found) else found) == level


def test_warehouse_table_has_the_names_of_the_original() -> None:
    """With the hour in UTC, its word for the class, and nothing where popularity is unknown."""
    table = as_spotify_events(events_of(message(popularity=75), message(3_600, popularity=None)), date(2026, 3, 10))
    assert find_violations(table, SPOTIFY_EVENTS).empty
    assert table["hour_of_day"].tolist() == [12, 13]
    assert table["popularity_level"].fillna("").tolist() == ["Alta", ""]
    assert set(table["ingestion_timestamp"]) == {pd.Timestamp(LANDED_AT)}


def test_track_has_the_newest_known_popularity_and_all_its_countries() -> None:
    """An event without popularity hides none that was known; counts add up over days."""
    first = events_of(message(0, popularity=30), message(7, popularity=None, country="US", album="Alba"))
    second = events_of(
        message(86_400 * 2, track_id="track0", popularity=41), message(86_400 * 2 + 1, track_id="new", popularity=None)
    )
    tracks = tracks_of([first, second])
    known = tracks["track0"]
    assert (known["popularity"], known["event_count"], known["countries"], known["album"]) == (41, 3, "CO, US", "Noche")
    assert known["first_seen_at"] == NOON
    assert known["last_seen_at"] == known["popularity_known_at"] == NOON + timedelta(days=2)
    assert tracks["new"]["popularity"] is None
    assert tracks_of([first])["track0"]["popularity"] == 30


def test_day_without_an_unknown_popularity_is_followed_by_one_with() -> None:
    """As they are read from the lake, where whole numbers without an empty one are of another type."""
    first, second = events_of(message(0, popularity=30)), events_of(message(86_400, track_id="new", popularity=None))
    first = first.astype({"popularity": "int32"})
    for days in ([first, second], [second, first]):
        tracks = tracks_of(days)
        assert (tracks["track0"]["popularity"], tracks["new"]["popularity"]) == (30, None)


def test_recording_names_tracks_that_no_event_has_named() -> None:
    """What it says is older than every event."""
    records = [HistoryRecord("old.parquet", 0, fields(track_id="track0", popularity=12, genre="pop")),
               HistoryRecord("old.parquet", 1, fields(track_id="older", popularity=9))]  # fmt: skip
    tracks = tracks_of([events_of(message(0, popularity=30))], build_history(records).tracks)
    assert (tracks["track0"]["popularity"], tracks["track0"]["genre"], tracks["track0"]["event_count"]) == (30, "pop", 1)
    assert (tracks["older"]["popularity"], tracks["older"]["event_count"], tracks["older"]["countries"]) == (9, 0, None)
    assert tracks_of([], build_history(records).tracks).keys() == {"track0", "older"}
    assert tracks_of([]) == {}


def test_history_keeps_one_row_per_track_and_every_record_in_one_place() -> None:
    """A track named twice is one row with what either record knew; a record that is none is a reject with its reason."""
    named = [fields(popularity=None), fields(popularity=44), fields(track_id="other", popularity=200)]
    history = build_history(HistoryRecord("songs.csv", number, each) for number, each in enumerate(named))
    (row,) = history.tracks.to_dict("records")
    assert (row["track_id"], row["popularity"], row["record_count"], row["source_name"]) == ("track0", 44, 2, "songs.csv")
    assert history.rejects[["position", "reason_code"]].to_numpy().tolist() == [[2, "out_of_range"]]
    assert history.tracks["record_count"].sum() + len(history.rejects) == history.record_count == 3


def test_history_of_a_log_says_where_its_records_are() -> None:
    """Messages that are no records are rejects, as in the stream."""
    history = build_history(records_of_log("spotify-events", [as_batch([message(), b"?"], partition=2, start=7)]))
    assert history.tracks["source_name"].tolist() == ["spotify-events/2"]
    assert history.rejects[["source_name", "position", "reason_code"]].to_numpy().tolist() == [["spotify-events/2", 8, "not_json"]]


def test_document_has_all_that_its_producer_wrote() -> None:
    """Also what the platform knows nothing of; a field that no store takes is left out, and the event stays."""
    values = [message(0, mood="blue"), message(1, mood=10**100), b"?"]
    batch = as_batch(list(values))
    events = parse_messages(batch, "spotify-events", LANDED_AT).events
    first, second = event_documents(events, [(batch, LANDED_AT)])
    assert (first["mood"], first["query"], first["event_id"], first["event_at"]) == ("blue", "pop", events["event_id"][0], NOON)
    assert isinstance(first["event_at"], datetime)
    assert "mood" not in second
    assert second["artist"] == "Estrella"


def test_documents_of_a_topic_that_was_made_anew() -> None:
    """Its messages have the offsets of others, which landed earlier on the same day; each document is that of its own event."""
    former, anew = as_batch([b"?", message(1)]), as_batch([message(2), message(3)])
    batches = [(former, LANDED_AT), (anew, LANDED_AT + timedelta(hours=1))]
    events = parse_batches(batches, "spotify-events").events
    found = {each["event_id"]: each["timestamp"] for each in event_documents(events, batches)}
    seconds = [pd.Timestamp(at).timestamp() for at in events["event_at"].array]
    assert found == dict(zip(events["event_id"], seconds, strict=True))
    assert len(found) == 3
