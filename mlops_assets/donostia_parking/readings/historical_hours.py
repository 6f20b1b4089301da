"""The hourly series of everything that a source has recorded, without a platform: for the quality command and the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.donostia_parking.readings.daily import build_readings
from mlops_assets.donostia_parking.readings.hourly import build_hourly_free
from mlops_assets.donostia_parking.sources.landing import LOOK_BACK
from mlops_assets.errors import NotEnoughDataError

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.sources.base import ParkingSource


def read_historical_hours(
    source: ParkingSource,
    city: City,
    *,
    since: datetime | None = None,
    track: Callable[[list[LocalDay]], Iterable[LocalDay]] = iter,
) -> pd.DataFrame:
    """Return rows of `hourly_free` for every recorded day, by the functions that the assets call.

    Args:
        source: with historical files.
        city: whose car parks they are.
        since: earlier snapshots are left out.
        track: goes through the days, and may show how far it is.

    Raises:
        NotEnoughDataError: nothing has been recorded.
    """
    span = source.available_range()
    if span is None:
        raise NotEnoughDataError(f"{source.describe()} has recorded nothing of {city.name}")
    first, last = max(span[0], since or span[0]), span[1]
    snapshots = list(source.snapshots_between(first, last + timedelta(microseconds=1)))
    start, end = LocalDay.of(first, city.time_zone), LocalDay.of(last, city.time_zone)
    days = [start.plus(number) for number in range((end.date - start.date).days + 1)]
    known: list[pd.DataFrame] = []
    hours: list[pd.DataFrame] = []
    for day in track(days):
        near = [snapshot for snapshot in snapshots if day.start - LOOK_BACK <= snapshot.requested_at < day.end]
        known = [*known[-1:], build_readings(near, day, city).readings]
        hours.append(build_hourly_free(pd.concat(known), day, city))
    return pd.concat([frame for frame in hours if len(frame)], ignore_index=True)
