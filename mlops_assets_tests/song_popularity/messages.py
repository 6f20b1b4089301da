"""Messages of the stream for tests."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)


def fields(number: int = 0, **changed: Any) -> dict[str, Any]:
    """Return the fields of an event, that many seconds after noon; a change to None leaves a field out."""
    said = {
        "track_id": f"track{number % 7}",
        "track_name": "Volver",
        "artist": "Estrella",
        "album": "Noche",
        "popularity": 55,
        "event_type": "search_result",
        "query": "pop",
        "country": "CO",
        "timestamp": NOON.timestamp() + number,
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def message(number: int = 0, **changed: Any) -> bytes:
    """Return an event as it is sent."""
    return json.dumps(fields(number, **changed)).encode()


def as_batch(values: list[bytes | None], *, partition: int = 0, start: int = 0, logged_at: datetime | None = NOON) -> pa.Table:
    """Return messages as the log gives them, at the offsets from `start` on."""
    import pyarrow as pa

    from mlops_assets.stores.events.base import event_schema

    count = len(values)
    columns: list[Any] = [
        [partition] * count,
        range(start, start + count),
        [logged_at] * count,
        [b"k"] * count,
        values,
        [[]] * count,
    ]
    return pa.table([pa.array(list(c), f.type) for c, f in zip(columns, event_schema(), strict=True)], schema=event_schema())
