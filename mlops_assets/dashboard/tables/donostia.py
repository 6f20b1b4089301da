"""What the page of Donostia reads: car parks, their last weeks, forecasts, their errors, and how the feed is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.dashboard.tables.partitions import latest_in_lake, latest_in_warehouse, read_from_lake
from mlops_assets.donostia_parking.cities import CITIES
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID, HOURLY_FREE, READINGS, REJECTED_READINGS
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_METRICS, FORECASTS
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import LakeAddress

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.stores.registry import Stores

SHOWN_DAYS = 14
_DAY = "day"


def read_car_parks(stores: Stores) -> pd.DataFrame:
    """Return the car parks of the newest day, each city's total first: `city_code`, `car_park_id`, `car_park_name`.

    Raises:
        NothingToShowError: no day has been read yet.
    """
    import pandas as pd

    day = latest_in_lake(stores, READINGS, _DAY, 1)
    named = read_from_lake(stores, READINGS, day, ["city_code", "car_park_id", "car_park_name"])
    parks = named.drop_duplicates(["city_code", "car_park_id"], keep="last").sort_values("car_park_name")
    cities = sorted(parks["city_code"].unique())
    totals = [{"city_code": city, "car_park_id": CITY_TOTAL_ID, "car_park_name": f"{CITIES[city].name}: all"} for city in cities]
    return pd.concat([pd.DataFrame(totals), parks], ignore_index=True)


def read_history(stores: Stores, city_code: str, car_park_id: str, days: int) -> pd.DataFrame:
    """Return the last hours of a car park: `hour_at`, `free_spaces`, `capacity`, `is_filled`, `is_stale`."""
    import pyarrow.compute as pc

    wanted = (pc.field("city_code") == city_code) & (pc.field("car_park_id") == car_park_id)
    columns = ["hour_at", "free_spaces", "capacity", "is_filled", "is_stale"]
    return read_from_lake(stores, HOURLY_FREE, latest_in_lake(stores, HOURLY_FREE, _DAY, days), columns, wanted)


def read_issue_dates(stores: Stores) -> list[str]:
    """Return the days at whose ends forecasts were issued, the newest first.

    Raises:
        NothingToShowError: there is no forecast yet.
    """
    return [partition.key for partition in reversed(latest_in_warehouse(stores, FORECASTS, SHOWN_DAYS))]


def read_forecasts(stores: Stores, issue_date: str) -> pd.DataFrame:
    """Return the forecasts that were issued at the end of a day."""
    return _read(stores, FORECASTS, [Partition("issue_date", issue_date)])


def read_backtest(stores: Stores) -> pd.DataFrame:
    """Return the newest rows of `forecast_metrics`.

    Raises:
        NothingToShowError: no model has been measured yet.
    """
    return _read(stores, FORECAST_METRICS, latest_in_warehouse(stores, FORECAST_METRICS, 1))


def read_accuracy(stores: Stores) -> pd.DataFrame:
    """Return what became of the forecasts of the last days.

    Raises:
        NothingToShowError: no day with forecasts is over yet.
    """
    return _read(stores, FORECAST_ACCURACY, latest_in_warehouse(stores, FORECAST_ACCURACY, SHOWN_DAYS))


def read_feed_health(stores: Stores, city_code: str) -> pd.DataFrame:
    """Return a row for each of the last days, of which `feed_health` tells the columns."""
    import pyarrow.compute as pc

    days = latest_in_lake(stores, HOURLY_FREE, _DAY, SHOWN_DAYS)
    of_car_parks = (pc.field("city_code") == city_code) & ~pc.field("is_city_total")
    columns = ["local_date", "read_at", "is_complete", "is_filled", "is_stale", "is_stuck_at_zero"]
    health = feed_health(read_from_lake(stores, HOURLY_FREE, days, columns, of_car_parks))
    lake = stores.lake(REJECTED_READINGS.domain)
    rejected = {day.key: lake.row_count(LakeAddress((REJECTED_READINGS.domain, REJECTED_READINGS.name), day)) or 0 for day in days}
    return health.assign(rejected_count=health["local_date"].astype(str).map(rejected))


def feed_health(hours: pd.DataFrame) -> pd.DataFrame:
    """Say for each day what its hours are made of.

    Args:
        hours: `local_date`, `read_at`, `is_complete`, `is_filled`, `is_stale` and `is_stuck_at_zero` of car parks.

    Returns:
        `local_date`, `last_read_at`, and in percent of the hours of all car parks `read_pct`, `filled_pct`, `stale_pct`,
        `stuck_pct` and `missing_pct`, which add up to 100; an hour that is several of these counts for the worst.
    """
    states = hours[["local_date", "read_at"]].copy()
    states["missing_pct"] = ~hours["is_complete"]
    states["stale_pct"] = hours["is_stale"] & hours["is_complete"]
    states["stuck_pct"] = hours["is_stuck_at_zero"] & hours["is_complete"] & ~hours["is_stale"]
    known = hours["is_complete"] & ~hours["is_stale"] & ~hours["is_stuck_at_zero"]
    states["filled_pct"] = known & hours["is_filled"]
    states["read_pct"] = known & ~hours["is_filled"]
    shares = ["read_pct", "filled_pct", "stale_pct", "stuck_pct", "missing_pct"]
    by_day = states.groupby("local_date")
    return (100 * by_day[shares].mean()).assign(last_read_at=by_day["read_at"].max()).reset_index()


def live_skill(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the skill of forecasts that have come true, by `horizon_hours`: 1 less the ratio of the two mean absolute errors.

    Hours of which one of the errors is not known do not count, nor hours ahead at which the naive forecast made no error.
    """
    known = accuracy.dropna(subset=["error_spaces", "seasonal_naive_error_spaces"])
    errors = known[["error_spaces", "seasonal_naive_error_spaces"]].abs().groupby(known["horizon_hours"]).mean()
    errors = errors[errors["seasonal_naive_error_spaces"] > 0]
    skill = 1 - errors["error_spaces"] / errors["seasonal_naive_error_spaces"]
    return skill.rename("skill").reset_index()


def _read(stores: Stores, contract: TableContract, partitions: list[Partition]) -> pd.DataFrame:
    return stores.warehouse(contract.domain).read(contract, partitions)
