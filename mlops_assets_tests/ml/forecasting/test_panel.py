"""Rows become a panel: series side by side, hour by hour, unknown where nothing trusted is known."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from mlops_assets.errors import ContractError, NotEnoughDataError
from mlops_assets.ml.forecasting.panel import Panel, build_panel
from mlops_assets_tests.ml.forecasting.panels import MONDAY, panel_of

NAN = float("nan")


def built(rows: list[tuple[str, str, float | None]], **changes: datetime) -> Panel:
    """Return the panel of rows of a series, a moment and a number."""
    frame = pd.DataFrame(rows, columns=["series", "hour", "number"])
    frame["hour"] = pd.to_datetime(frame["hour"], utc=True)
    return build_panel(
        frame, series_column="series", time_column="hour", value_column="number", time_zone="Europe/Madrid", **changes
    )


ROWS = [("b", "2022-01-03 02:00", 5.0), ("a", "2022-01-03 00:00", 1.0), ("a", "2022-01-03 02:00", None)]


def test_rows_are_laid_out_by_hour_and_series() -> None:
    """Hours and values that are left out are unknown; series are in alphabetical order."""
    panel = built(ROWS)
    assert panel.names == ("a", "b")
    assert (panel.start_at, panel.end_at) == (MONDAY, MONDAY + timedelta(hours=3))
    np.testing.assert_array_equal(panel.numbers, [[1, NAN], [NAN, NAN], [NAN, 5]])


def test_order_of_rows_does_not_matter() -> None:
    """A lake may return rows in any order."""
    np.testing.assert_array_equal(built(ROWS[::-1]).numbers, built(ROWS).numbers)


def test_end_may_be_later_or_earlier_than_the_rows() -> None:
    """A series stays, even if none of its hours is inside."""
    assert len(built(ROWS, end_at=MONDAY + timedelta(hours=4))) == 4
    narrow = built(ROWS, end_at=MONDAY + timedelta(hours=1))
    np.testing.assert_array_equal(narrow.numbers, [[1, NAN]])


def test_last_known_hour_looks_back_only() -> None:
    """Before the first hour nothing is known; an unknown hour repeats the last known one."""
    panel = panel_of([NAN, 3, NAN, 4], [NAN] * 4)
    assert panel.last_known.tolist() == [[-1, -1], [-1, -1], [1, -1], [1, -1], [3, -1]]
    assert panel.observed_hours.tolist() == [0, 0, 1, 1, 2]


def test_parts_are_panels() -> None:
    """A window begins later; some of the series keep their names."""
    panel = panel_of([1, 2, 3], [4, 5, 6])
    window = panel.window(1, 3)
    assert (window.start_at, len(window)) == (MONDAY + timedelta(hours=1), 2)
    part = panel.of_series([1])
    assert part.names == ("b",)
    assert part.numbers.ravel().tolist() == [4, 5, 6]


def test_rows_between_hours_are_refused() -> None:
    """A reading is not an hour; it must be assigned to one first."""
    with pytest.raises(ContractError, match=r"hour must be the beginning of an hour; 2022-01-03 00:30"):
        built([("a", "2022-01-03 00:30", 1.0)])


def test_no_rows_are_refused_with_a_hint() -> None:
    """There is not even a first hour."""
    with pytest.raises(NotEnoughDataError, match="materialize the hourly series"):
        built([])


def test_start_in_another_zone_is_refused() -> None:
    """Panels count hours from a moment in UTC."""
    with pytest.raises(ContractError, match="in UTC"):
        panel_of([1], start_at=datetime(2022, 1, 3, tzinfo=timezone(timedelta(hours=1))))
