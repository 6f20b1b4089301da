"""Events as documents: as their producers wrote them, found by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ContractError
from mlops_assets.song_popularity.contracts import EVENT_DOCUMENTS
from mlops_assets.song_popularity.events.messages import FIELDS
from mlops_assets.streams.decoding import Reason, decode_message

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def event_documents(events: pd.DataFrame, batches: Iterable[tuple[pa.Table, datetime]]) -> Iterator[dict[str, Any]]:
    """Yield a document per event: all fields of its message, and its id, moment and place in the log.

    Args:
        events: rows of `events`.
        batches: the messages that they were read from, and when they landed.
    """
    columns = zip(*(events[name] for name in ("landed_at", "log_partition", "log_offset", "event_id", "event_at")), strict=True)
    # A topic that was made anew has other messages at the same offsets, which landed later.
    wanted = {tuple(place): (event_id, event_at) for *place, event_id, event_at in columns}
    for messages, landed_at in batches:
        places = zip(repeat(landed_at), messages["partition"].to_pylist(), messages["offset"].to_pylist(), strict=False)
        for row, place in enumerate(places):
            if (found := wanted.pop(place, None)) is not None:
                yield _document(messages["value"][row].as_py(), place[1:], *found, landed_at)


def _document(value: bytes, place: tuple[int, int], event_id: str, event_at: Any, landed_at: datetime) -> dict[str, Any]:
    fields = decode_message(value)
    assert not isinstance(fields, Reason)
    own = {
        "event_id": event_id,
        "event_at": event_at.to_pydatetime(warn=False),
        "landed_at": landed_at,
        "log_partition": int(place[0]),
        "log_offset": int(place[1]),
    }
    try:
        return EVENT_DOCUMENTS.conform({**fields, **own})
    except ContractError:
        # A field that no one knows holds what no store takes, such as an integer of a hundred digits; the landed batch has it.
        return EVENT_DOCUMENTS.conform({**{name: fields[name] for name in FIELDS if name in fields}, **own})
