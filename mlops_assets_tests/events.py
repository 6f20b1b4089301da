"""Events for tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from mlops_assets.stores.events import Event

if TYPE_CHECKING:
    import pyarrow as pa
    from hypothesis.strategies import SearchStrategy

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


def event(number: int, key: bytes | None = None) -> Event:
    """Return the event that says its number, that many milliseconds after noon."""
    return Event(b"event %d" % number, NOON + timedelta(milliseconds=number), key)


def values(table: pa.Table) -> list[bytes]:
    """Return what the events say, in the order of the table."""
    return list(table["value"].to_pylist())


def as_events(table: pa.Table) -> list[Event]:
    """Return the events of a table as they were appended."""
    rows = zip(*(table[name].to_pylist() for name in ("value", "event_at", "key", "headers")), strict=True)
    return [Event(value, event_at, key, dict(headers)) for value, event_at, key, headers in rows]


def some_events() -> SearchStrategy[Event]:
    """Return events of every kind, for hypothesis."""
    from hypothesis import strategies as st

    moments = st.datetimes(datetime(1970, 1, 2), datetime(2300, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001
    names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
    headers = st.dictionaries(names, st.binary(max_size=10), max_size=3)
    return st.builds(Event, st.binary(max_size=50), moments, st.none() | st.binary(max_size=5), headers)
