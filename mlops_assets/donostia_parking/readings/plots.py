"""Pictures of the feed's health for people who look at a day."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mlops_assets.ml.plots import plot_series

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.donostia_parking.cities import City


def draw_feed_health(hourly: pd.DataFrame, city: City) -> dict[str, bytes]:
    """Draw the city's free spaces by hour, apart for hours that were read, repeated from earlier, and read from a stale feed.

    Args:
        hourly: rows of the contract `HOURLY_FREE` of one day.
        city: whose clocks label the hours.
    """
    total = hourly[hourly["is_city_total"]]
    places = total["free_spaces"].astype("Float64")
    stale, filled = total["is_stale"].astype(bool), total["is_filled"].astype(bool)
    local = total["hour_at"].dt.tz_convert(ZoneInfo(city.time_zone))
    looks = {"read": ~stale & ~filled, "repeated from an earlier hour": filled & ~stale, "stale feed": stale}
    series = {name: places.where(chosen).to_numpy("float64", na_value=float("nan")) for name, chosen in looks.items()}
    title = f"Free spaces in {city.name}, hour by hour"
    return {"feed_health": plot_series(local.dt.strftime("%H:%M").tolist(), series, title, "free spaces")}
