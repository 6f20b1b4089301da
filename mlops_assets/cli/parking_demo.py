"""The demonstration of the second domain: nine weeks of a simulated feed to a forecast, and what became of the one before."""

import logging
import time
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlops_assets.build import build_definitions, build_stores
from mlops_assets.cli.places import say_where
from mlops_assets.cli.progress import job_progress, run_with_progress
from mlops_assets.cli.servers import use_home
from mlops_assets.cli.tables import new_table
from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.accuracy import summarize_accuracy
from mlops_assets.donostia_parking.championship import FORECAST_CHAMPION
from mlops_assets.donostia_parking.cities import CITIES, City
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.donostia_parking.forecast_contracts import FORECAST_ACCURACY, FORECAST_METRICS, FORECASTS
from mlops_assets.orchestration.home import open_instance
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.settings import load_settings
from mlops_assets.stores.warehouse import Warehouse

_READ_DAYS = 57
"""The eight weeks that a model learns from, and the day that its forecasts are held against."""


def run_parking_demo(console: Console, now: datetime | None = None) -> None:
    """Land recorded snapshots up to yesterday, make the hourly series, train, forecast two days, compare and say what came out."""
    started = time.monotonic()
    settings = load_settings()
    use_home(settings)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    city = CITIES[settings.donostia_parking.city]
    yesterday = LocalDay.of(now or datetime.now(timezone.utc), city.time_zone).plus(-1)
    trained, first = yesterday.plus(-1), yesterday.plus(1 - _READ_DAYS)
    definitions = build_definitions(settings)
    say_where(console, settings, [DOMAIN])
    console.rule("[bold]donostia_parking[/bold]: from a feed of free places to forecasts")
    with open_instance() as instance, job_progress(console) as progress:

        def run(title: str, job: str, **options: Any) -> None:
            run_with_progress(progress, title, definitions.resolve_job_def(job), instance, **options)

        recorded = {"is_recorded": True, "since": (first.start - timedelta(days=2)).isoformat(), "until": yesterday.end.isoformat()}
        run(
            f"Land and read {first} to {yesterday}",
            "read_donostia_parking",
            tags=range_tags(first.key, yesterday.key),
            run_config={"ops": {f"{DOMAIN}__snapshots": {"config": recorded}}},
        )
        run(f"Train and measure the model of {trained}", "train_forecast_model", partition_key=trained.key)
        for day in (trained, yesterday):
            run(f"Forecast from the end of {day}, compare", "forecast_donostia_parking", partition_key=day.key)
    _report(console, build_stores(settings).warehouse(DOMAIN), city, trained, yesterday)
    console.rule(f"done in {time.monotonic() - started:.0f} s")
    console.print("Next: [bold]make dev[/bold], the Dagster UI on this data: http://127.0.0.1:3000", highlight=False)


def _report(console: Console, warehouse: Warehouse, city: City, trained: LocalDay, forecast: LocalDay) -> None:
    decision = warehouse.read(FORECAST_CHAMPION).iloc[-1]
    console.print(f"Version {decision['challenger_version']}: [bold]{decision['decision']}[/bold]. {escape(decision['reason'])}")
    metrics = warehouse.read(FORECAST_METRICS, [trained.partition])
    accuracy = summarize_accuracy(warehouse.read(FORECAST_ACCURACY, [forecast.partition]), metrics)
    for row in accuracy[accuracy["is_city_total"].astype(bool)].to_dict("records"):
        console.print(
            f"{forecast}: the city's forecasts were off by {row['mae_places']:.0f} places in the mean; the backtest promised "
            f"{row['expected_mae_places']:.0f}, repeating the day before was off by {row['seasonal_naive_mae_places']:.0f}."
        )
    rows = warehouse.read(FORECASTS, [forecast.partition])
    console.print(_forecast_table(rows[rows["car_park_id"] == CITY_TOTAL_ID], city))


def _forecast_table(rows: pd.DataFrame, city: City) -> Table:
    title = f"Free places to expect in {city.name}, every third hour"
    table = new_table(title, "hour", "expected", "80 % interval", "95 % interval")
    hours = rows["hour_at"].dt.tz_convert(ZoneInfo(city.time_zone)).dt.strftime("%a %H:%M")
    for row in rows.assign(hour=hours).iloc[::3].to_dict("records"):
        intervals = (f"{row[f'low_{level}_places']:,.0f} to {row[f'high_{level}_places']:,.0f}" for level in (80, 95))
        table.add_row(row["hour"], f"{row['forecast_places']:,.0f}", *intervals)
    return table
