"""A contract of documents, tiny documents, and all values that documents may hold."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from mlops_assets.contracts import DocumentContract

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MESSAGES = DocumentContract(
    domain="chat",
    name="messages",
    description="One document per message that somebody sent.",
    id_field="message_id",
    time_field="sent_at",
    state_field="state",
    states=("landed", "scored", "failed"),
    initial={"state": "landed", "attempts": 0},
    indexes=(("user_id", "sent_at"),),
)
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


def message(message_id: str, minutes_after_noon: int = 0) -> dict[str, Any]:
    """Return a message as it is delivered."""
    sent_at = NOON + timedelta(minutes=minutes_after_noon)
    return {"message_id": message_id, "sent_at": sent_at, "user_id": "u1", "text": "¡Hola!", "meta": {"client": "a"}}


def some_values() -> SearchStrategy[Any]:
    """Return a strategy for everything that a field may hold."""
    from hypothesis import strategies as st

    offsets = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
    single = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8"))
        | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets)  # noqa: DTZ001
    )
    keys = st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(lambda key: not key.startswith("$"))
    return st.recursive(single, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=8)
