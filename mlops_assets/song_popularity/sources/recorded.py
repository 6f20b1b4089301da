"""Recordings of tracks and events, under whatever names their columns have, as the fields of the wire format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from mlops_assets.song_popularity.contracts import AUDIO_NAMES
from mlops_assets.stores.events import Event
from mlops_assets.streams.decoding import Reason, decode_message
from mlops_assets.streams.recordings import RecordedRow, read_rows, recorded_files
from mlops_assets.tabular.kinds import field_name
from mlops_assets.tabular.words import is_missing

NOT_SAID = {"event_type": "recommendation", "country": "US"}
"""What a recording of tracks does not say: that a track is on a playlist recommends it, and most of the recorded ones are of the
United States."""

_ALIASES = {
    "id": "track_id",
    "name": "track_name",
    "track_artist": "artist",
    "artists": "artist",
    "artist_name": "artist",
    "track_album_name": "album",
    "album_name": "album",
    "track_popularity": "popularity",
    "track_album_release_date": "album_release_date",
    "release_date": "album_release_date",
    "playlist_name": "query",
    "playlist_genre": "genre",
    "track_genre": "genre",
    "duration": "duration_ms",
    "event_timestamp": "timestamp",
    "event_at": "timestamp",
}
"""What recordings call the fields: TidyTuesday's songs, Kaggle's lists of tracks, and the tables of this domain."""

_TEXTS = ("track_id", "track_name", "artist", "album", "event_type", "query", "country", "album_release_date", "genre")
_FIELDS = frozenset((*_TEXTS, "popularity", "timestamp", *AUDIO_NAMES))
_EVENT_FIELDS = frozenset(("track_id", "event_type", "country", "timestamp"))
_STEP_SECONDS = 0.0001
"""Between events of which the recording gives no time; a million of them are over in two minutes."""


@dataclass(frozen=True, slots=True)
class RecordedRecord:
    """A record of a recording.

    Attributes:
        file_name: its file's path below the folder.
        position: number of the record in its file, from 0.
        fields: what it says, under the names of the wire format; a reason if it is no record.
    """

    file_name: str
    position: int
    fields: dict[str, Any] | Reason


def read_recorded(path: Path) -> Iterator[RecordedRecord]:
    """Yield the records of a file, or of the files in a folder, in their order.

    Raises:
        SourceError: there is nothing at `path`, or a file of it cannot be read.
    """
    for file in recorded_files(path):
        for row in read_rows(file):
            yield RecordedRecord(row.file_name, row.position, _fields_of(row))


def replay_events(path: Path, start: datetime) -> Iterator[Event]:
    """Yield the events of a recording in their order; what is no record is sent as it is.

    Args:
        path: a file or a folder.
        start: the moment of the first event of which the recording gives no time; the others follow in its order.

    Raises:
        SourceError: there is nothing at `path`, or a file of it cannot be read.
    """
    number = 0
    for file in recorded_files(path):
        for row in read_rows(file):
            yield _event(row, start + timedelta(seconds=number * _STEP_SECONDS))
            number += 1


def wire_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the wire format that a row has, whatever it calls them; those without a value are left out.

    A text that should be a number stays a text: whoever reads the event says what is wrong with it.
    """
    fields: dict[str, Any] = {}
    for title, value in row.items():
        field = field_name(title)
        field = _ALIASES.get(field, field)
        if field in _FIELDS and field not in fields and not _is_missing(value):
            fields[field] = _value(field, value)
    return fields


def _fields_of(row: RecordedRow) -> dict[str, Any] | Reason:
    content = decode_message(row.content) if isinstance(row.content, bytes) else row.content
    return content if isinstance(content, Reason) else wire_fields(content)


def _event(row: RecordedRow, otherwise_at: datetime) -> Event:
    """Return the event of a row: a message in the wire format as it is, a row of a table as such a message."""
    decoded = decode_message(row.content) if isinstance(row.content, bytes) else row.content
    if isinstance(decoded, Reason):
        assert isinstance(row.content, bytes)
        return Event(row.content, otherwise_at)
    if isinstance(row.content, bytes) and decoded.keys() >= _EVENT_FIELDS:
        return Event(row.content, _moment(decoded["timestamp"]) or otherwise_at, _key(decoded))
    fields = wire_fields(decoded)
    if not {field_name(title) for title in decoded} & NOT_SAID.keys():
        fields |= NOT_SAID
    at = _moment(fields.setdefault("timestamp", otherwise_at.timestamp())) or otherwise_at
    return Event(json.dumps(fields, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"), at, _key(fields))


def _key(fields: Mapping[str, Any]) -> bytes | None:
    track_id = fields.get("track_id")
    return track_id.encode("utf-8", "surrogatepass") if isinstance(track_id, str) else None


def _moment(seconds: Any) -> datetime | None:
    """Return the moment of a time stamp, if the log can have it."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 1:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _is_missing(value: Any) -> bool:
    return not isinstance(value, (list, dict)) and is_missing(value)


def _value(field: str, value: Any) -> Any:
    if field in _TEXTS:
        return _text(value)
    if field == "timestamp":
        return _seconds(value)
    number = _number(value)
    return int(number) if isinstance(number, float) and number.is_integer() and field == "popularity" else number


def _text(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()[:10]
    # Spotify answers with a list of artists, of which the first counts.
    if isinstance(value, list) and value:
        return value[0].get("name") if isinstance(value[0], dict) else value[0]
    return value


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _seconds(value: Any) -> Any:
    """Return a moment in seconds since 1970; one without a time zone is UTC."""
    number = _number(value)
    if isinstance(number, str):
        try:
            number = datetime.fromisoformat(number.strip().replace("Z", "+00:00"))
        except ValueError:
            return value
    if isinstance(number, datetime):
        return (number if number.tzinfo else number.replace(tzinfo=timezone.utc)).timestamp()
    return number
