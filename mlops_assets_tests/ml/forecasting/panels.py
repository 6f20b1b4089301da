"""Panels as small as tests want them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.ml.forecasting.panel import DAY_HOURS, Panel

MONDAY = datetime(2022, 1, 3, tzinfo=timezone.utc)
"""The first hour of a Monday in winter, when clocks in Lisbon show UTC."""


def panel_of(*series: npt.ArrayLike, start_at: datetime = MONDAY, time_zone: str = "UTC", names: Any = "abcdefgh") -> Panel:
    """Return a panel with these series, called a, b, c ..."""
    numbers = np.column_stack([np.asarray(values, dtype=float) for values in series])
    return Panel(tuple(names[: len(series)]), start_at, numbers, time_zone)


def daily_wave(days: int, *, level: float = 100.0, height: float = 50.0) -> np.ndarray:
    """Return hours of days that are all the same."""
    return level + height * np.sin(2 * np.pi * np.arange(days * DAY_HOURS) / DAY_HOURS)


def busy_weekends(days: int, *, noise: float, seed: int = 7) -> np.ndarray:
    """Return hours from a Monday on with a daily wave, fewer free spaces at weekends, and noise that lasts some hours."""
    random = np.random.default_rng(seed)
    hours = np.arange(days * DAY_HOURS)
    is_weekend = (hours // DAY_HOURS) % 7 >= 5
    values = daily_wave(days, level=300, height=100) - 150 * is_weekend
    lasting = 0.0
    for hour in hours:
        lasting = 0.9 * lasting + noise * random.standard_normal()
        values[hour] += lasting
    return values


def without(values: np.ndarray, *hours: slice | int) -> np.ndarray:
    """Return values of which some hours are not known."""
    changed = values.astype(float).copy()
    for hour in hours:
        changed[hour] = np.nan
    return changed
