"""Documents as JSON text. A moment is `{"$date": "2024-03-10T08:30:00.123Z"}`, as in MongoDB's Extended JSON; sorts as text."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

DATE_KEY = "$date"
"""No key of a document begins with a dollar sign, so this one is never a document's own."""


def dumps(document: dict[str, Any]) -> str:
    """Return a document as JSON text; equal documents whose fields are in the same order give the same text."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_marked)


def loads(text: str) -> dict[str, Any]:
    """Return the document that a JSON text holds."""
    document: dict[str, Any] = json.loads(text, object_hook=_unmarked)
    return document


def date_text(moment: datetime) -> str:
    """Return a moment in UTC as text of fixed width."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _marked(value: object) -> dict[str, str]:
    assert isinstance(value, datetime), value
    return {DATE_KEY: date_text(value)}


def _unmarked(value: dict[str, Any]) -> Any:
    if DATE_KEY in value:
        return datetime.fromisoformat(value[DATE_KEY].removesuffix("Z")).replace(tzinfo=timezone.utc)
    return value
