"""Which changed months are worth reading, and that nothing of it is lost between two ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.chicago_crimes.sources.changed_months import OpenMonths, months_to_read
from mlops_assets.months import Month

JANUARY, FEBRUARY, MARCH, APRIL = (Month(2024, number) for number in range(1, 5))


def test_only_loaded_and_newer_months_are_read_again() -> None:
    """A change to a month that nobody loaded is left to a backfill."""
    assert months_to_read([Month(2005, 3), JANUARY, MARCH, APRIL], {JANUARY, FEBRUARY}) == [JANUARY, MARCH, APRIL]


def test_nothing_is_read_before_the_first_history() -> None:
    """Switching the sensor on does not load the portal's history; that is the bootstrap's."""
    assert months_to_read([JANUARY], set()) == []


@given(st.none() | st.text(), st.dictionaries(st.from_regex(r"20[0-9]{2}-0[1-9]", fullmatch=True), st.floats(0, 2e9)))
def test_cursor_keeps_everything(source_cursor: str | None, since: dict[str, float]) -> None:
    """Whatever a source hands out as its cursor, also JSON."""
    state = OpenMonths(source_cursor, since)
    assert OpenMonths.parse(state.dump()) == state


@pytest.mark.parametrize("cursor", [None, "2024-05-01T00:00:00.000", '{"export": {"2024-01": "f1"}}', "[]", "17", "{"])
def test_other_cursors_are_the_source_s_own(cursor: str | None) -> None:
    """As earlier releases kept them."""
    assert OpenMonths.parse(cursor) == OpenMonths(cursor)
