"""Suspect readings: which come from a stale feed, and which from a car park that never shows anything but zero.

Both look back only: a reading is judged by itself and those before it, so a flag never changes when later readings arrive.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

STALE_AFTER = timedelta(hours=3)
"""No live feed of a whole city stands still for this long: in historical files the longest stillness, at night, is 48 minutes."""

ZERO_AFTER = timedelta(days=1)
"""A full car park has a free place at some time of the day; one without a sensor has none for years."""


def find_stale(read_at: np.ndarray, car_park: np.ndarray, free: np.ndarray, after: timedelta = STALE_AFTER) -> np.ndarray:
    """Tell which readings come from a feed in which no car park has changed for some time.

    A pause longer than `after` proves nothing: the time is counted anew from the first reading behind it.

    Args:
        read_at: moments as `datetime64`, in order.
        car_park: a number per car park.
        free: free spaces.
        after: how long everything must have stood still, from the first reading of the present values.

    Returns:
        A flag per reading.
    """
    if not len(read_at):
        return np.zeros(0, bool)
    moments, moment_of = np.unique(read_at, return_inverse=True)
    by_car_park = np.lexsort((read_at, car_park))
    is_same = np.zeros(len(read_at), bool)
    here, before = by_car_park[1:], by_car_park[:-1]
    is_same[here] = (car_park[here] == car_park[before]) & (free[here] == free[before])
    is_new = np.bincount(moment_of, ~is_same, len(moments)) > 0
    return _has_lasted(moments, is_new, after)[moment_of]


def find_stuck_at_zero(read_at: np.ndarray, car_park: np.ndarray, free: np.ndarray, after: timedelta = ZERO_AFTER) -> np.ndarray:
    """Tell which readings are of a car park that has shown 0 in every reading for some time; arguments as in `find_stale`."""
    if not len(read_at):
        return np.zeros(0, bool)
    order = np.lexsort((read_at, car_park))
    is_new = np.append(True, (car_park[order][1:] != car_park[order][:-1]) | (free[order][:-1] != 0))
    flags = np.zeros(len(read_at), bool)
    flags[order] = _has_lasted(read_at[order], is_new, after) & (free[order] == 0)
    return flags


def _has_lasted(moments: np.ndarray, is_new: np.ndarray, after: timedelta) -> np.ndarray:
    """Tell at which moments the present state has lasted for `after`; it begins where it is new, and behind a long pause."""
    limit = np.timedelta64(after)
    is_pause = np.append(True, np.diff(moments) > limit)
    started = np.maximum.accumulate(np.where(is_new | is_pause, np.arange(len(moments)), 0))
    return moments - moments[started] >= limit
