"""The hours that a day's model learns from, and whether the feed was alive at their end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_assets.donostia_parking import defaults
from mlops_assets.donostia_parking.model_contracts import TRAINING_WINDOW
from mlops_assets.donostia_parking.modelling.backtesting import trusted_spaces
from mlops_assets.errors import NotEnoughDataError

if TYPE_CHECKING:
    import pandas as pd

LONGEST_SILENCE = timedelta(hours=12)
"""A model is not trained if the newest trusted hour is older than this: what it would learn is not the present."""


def build_training_window(hourly: pd.DataFrame, end_at: datetime, history_days: int = defaults.HISTORY_DAYS) -> pd.DataFrame:
    """Return the hours of the weeks before a moment.

    Args:
        hourly: rows of `hourly_free`; others than those of the window are not looked at.
        end_at: end of the window (UTC, excluded).
        history_days: its length.

    Raises:
        NotEnoughDataError: there are none.
    """
    start_at = end_at - timedelta(days=history_days)
    rows = hourly[(hourly["hour_at"] >= start_at) & (hourly["hour_at"] < end_at)]
    if rows.empty:
        raise NotEnoughDataError(
            f"there is no hour from {start_at:%Y-%m-%d %H:%M} to {end_at:%Y-%m-%d %H:%M} UTC; materialize hourly_free of these days"
        )
    return rows[TRAINING_WINDOW.column_names].sort_values(["car_park_id", "hour_at"], kind="stable", ignore_index=True)


def newest_trusted_hour(hours: pd.DataFrame) -> datetime | None:
    """Return the newest hour with a value that can be trusted, in UTC; None if there is none."""
    trusted = hours.loc[trusted_spaces(hours).notna(), "hour_at"]
    if trusted.empty:
        return None
    newest: datetime = trusted.max().to_pydatetime()
    return newest


def silence(window: pd.DataFrame) -> timedelta | None:
    """Return how long before the end of a training window the newest trusted value lies; None if there is none at all."""
    newest = newest_trusted_hour(window)
    if newest is None:
        return None
    age: timedelta = window["hour_at"].max().to_pydatetime() - newest
    return age
