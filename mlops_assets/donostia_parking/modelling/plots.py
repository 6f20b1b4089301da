"""Figures of forecasts, as PNG bytes: what is expected after what was, and how skill falls with the horizon."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.modelling.backtesting import trusted_spaces
from mlops_assets.ml.figures import (
    BLUE,
    INK,
    MUTED,
    SKY,
    SMALL_PT,
    as_numbers,
    one_axes,
    plain,
    png,
    say_no_data,
    thousands,
)
from mlops_assets.ml.plots import plot_series

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_HISTORY = timedelta(days=4)
_SPACES_LABEL = "free spaces"


def draw_forecasts(hourly: pd.DataFrame, forecasts: pd.DataFrame, metrics: pd.DataFrame) -> dict[str, bytes]:
    """Draw what people would rather look at than read, as PNG pictures by name.

    Args:
        hourly: rows of `hourly_free` of the last days.
        forecasts: rows of `forecasts`.
        metrics: rows of `forecast_metrics`.
    """
    return {
        "city_forecast": plot_forecast(hourly, forecasts, CITY_TOTAL_ID, "Free spaces in the city"),
        "skill_by_horizon": plot_skill(metrics),
    }


def plot_forecast(hourly: pd.DataFrame, forecasts: pd.DataFrame, car_park_id: str, title: str) -> bytes:
    """Draw the last days of a car park, trusted readings only, and its forecast with the 80 and 95 % intervals.

    Args:
        hourly: rows of `hourly_free`.
        forecasts: rows of `forecasts`.
        car_park_id: which car park, or the city.
        title: what is seen.
    """
    known = hourly.assign(places=trusted_spaces(hourly))
    known = known[known["car_park_id"] == car_park_id].sort_values("hour_at")
    expected = forecasts[forecasts["car_park_id"] == car_park_id].sort_values("hour_at")
    if len(expected):
        start = expected["hour_at"].iloc[0]
        known = known[(known["hour_at"] >= start - _SHOWN_HISTORY) & (known["hour_at"] < start)]
    figure, axes = one_axes(title, height_in=3.8)
    hours = expected["hour_at"].dt.tz_localize(None).to_numpy()
    for level, colour, strength in ((95, SKY, 0.25), (80, SKY, 0.5)):
        low, high = (as_numbers(expected[f"{end}_{level}_spaces"]) for end in ("low", "high"))
        axes.fill_between(hours, low, high, color=colour, alpha=strength, linewidth=0, label=f"{level} % interval")
    observed, places = known["hour_at"].dt.tz_localize(None).to_numpy(), as_numbers(known["places"])
    forecast = as_numbers(expected["forecast_spaces"])
    axes.plot(observed, places, color=INK, linewidth=1.5, label="observed")
    axes.plot(hours, as_numbers(expected["seasonal_naive_spaces"]), color=MUTED, ls=":", linewidth=1.5, label="day before")
    axes.plot(hours, forecast, color=BLUE, linewidth=2, label="forecast")
    if (places == places).any() or (forecast == forecast).any():
        axes.set_ylim(bottom=0)
        axes.tick_params(axis="x", labelrotation=35)
        axes.legend(frameon=False, fontsize=SMALL_PT, ncols=3)
    else:
        say_no_data(axes)
    axes.set(xlabel="hour (UTC)", ylabel=plain(_SPACES_LABEL))
    axes.yaxis.set_major_formatter(thousands)
    return png(figure)


def plot_skill(metrics: pd.DataFrame) -> bytes:
    """Draw the skill against repeating the day before over the hours ahead: for the city, and the median car park.

    Args:
        metrics: rows of `forecast_metrics`.
    """
    by_horizon = metrics[metrics["horizon_hours"] > 0]
    is_city = by_horizon["car_park_id"] == CITY_TOTAL_ID
    city = by_horizon[is_city].set_index("horizon_hours")["skill"].astype("float64")
    car_parks = by_horizon[~is_city].groupby("horizon_hours")["skill"].median().astype("float64")
    horizons = sorted(set(by_horizon["horizon_hours"]))
    series = {"city": city.reindex(horizons).to_numpy(), "median car park": car_parks.reindex(horizons).to_numpy()}
    title = "Skill by hours ahead: 1 is perfect, 0 is as good as repeating the day before"
    return plot_series([int(horizon) for horizon in horizons], series, title, "skill (no unit)")
