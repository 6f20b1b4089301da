"""Messages that are not as they should be: every kind that streams are known to bring, by name, made out of a good one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LARGE_BYTES = 1_010_000
"""More than a message may have, and less than what brokers take by default."""

NESTED_LEVELS = 1_000
_YEAR_SECONDS = 31_557_600


@dataclass(frozen=True)
class Poison:
    """A kind of bad message.

    Attributes:
        make: returns its bytes for the fields of a good one.
        reason_code: why it becomes a dead letter; None if it is an event with a value that nobody knows.
    """

    make: Callable[[Mapping[str, Any]], bytes]
    reason_code: str | None


def encode(fields: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message."""
    return json.dumps(fields, ensure_ascii=False).encode()


def too_large(fields: Mapping[str, Any], size: int = LARGE_BYTES) -> bytes:
    """Return a message of `size` bytes, which is well-formed otherwise."""
    padding = size - len(encode({**fields, "padding": ""}))
    return encode({**fields, "padding": "x" * padding})


def _with(**values: Any) -> Callable[[Mapping[str, Any]], bytes]:
    return lambda fields: encode({**fields, **values})


def _without(name: str) -> Callable[[Mapping[str, Any]], bytes]:
    return lambda fields: encode({field: value for field, value in fields.items() if field != name})


def _with_raw(name: str, text: str) -> Callable[[Mapping[str, Any]], bytes]:
    """Return what puts text into the JSON as the value of a field, whether or not that is JSON."""
    return lambda fields: encode({**fields, name: "@"}).replace(b'"@"', text.encode())


POISON: Mapping[str, Poison] = {
    "cut_off": Poison(lambda fields: encode(fields)[:-20], "not_json"),
    "plain_text": Poison(lambda fields: str(dict(fields)).encode(), "not_json"),
    "array": Poison(lambda fields: encode(fields).join((b"[", b"]")), "not_an_object"),
    "nan": Poison(_with(popularity=float("nan")), "not_json"),
    "number_without_end": Poison(_with_raw("timestamp", "1e400"), "out_of_range"),
    "nested_deep": Poison(_with_raw("album", "[" * NESTED_LEVELS + "]" * NESTED_LEVELS), "not_json"),
    "too_large": Poison(too_large, "too_large"),
    "popularity_as_text": Poison(_with(popularity="very"), "wrong_type"),
    "track_as_number": Poison(_with(track_id=12345), "wrong_type"),
    "no_track": Poison(_without("track_id"), "missing_field"),
    "popularity_below": Poison(_with(popularity=-1), "out_of_range"),
    "popularity_above": Poison(_with(popularity=101), "out_of_range"),
    "time_in_the_future": Poison(lambda fields: _at(fields, fields["timestamp"] + 10 * _YEAR_SECONDS), "impossible_time"),
    "time_in_milliseconds": Poison(lambda fields: _at(fields, int(fields["timestamp"] * 1000)), "impossible_time"),
    "time_of_1970": Poison(_with(timestamp=86_400.0), "impossible_time"),
    "time_as_text": Poison(_with(timestamp="2025-06-14T20:00:00Z"), "wrong_type"),
    "empty": Poison(lambda _fields: b"", "not_json"),
    "byte_order_mark": Poison(lambda fields: b"\xef\xbb\xbf" + encode(fields), "not_json"),
    "latin_1": Poison(lambda fields: encode({**fields, "album": "Canci\u00f3n"}).replace("\u00f3".encode(), b"\xf3"), "not_json"),
    "nul": Poison(lambda fields: encode(fields)[:-1] + b"\0}", "not_json"),
    "lone_surrogate": Poison(_with_raw("album", '"\\ud83d"'), "not_json"),
    "unknown_event_type": Poison(_with(event_type="playlist_add"), None),
    "unknown_country": Poison(_with(country="QZ"), None),
}
"""What each kind of bad message is, and what becomes of it."""


def _at(fields: Mapping[str, Any], seconds: float) -> bytes:
    return encode({**fields, "timestamp": seconds})
