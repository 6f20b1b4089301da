"""Messages of a log as JSON objects, or the reason why one is none. Nothing in a message can stop the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

LARGEST_MESSAGE_BYTES = 1_000_000
"""A larger message is no event; what brokers carry by default is of this size."""

_LONGEST_QUOTE = 80


@dataclass(frozen=True)
class Reason:
    """Why a message did not become a row.

    Attributes:
        code: kind of reason.
        text: in words, naming the field and what was found.
    """

    code: str
    text: str


def decode_message(value: bytes | None) -> dict[str, Any] | Reason:
    """Return the JSON object that a message is, or why it is none.

    JSON is taken at its word: UTF-8 without a byte order mark, no `NaN`, no half of a surrogate pair, at most some 200 levels.

    Args:
        value: of the message; None where the producer deleted a key.
    """
    if not value:
        return Reason("not_json", "the message is empty")
    if len(value) > LARGEST_MESSAGE_BYTES:
        return Reason("too_large", f"the message has {len(value):,} bytes, more than {LARGEST_MESSAGE_BYTES:,}")
    try:
        found = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        return Reason("not_json", f"not JSON: {error}; it begins {quote(value[:_LONGEST_QUOTE].decode('utf-8', 'replace'))}")
    if not isinstance(found, dict):
        return Reason("not_an_object", f"a JSON {type(found).__name__}, not an object: {quote(found)}")
    return found


def quote(found: object) -> str:
    """Return what was found in a message as text that fits into a sentence."""
    try:
        text = repr(found)
    except RecursionError:
        text = "something nested too deep"
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
