"""The demonstration: nine weeks of a simulated feed to a forecast, and what became of the one before."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.cities import City
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_CHAMPION, FORECAST_METRICS, FORECASTS
from mlops_assets.donostia_parking.modelling.monitoring import summarize_accuracy
from mlops_assets.orchestration.demo import Demo, DemoStep
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.stores.warehouse import Warehouse
from mlops_assets.terminal import new_table

_READ_DAYS = 57
"""The eight weeks that a model learns from, and the day that its forecasts are compared with."""


def build_demo(city: City) -> Demo:
    """Return the demonstration for a city: land recorded snapshots up to yesterday, train, forecast two days, compare."""
    return Demo(
        "from a feed of free spaces to forecasts",
        lambda _stores, now: _steps(city, _yesterday(city, now)),
        lambda console, stores, now: _report(
            console, stores.warehouse(DOMAIN), city, _yesterday(city, now).plus(-1), _yesterday(city, now)
        ),
    )


def _yesterday(city: City, now: datetime) -> LocalDay:
    return LocalDay.of(now, city.time_zone).plus(-1)


def _steps(city: City, yesterday: LocalDay) -> Iterator[DemoStep]:
    trained, first = yesterday.plus(-1), yesterday.plus(1 - _READ_DAYS)
    recorded = {"mode": "replay", "since": (first.start - timedelta(days=2)).isoformat(), "until": yesterday.end.isoformat()}
    yield DemoStep(
        f"Land and read {first} to {yesterday}",
        "read_donostia_parking",
        tags=range_tags(first.key, yesterday.key),
        run_config={"ops": {f"{DOMAIN}__snapshots": {"config": recorded}}},
    )
    yield DemoStep(f"Train and measure the model of {trained}", "train_forecast_model", trained.key)
    for day in (trained, yesterday):
        yield DemoStep(f"Forecast from the end of {day}, compare", "forecast_donostia_parking", day.key)


def _report(console: Console, warehouse: Warehouse, city: City, trained: LocalDay, forecast: LocalDay) -> None:
    decision = warehouse.read(FORECAST_CHAMPION).iloc[-1]
    console.print(f"Version {decision['challenger_version']}: [bold]{decision['decision']}[/bold]. {escape(decision['reason'])}")
    metrics = warehouse.read(FORECAST_METRICS, [trained.partition])
    accuracy = summarize_accuracy(warehouse.read(FORECAST_ACCURACY, [forecast.partition]), metrics)
    for row in accuracy[accuracy["is_city_total"].astype(bool)].to_dict("records"):
        console.print(
            f"{forecast}: the city's forecasts were off by {row['mae_spaces']:.0f} spaces in the mean; the backtest promised "
            f"{row['expected_mae_spaces']:.0f}, repeating the day before was off by {row['seasonal_naive_mae_spaces']:.0f}."
        )
    rows = warehouse.read(FORECASTS, [forecast.partition])
    console.print(_forecast_table(rows[rows["car_park_id"] == CITY_TOTAL_ID], city))


def _forecast_table(rows: pd.DataFrame, city: City) -> Table:
    title = f"Free spaces to expect in {city.name}, every third hour"
    table = new_table(title, "hour", "expected", "80 % interval", "95 % interval")
    hours = rows["hour_at"].dt.tz_convert(ZoneInfo(city.time_zone)).dt.strftime("%a %H:%M")
    for row in rows.assign(hour=hours).iloc[::3].to_dict("records"):
        intervals = (f"{row[f'low_{level}_spaces']:,.0f} to {row[f'high_{level}_spaces']:,.0f}" for level in (80, 95))
        table.add_row(row["hour"], f"{row['forecast_spaces']:,.0f}", *intervals)
    return table
