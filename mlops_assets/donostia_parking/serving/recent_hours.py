"""The hours that a forecast starts from, and the names of car parks, read from the lake by contract."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import conform, empty_frame, to_pandas
from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.contracts import CAR_PARKS, HOURLY_FREE
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.errors import MissingPartitionError
from mlops_assets.stores.lake import LakeAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mlops_assets.donostia_parking.modelling.forecaster import CarParkForecaster
    from mlops_assets.stores.lake import Lake

_READ_AT_ONCE = 8


def read_recent_hours(lake: Lake, forecaster: CarParkForecaster, columns: Sequence[str], moment: datetime) -> pd.DataFrame:
    """Return the rows of `hourly_free` before a moment that a forecaster wants to see; days that nobody has read are left out.

    Args:
        lake: of this domain.
        forecaster: says of which city, and how far back.
        columns: those wanted.
        moment: of the forecast.
    """
    import pyarrow as pa

    today = LocalDay.of(moment, forecaster.time_zone)
    # One more than the history, because days have 23 to 25 hours.
    wanted = [today.plus(-days) for days in range(forecaster.history_days + 1, -1, -1)]
    present = set(lake.partitions((DOMAIN, HOURLY_FREE.name)))
    days = [day for day in wanted if day.key in present]
    if not days:
        return empty_frame(HOURLY_FREE)[list(columns)]

    def read(day: LocalDay) -> pa.Table:
        address = LakeAddress((DOMAIN, HOURLY_FREE.name), day.partition)
        return conform(lake.read(address, columns, contract=HOURLY_FREE), HOURLY_FREE, columns)

    with ThreadPoolExecutor(_READ_AT_ONCE, thread_name_prefix="hours") as pool:
        rows = to_pandas(pa.concat_tables(pool.map(read, days)))
    is_before = (rows["hour_at"] < moment) & (rows["hour_at"] >= moment - timedelta(days=forecaster.history_days))
    return rows[is_before & (rows["city_code"] == forecaster.city_code)].reset_index(drop=True)


def read_names(lake: Lake, city_code: str) -> dict[str, str]:
    """Return the names of a city's car parks by identifier; none if nobody has made the table."""
    columns = ["city_code", "car_park_id", "valid_from_at", "car_park_name"]
    try:
        table = lake.read(LakeAddress((DOMAIN, CAR_PARKS.name)), columns, contract=CAR_PARKS)
    except MissingPartitionError:
        return {}
    rows = to_pandas(conform(table, CAR_PARKS, columns)).sort_values("valid_from_at", kind="stable")
    rows = rows[rows["city_code"] == city_code]
    return dict(zip(rows["car_park_id"], rows["car_park_name"], strict=True))
