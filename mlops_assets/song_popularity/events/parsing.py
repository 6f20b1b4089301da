"""From messages of the log to events and dead letters: the one way for micro-batches, backfills and the Beam pipeline."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts.frames import empty_frame, rows_to_frame, to_pandas
from mlops_assets.contracts.text import text_array, writable_text
from mlops_assets.song_popularity.contracts import AUDIO_NAMES, EVENT_TYPES, EVENTS, REJECTED_EVENTS
from mlops_assets.song_popularity.events.countries import COUNTRIES
from mlops_assets.song_popularity.events.messages import EventMessage, event_id, read_message, release_date
from mlops_assets.stores.landing.streams import LANDED_TOPIC
from mlops_assets.streams.dead_letters import LONGEST_KEPT_BYTES
from mlops_assets.streams.decoding import Reason, decode_message, quote

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FIRST_DAY = date(2025, 1, 1)
"""No event is older: there was no stream."""

CLOCK_TOLERANCE = timedelta(hours=1)
"""A producer's clock may be ahead of ours by so much."""

_FIRST_SECOND = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=timezone.utc).timestamp()
_EPOCH = date(1970, 1, 1)
_END_OF_TIME = datetime(9999, 1, 1, tzinfo=timezone.utc).timestamp()
_TEXTS = ("track_name", "artist", "album", "query", "genre")


@dataclass(frozen=True)
class ParsedEvents:
    """What some messages became: each is an event or a reject.

    Attributes:
        events: rows of `events`, in the order in which the messages were given.
        rejects: rows of `rejected_events`, in that order.
        reject_dates: by row of `rejects`, the day (UTC) that it belongs to: of a duplicate the event's, else that on which the
            message was sent, by its log.
    """

    events: pd.DataFrame
    rejects: pd.DataFrame
    reject_dates: list[date]


@dataclass
class _Rows:
    """Rows of a batch that became events, and rows that did not."""

    numbers: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    messages: list[EventMessage] = field(default_factory=list)
    rejected: list[tuple[int, Reason]] = field(default_factory=list)


def parse_messages(messages: pa.Table, topic: str, landed_at: datetime) -> ParsedEvents:
    """Return the events that the messages of one batch are, each once, and the others as dead letters; see `parse_batches`."""
    return parse_batches([(messages, landed_at)], topic)


def parse_batches(batches: Iterable[tuple[pa.Table, datetime]], topic: str, day: date | None = None) -> ParsedEvents:
    """Return the events that messages are, each once, and the others as dead letters; every message is one of the two.

    Args:
        batches: messages, of `stores.events.base.event_schema()`, each partition's in the order of the log, and when they landed.
        topic: that they are of.
        day: return what belongs to this day (UTC) alone.
    """
    import pandas as pd

    seen: dict[str, str] = {}
    events, rejects, dates = [empty_frame(EVENTS)], [empty_frame(REJECTED_EVENTS)], list[date]()
    for messages, landed_at in batches:
        rows, new_dates = _sort_out(messages, landed_at, day, seen)
        if rows.ids:
            events.append(_as_events(messages, rows, landed_at))
        if rows.rejected:
            rejects.append(rows_to_frame(list(_dead_letters(messages, topic, landed_at, rows.rejected)), REJECTED_EVENTS))
        dates += new_dates
    return ParsedEvents(
        pd.concat(events[1:] or events, ignore_index=True), pd.concat(rejects[1:] or rejects, ignore_index=True), dates
    )


def days_of(messages: pa.Table, landed_at: datetime) -> set[date]:
    """Return every day to which an event or a reject of some messages may belong; it may name one too many, never one too few."""
    days = {day_of_reject(at, landed_at) for at in set(messages["event_at"].to_pylist())}
    latest = (landed_at + CLOCK_TOLERANCE).timestamp()
    for value in messages["value"].to_pylist():
        fields = decode_message(value)
        at = fields.get("timestamp") if isinstance(fields, dict) else None
        if isinstance(at, (int, float)) and _FIRST_SECOND <= at <= latest:
            days.add(_date(at))
    return days


def day_of_reject(logged_at: datetime | None, landed_at: datetime) -> date:
    """Return the day (UTC) of a message that says none itself: when it was sent by its log, if that can be, else when it landed."""
    if logged_at is None or not _FIRST_SECOND <= logged_at.timestamp() <= (landed_at + CLOCK_TOLERANCE).timestamp():
        return landed_at.astimezone(timezone.utc).date()
    return logged_at.astimezone(timezone.utc).date()


def _may_be_of(fields: dict[str, Any] | Reason, day: date) -> bool:
    at = fields.get("timestamp") if isinstance(fields, dict) else None
    return isinstance(at, (int, float)) and 0 <= at < _END_OF_TIME and _date(at) == day


