"""The hourly series: the last reading of each hour per car park, short gaps filled and flagged, and the sum over the city."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID, HOURLY_FREE

if TYPE_CHECKING:
    from datetime import datetime

    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.days import LocalDay

SOURCE_COLUMNS = ["read_at", "car_park_id", "free_spaces", "capacity", "is_stale", "is_stuck_at_zero"]
"""The columns of `readings` that the series is made from."""

FILL_LIMIT = timedelta(hours=3)
"""Hourly collectors are up to two and a half hours late; what is older than this is history, not the present."""


def build_hourly_free(
    readings: pd.DataFrame, day: LocalDay, city: City, *, fill_limit: timedelta = FILL_LIMIT, until: datetime | None = None
) -> pd.DataFrame:
    """Return the hourly series of a day.

    Every car park that was read on the day or the day before has a row for each of the day's 23, 24 or 25 hours, and so has the
    city. An hour without a reading repeats the last one, unless this is older than the limit or came from a stale feed.

    Args:
        readings: rows of the contract `READINGS` of the day and of the day before; others are not looked at.
        day: a calendar day in the city's time zone.
        city: whose car parks they are.
        fill_limit: for how many hours a reading may stand in for those after its own; 0 fills nothing.
        until: hours that begin at or after this moment are left out; for a day that is not over.

    Returns:
        Rows of the contract `HOURLY_FREE`, by car park and hour; none if nothing was read.
    """
    hours = [hour for hour in day.hours() if until is None or hour < until]
    start = day.plus(-1).start
    known = readings[(readings["read_at"] >= start) & (readings["read_at"] < day.end)]
    car_parks = _fill_hours(_last_of_hour(known), hours, fill_limit)
    rows = pd.concat([car_parks, _sum_up(car_parks)], ignore_index=True)
    local = rows["hour_at"].dt.tz_convert(ZoneInfo(city.time_zone))
    rows = rows.assign(city_code=city.code, local_date=local.dt.date, local_hour=local.dt.hour)
    rows = rows.sort_values(["car_park_id", "hour_at"], kind="stable", ignore_index=True)
    return to_pandas(to_arrow(rows, HOURLY_FREE))


def _last_of_hour(readings: pd.DataFrame) -> pd.DataFrame:
    """Return the last reading of each car park and hour, its value kept between 0 and the car park's places."""
    last = (
        readings[SOURCE_COLUMNS]
        .assign(hour_at=readings["read_at"].dt.floor("h"))
        .sort_values(["read_at", "car_park_id"], kind="stable")
        .drop_duplicates(["car_park_id", "hour_at"], keep="last")
    )
    total = last["capacity"].astype(float)
    return last.assign(free_spaces=last["free_spaces"].astype(float).clip(lower=0, upper=total), capacity=total)


def _fill_hours(last: pd.DataFrame, hours: list[datetime], fill_limit: timedelta) -> pd.DataFrame:
    """Return one row per hour and car park, each with the reading that holds there, if any."""
    names = sorted(last["car_park_id"].unique())
    index = pd.DatetimeIndex(hours, tz="UTC").as_unit("us")
    grid = pd.DataFrame(
        {"hour_at": index.repeat(len(names)), "car_park_id": pd.Series(names * len(hours), dtype=last["car_park_id"].dtype)}
    )
    source = last.assign(source_hour_at=last["hour_at"]).sort_values("hour_at", kind="stable")
    rows = pd.merge_asof(grid, source, on="hour_at", by="car_park_id", tolerance=pd.Timedelta(fill_limit))
    is_filled = rows["read_at"].notna() & (rows["source_hour_at"] < rows["hour_at"])
    is_cut_off = is_filled & rows["is_stale"].eq(True)
    values = ["read_at", "free_spaces", "capacity"]
    rows[values] = rows[values].mask(is_cut_off)
    flags = {name: rows[name].eq(True) & ~is_cut_off for name in ("is_stale", "is_stuck_at_zero")}
    rows = rows.assign(**flags, is_filled=is_filled & ~is_cut_off, is_complete=rows["free_spaces"].notna(), is_city_total=False)
    return rows.drop(columns="source_hour_at")


def _sum_up(car_parks: pd.DataFrame) -> pd.DataFrame:
    """Return the city's row of each hour, from the car parks that have a value there."""
    by_hour = car_parks.groupby("hour_at", sort=True)
    present = car_parks[car_parks["is_complete"]].groupby("hour_at")
    total = pd.DataFrame(
        {
            "free_spaces": by_hour["free_spaces"].sum(min_count=1),
            "capacity": present["capacity"].agg(lambda places: places.sum(skipna=False)),
            "read_at": by_hour["read_at"].max(),
            "is_filled": by_hour["is_filled"].any(),
            "is_complete": by_hour["is_complete"].all(),
            "is_stale": by_hour["is_stale"].any(),
            "is_stuck_at_zero": present["is_stuck_at_zero"].all(),
        }
    )
    total["is_stuck_at_zero"] = total["is_stuck_at_zero"].eq(True)
    return total.reset_index().assign(car_park_id=CITY_TOTAL_ID, is_city_total=True)
