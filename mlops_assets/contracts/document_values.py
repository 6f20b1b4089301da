"""What a document may hold: what JSON can say, and moments. The narrowest rules of all stores hold for every store.

So a document comes back equal from each of them: whole numbers of 64 bits, no NaN, no infinity, moments to the millisecond.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEEPEST_LEVEL = 100
"""MongoDB stores no deeper documents; the document itself is the first level."""


def kept_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a document as every store keeps them.

    Raises:
        ValueError: a field cannot be kept; it says which and why.
    """
    return {_field_name(name): _kept(value, name, level=2) for name, value in document.items()}


def kept_moment(moment: datetime) -> datetime:
    """Return a moment in UTC, cut to milliseconds: MongoDB keeps no more.

    Raises:
        ValueError: it has no time zone, or lies outside the years 1 to 9999 in UTC.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no time zone")
    try:
        in_utc = moment.astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError(f"{moment} is outside the years 1 to 9999 in UTC") from error
    return in_utc.replace(microsecond=in_utc.microsecond // 1000 * 1000, fold=0)


def _field_name(name: object) -> str:
    # MongoDB keeps `_id` for itself, and takes a dot for the way into a field.
    if name in ("", "_id") or "." in str(name):
        raise ValueError(f"{name!r} cannot be the name of a field")
    return _key(name, str(name))


def _key(key: object, path: str) -> str:
    # Stores mark things of their own by a dollar sign.
    if type(key) is not str or key.startswith("$") or "\0" in key:
        raise ValueError(f"field {path!r} has the key {key!r}; a key is a text without NUL that does not begin with $")
    return _text(key, path)


def _kept(value: object, path: str, level: int) -> Any:
    # Exact types: what a subclass means beyond its base would be lost.
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        return _text(value, path)
    if type(value) is int:
        return _number_of_64_bits(value, path)
    if type(value) is float:
        return _finite(value, path)
    if type(value) is datetime:
        return _moment(value, path)
    if type(value) is list:
        _require_shallow(path, level)
        return [_kept(element, f"{path}.{index}", level + 1) for index, element in enumerate(value)]
    if type(value) is dict:
        _require_shallow(path, level)
        return {_key(key, path): _kept(element, f"{path}.{key}", level + 1) for key, element in value.items()}
    raise ValueError(f"field {path!r} is a {type(value).__module__}.{type(value).__qualname__}, which documents do not hold")


def _require_shallow(path: str, level: int) -> None:
    if level > _DEEPEST_LEVEL:
        raise ValueError(f"field {path.partition('.')[0]!r} is nested deeper than {_DEEPEST_LEVEL} levels")


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"field {path!r} holds half of a surrogate pair, which is no text") from error
    return value


def _number_of_64_bits(value: int, path: str) -> int:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"field {path!r} is a whole number of more than 64 bits")
    return value


def _finite(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"field {path!r} is {value}; write None where there is no number")
    return value


def _moment(value: datetime, path: str) -> datetime:
    try:
        return kept_moment(value)
    except ValueError as error:
        raise ValueError(f"field {path!r}: {error}") from error
