"""Hourly series side by side, from the first hour of any to the last."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops_assets.errors import ContractError, NotEnoughDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = timedelta(hours=1)
DAY_HOURS = 24
WEEK_HOURS = 168


@dataclass(frozen=True, eq=False)
class Panel:
    """What is known of several series in every hour of a window.

    Attributes:
        names: the series, in the order of the columns of `numbers`.
        start_at: beginning of the first hour, in UTC.
        numbers: one row per hour, one column per series; NaN where the value is unknown or not to be trusted.
        time_zone: whose clocks people live by; decides which hours are alike.
    """

    names: tuple[str, ...]
    start_at: datetime
    numbers: np.ndarray
    time_zone: str

    def __len__(self) -> int:
        """Return the number of hours."""
        return len(self.numbers)

    def __post_init__(self) -> None:
        if self.start_at.utcoffset() != timedelta(0):
            raise ContractError(f"a panel begins at a moment in UTC, not {self.start_at.isoformat()}")

    @property
    def end_at(self) -> datetime:
        """End of the last hour, which is the beginning of the first unknown one."""
        return self.start_at + len(self) * HOUR

    @cached_property
    def is_known(self) -> np.ndarray:
        """Where `numbers` holds one."""
        return ~np.isnan(self.numbers)

    @cached_property
    def observed_hours(self) -> np.ndarray:
        """For every origin from 0 to the end: how many hours before it have a value of any series."""
        return np.concatenate([[0], np.cumsum(self.is_known.any(axis=1))])

    @cached_property
    def last_known(self) -> np.ndarray:
        """For every origin from 0 to the end, and every series: the last hour before it with a value; -1 if there is none."""
        hours = np.where(self.is_known, np.arange(len(self))[:, None], -1)
        return np.vstack([np.full((1, len(self.names)), -1), np.maximum.accumulate(hours, axis=0)])

    def window(self, start: int, end: int) -> Panel:
        """Return the hours `[start, end)` as a panel of their own."""
        return replace(self, start_at=self.start_at + start * HOUR, numbers=self.numbers[start:end])

    def of_series(self, columns: Sequence[int]) -> Panel:
        """Return some of the series, by column, as a panel of their own."""
        return replace(self, names=tuple(self.names[column] for column in columns), numbers=self.numbers[:, list(columns)])


def build_panel(
    rows: pd.DataFrame,
    *,
    series_column: str,
    time_column: str,
    value_column: str,
    time_zone: str,
    end_at: datetime | None = None,
) -> Panel:
    """Lay out rows as a panel.

    Args:
        rows: one row per series and hour, in any order; hours that are left out are unknown.
        series_column: names the series.
        time_column: beginning of the hour, with a time zone.
        value_column: a number, or nothing where it is unknown.
        time_zone: whose clocks people live by.
        end_at: end (UTC, excluded); by default the end of the last hour of the rows. Later rows are ignored, but their series are
            in the panel.

    Raises:
        ContractError: a moment is not the beginning of an hour.
        NotEnoughDataError: there are no rows.
    """
    if rows.empty:
        raise NotEnoughDataError("there are no rows to forecast from; materialize the hourly series of some days first")
    moments = pd.DatetimeIndex(rows[time_column]).tz_convert("UTC")
    if (moments != moments.floor("h")).any():
        raise ContractError(f"{time_column} must be the beginning of an hour; {moments[moments != moments.floor('h')][0]} is not")
    first = moments.min()
    end = pd.Timestamp(end_at) if end_at is not None else moments.max() + HOUR
    hours = ((moments - first) // HOUR).to_numpy()
    count = max(0, (end - first) // HOUR)
    # Sorted, so that the order of rows never matters; the same text objects again and again, so that equal panels pickle equally.
    names = tuple(sorted({str(name) for name in rows[series_column].unique()}))
    columns = pd.Categorical(rows[series_column].astype(str), categories=names).codes
    numbers = np.full((count, len(names)), np.nan)
    is_inside = hours < count
    values = pd.to_numeric(rows[value_column]).to_numpy(dtype=np.float64, na_value=np.nan)
    numbers[hours[is_inside], columns[is_inside]] = values[is_inside]
    return Panel(names, first.to_pydatetime(), numbers, time_zone)
