"""History: what recordings, or the log's beginning, say of tracks before the stream is read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.contracts.text import writable_text
from mlops_assets.song_popularity.contracts import AUDIO_NAMES, HISTORY, REJECTED_HISTORY
from mlops_assets.song_popularity.events.messages import TrackFields, read_fields, release_date
from mlops_assets.streams.decoding import Reason, decode_message

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_LONGEST_RAW_TEXT = 10_000


@dataclass(frozen=True)
class HistoryRecord:
    """A record of something that says what is known of a track.

    Attributes:
        source_name: file, or topic and partition.
        position: number of the record there, from 0.
        fields: under the names of the wire format; a reason if it could not be read as such.
    """

    source_name: str
    position: int
    fields: dict[str, Any] | Reason


@dataclass(frozen=True)
class History:
    """What records say of tracks.

    Attributes:
        tracks: rows of `history`.
        rejects: rows of `rejected_history`.
        record_count: how many records there were; each is counted in a track's `record_count`, or is a reject.
    """

    tracks: pd.DataFrame
    rejects: pd.DataFrame
    record_count: int


def build_history(records: Iterable[HistoryRecord]) -> History:
    """Return a row per track, of the record that names it first, with the first known value of whatever that lacks."""
    tracks: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    rejects: list[dict[str, Any]] = []
    total = 0
    for record in records:
        total += 1
        read = record.fields if isinstance(record.fields, Reason) else read_fields(record.fields, TrackFields)
        if isinstance(read, Reason):
            rejects.append(_reject(record, read))
            continue
        counts[read.track_id] += 1
        track = tracks.setdefault(read.track_id, {"source_name": record.source_name})
        for name, value in _row(read).items():
            if track.get(name) is None:
                track[name] = value
    rows = [{**tracks[track_id], "record_count": counts[track_id]} for track_id in sorted(tracks)]
    return History(rows_to_frame(rows, HISTORY), rows_to_frame(rejects, REJECTED_HISTORY), total)


def records_of_log(topic: str, batches: Iterable[pa.Table]) -> Iterator[HistoryRecord]:
    """Yield the messages of a log as records.

    Args:
        topic: that they are of.
        batches: messages of `event_schema()`.
    """
    for messages in batches:
        columns = [messages[name].to_pylist() for name in ("partition", "offset", "value")]
        for partition, offset, value in zip(*columns, strict=True):
            yield HistoryRecord(f"{topic}/{partition}", offset, decode_message(value))


def _row(read: TrackFields) -> dict[str, Any]:
    return {
        "track_id": read.track_id,
        **{name: _text(getattr(read, name)) for name in ("track_name", "artist", "album", "query", "genre")},
        "popularity": None if read.popularity is None else int(read.popularity),
        "album_release_date": None if read.album_release_date is None else release_date(read.album_release_date),
        **{name: getattr(read, name) for name in AUDIO_NAMES},
    }


def _text(text: str | None) -> str | None:
    return None if text is None else writable_text(text)


def _reject(record: HistoryRecord, reason: Reason) -> dict[str, Any]:
    fields = None if isinstance(record.fields, Reason) else record.fields
    return {
        "source_name": writable_text(record.source_name),
        "position": record.position,
        "reason_code": reason.code,
        "reason": writable_text(reason.text),
        "raw_text": writable_text(json.dumps(fields, ensure_ascii=False, default=str)[:_LONGEST_RAW_TEXT]),
    }
