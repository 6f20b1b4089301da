"""Months are partition keys, and half-open windows in UTC of what clocks in a city show."""

from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import PermanentError
from mlops_assets.months import Month, months_from
from mlops_assets.orchestration.partitions import monthly_partitions

CHICAGO = "America/Chicago"
MONTHS = st.builds(Month, st.integers(1900, 2100), st.integers(1, 12))


def utc(year: int, month: int, day: int, hour: int) -> datetime:
    return datetime(year, month, day, hour, tzinfo=timezone.utc)


@given(MONTHS)
def test_key_names_its_month(month: Month) -> None:
    """Writing a month and reading it again gives the same month."""
    assert Month.parse(month.key) == month
    assert str(month) == month.key


@pytest.mark.parametrize(
    "key", ["2024", "2024-13", "2024-00", "0000-01", "2024-1", "24-01", "2024-01-01", "2024-01\n", " 2024-01", "", "\uff12024-01"]
)
def test_other_spelling_is_refused(key: str) -> None:
    """There is one way to write a month, and the error shows it."""
    with pytest.raises(PermanentError, match="is not a month; write it as YYYY-MM") as raised:
        Month.parse(key)
    assert repr(key) in str(raised.value)


def test_counting_crosses_years() -> None:
    """December and January are neighbours."""
    assert Month(2023, 12).plus(1) == Month(2024, 1)
    assert Month(2024, 1).plus(-1) == Month(2023, 12)
    assert Month(2024, 3).plus(-15) == Month(2022, 12)


@given(MONTHS, st.integers(-600, 600))
def test_counting_there_and_back_returns(month: Month, count: int) -> None:
    """A step of some months is undone by as many months back, and forward is later."""
    assert month.plus(count).plus(-count) == month
    assert (month.plus(count) > month) == (count > 0)


def test_range_of_months_includes_both_ends() -> None:
    """From November to February is four months; backwards there are none."""
    keys = [month.key for month in months_from(Month(2023, 11), Month(2024, 2))]
    assert keys == ["2023-11", "2023-12", "2024-01", "2024-02"]
    assert list(months_from(Month(2024, 2), Month(2024, 1))) == []


def test_window_is_local_midnight_to_local_midnight_in_utc() -> None:
    """Chicago is six hours behind UTC in winter and five in summer; March loses an hour, November gains one."""
    assert Month(2024, 1).window(CHICAGO) == (utc(2024, 1, 1, 6), utc(2024, 2, 1, 6))
    assert Month(2024, 7).window(CHICAGO) == (utc(2024, 7, 1, 5), utc(2024, 8, 1, 5))
    assert Month(2024, 3).window(CHICAGO) == (utc(2024, 3, 1, 6), utc(2024, 4, 1, 5))
    assert Month(2024, 11).window(CHICAGO) == (utc(2024, 11, 1, 5), utc(2024, 12, 1, 6))


@given(MONTHS)
def test_windows_touch_without_overlap(month: Month) -> None:
    """Every moment belongs to exactly one month: a window ends where the next begins."""
    assert month.window(CHICAGO)[1] == month.plus(1).window(CHICAGO)[0]


def test_window_is_the_window_of_the_partition() -> None:
    """Dagster's partition of a month covers the same moments."""
    partitions = monthly_partitions("2024-01", CHICAGO)
    for month in months_from(Month(2024, 1), Month(2024, 12)):
        window = partitions.time_window_for_partition_key(month.key)
        assert (window.start, window.end) == month.window(CHICAGO)


def test_first_day() -> None:
    """A month in a date column is its first day."""
    assert Month(2024, 2).first_day == date(2024, 2, 1)
