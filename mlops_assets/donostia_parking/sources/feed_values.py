"""Numbers and times as feeds and historical files write them: strings, decimal commas, thousands, several time formats."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from mlops_assets.contracts.text import writable_text
from mlops_assets.tabular.words import is_missing

_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?|[+-]?\d+,\d+", re.ASCII)
"""`1.234`, `1.234,5` and `0,61`: a dot before exactly three digits divides thousands, as Spanish feeds write them."""

_DECIMAL_POINT = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_ZEROS = re.compile(r"^(\d+)\.0*$", re.ASCII)
_TIME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[ T](?P<time>\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d{1,9}))?"
    r" ?(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


def read_number(value: Any) -> float | None:
    """Return the number that a feed means, or nothing if it is none.

    A number of JSON stands for itself. In text, a comma is the decimal sign and dots divide thousands; a dot that cannot divide
    thousands is a decimal sign. So `"1.234"` is one thousand two hundred and thirty-four.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return _finite(value)
    text = str(value).strip()
    if _DECIMAL_COMMA.fullmatch(text):
        return _finite(text.replace(".", "").replace(",", "."))
    return _finite(text) if _DECIMAL_POINT.fullmatch(text) else None


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def read_whole_number(value: Any) -> int | None:
    """Return the whole number that a feed means, or nothing; `"12,0"` is one, `"12,5"` is not."""
    number = read_number(value)
    return int(number) if number is not None and number.is_integer() else None


def read_text(value: Any) -> str | None:
    """Return a text without spare spaces; nothing for what is empty, no text, or a word for nothing."""
    if is_missing(value):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    return writable_text(" ".join(value.split())) if isinstance(value, str) else None


def read_code(value: Any) -> str | None:
    """Return an identifier; `7.0`, as pandas writes it, is 7."""
    text = read_text(value)
    return None if text is None else _DECIMAL_ZEROS.sub(r"\1", text)


def decode(body: bytes) -> str:
    """Return the text of a body: UTF-8, or else Windows-1252, in which every byte means something or is marked as unreadable."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


# All records of a snapshot have the same moment, so one of two results is nearly always at hand.
@lru_cache(maxsize=4_096)
def read_time(text: str, zone: str) -> datetime | None:
    """Return the moment, in UTC, that a text such as `2022-01-23 17:12:47.334498` means, or nothing if it is none.

    Args:
        text: date and time, with or without a zone; beyond microseconds digits are dropped.
        zone: the zone of texts that name none. A time in the hour that occurs twice in autumn is taken as the first one, one in
            the hour that does not occur in spring as an hour later, which is what the clock at the wall showed.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    microseconds = (found["fraction"] or "")[:6].ljust(6, "0")
    offset = found["zone"]
    if offset in ("Z", "UTC"):
        offset = "+00:00"
    elif offset and ":" not in offset:
        offset = f"{offset[:3]}:{offset[3:]}"
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{found['time']}.{microseconds}{offset or ''}")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