def _read(fields: dict[str, Any] | Reason, latest: float) -> EventMessage | Reason:
    message = fields if isinstance(fields, Reason) else read_message(fields)
    if isinstance(message, Reason) or _FIRST_SECOND <= message.timestamp <= latest:
        return message
    at = message.timestamp
    if at / 1_000 >= _FIRST_SECOND and at / 1_000 <= latest:
        return Reason("impossible_time", f"timestamp: {quote(at)} looks like milliseconds; it is read as seconds since 1970")
    when = "later than the message landed" if at > latest else f"before {FIRST_DAY}, when there was no stream"
    return Reason("impossible_time", f"timestamp: {quote(at)} seconds since 1970 is {when}")


def _sort_out(messages: pa.Table, landed_at: datetime, day: date | None, seen: dict[str, str]) -> tuple[_Rows, list[date]]:
    """Return the events and rejects of a batch that belong to a day, and the days of the rejects; note the events in `seen`."""
    rows, dates = _Rows(), list[date]()
    latest = (landed_at + CLOCK_TOLERANCE).timestamp()
    columns = [messages[name].to_pylist() for name in ("partition", "offset", "event_at", "value")]
    days = {logged_at: day_of_reject(logged_at, landed_at) for logged_at in set(columns[2])}
    for number, (partition, offset, logged_at, value) in enumerate(zip(*columns, strict=True)):
        fields = decode_message(value)
        if day is not None and days[logged_at] != day and not _may_be_of(fields, day):
            # Whether it is an event or a reject, it is of another day.
            continue
        read = _read(fields, latest)
        at = days[logged_at] if isinstance(read, Reason) else _date(read.timestamp)
        if day is not None and at != day:
            continue
        if not isinstance(read, Reason):
            identity = event_id(read)
            if identity not in seen:
                seen[identity] = f"in partition {partition} at offset {offset}"
                rows.numbers.append(number)
                rows.ids.append(identity)
                rows.messages.append(read)
                continue
            read = Reason("duplicate", f"the event was delivered before, {seen[identity]}")
        rows.rejected.append((number, read))
        dates.append(at)
    return rows, dates


def _date(seconds: float) -> date:
    """Return the day (UTC) of a moment as the table has it, in whole microseconds."""
    return _EPOCH + timedelta(days=_microseconds(seconds) // 86_400_000_000)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _as_events(messages: pa.Table, found: _Rows, landed_at: datetime) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.contracts.frames import arrow_schema

    read, rows = [message.__dict__ for message in found.messages], pa.array(found.numbers, pa.int64())
    moment = pa.timestamp("us", tz="UTC")
    columns: dict[str, Any] = {name: pa.array([each[name] for each in read], pa.float64()) for name in AUDIO_NAMES}
    columns |= {name: text_array(each[name] for each in read) for name in _TEXTS}
    columns |= {name: pa.array([each[name] for each in read], pa.string()) for name in ("track_id", "event_type", "country")}
    columns |= {
        "event_id": pa.array(found.ids, pa.string()),
        "event_at": pa.array([_microseconds(each["timestamp"]) for each in read], pa.int64()).cast(moment),
        "popularity": pa.array([each["popularity"] for each in read], pa.float64()).cast(pa.int32()),
        "album_release_date": pa.array([_day(each["album_release_date"]) for each in read], pa.date32()),
        "unknown_values": pa.array([_unknown(each["event_type"], each["country"]) for each in read], pa.string()),
        "landed_at": pa.repeat(pa.scalar(landed_at, moment), len(read)),
        "log_partition": pc.take(messages["partition"], rows),
        "log_offset": pc.take(messages["offset"], rows),
    }
    return to_pandas(pa.table([columns[name] for name in EVENTS.column_names], schema=arrow_schema(EVENTS)))


def _day(text: str | None) -> date | None:
    return None if text is None else release_date(text)


def _unknown(event_type: str, country: str) -> str | None:
    unknown = [
        name
        for name, value, known in (("event_type", event_type, EVENT_TYPES), ("country", country, COUNTRIES))
        if value not in known
    ]
    return ", ".join(unknown) or None


def _dead_letters(
    messages: pa.Table, topic: str, landed_at: datetime, rejected: Sequence[tuple[int, Reason]]
) -> Iterator[dict[str, Any]]:
    columns = {name: messages[name] for name in ("partition", "offset", "event_at", "key", "value")}
    # The offsets of a topic that was made anew are not those of the old one.
    landed_topic = (messages.schema.metadata or {}).get(LANDED_TOPIC, b"").decode()
    for row, reason in rejected:
        message = {name: column[row].as_py() for name, column in columns.items()}
        value, key = message["value"] or b"", message["key"]
        yield {
            "topic": landed_topic or topic,
            "log_partition": message["partition"],
            "log_offset": message["offset"],
            "logged_at": message["event_at"],
            "landed_at": landed_at,
            "reason_code": reason.code,
            "reason": writable_text(reason.text),
            "key_base64": None if key is None else base64.b64encode(key[:LONGEST_KEPT_BYTES]).decode(),
            "value_base64": base64.b64encode(value[:LONGEST_KEPT_BYTES]).decode(),
            "value_byte_count": len(value),
        }
