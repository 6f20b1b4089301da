"""Print how all ways to forecast free spaces do on recorded hours."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mlops_assets.donostia_parking.cities import CITIES
from mlops_assets.donostia_parking.modelling.backtesting import BASELINE
from mlops_assets.donostia_parking.modelling.comparison import compare_forecasts
from mlops_assets.donostia_parking.readings.historical_hours import read_historical_hours
from mlops_assets.donostia_parking.sources.export import ExportParkingSource
from mlops_assets.errors import SettingsError
from mlops_assets.terminal import fits, new_table

_FIGURES = {"mae_spaces": ".1f", "skill": ".2f", "coverage_80": ".1%", "coverage_95": ".1%"}


def report_forecast_quality(console: Console, export: Path, city_code: str, origin_count: int) -> None:
    """Read historical files, let every candidate forecast from past hours; print the comparison and the coverage of intervals."""
    hourly = _read_hours(console, export, city_code)
    first, last = hourly["hour_at"].min(), hourly["hour_at"].max()
    total = hourly[hourly["is_city_total"].astype(bool)]
    stale = int(total["is_stale"].sum())
    console.print(f"{len(total):,} hours from {first:%Y-%m-%d} to {last:%Y-%m-%d}, {stale:,} of them from a stale feed")
    with console.status("Forecasting from every past hour"):
        comparison = compare_forecasts(hourly, CITIES[city_code].time_zone, origin_count=origin_count)
    _print_comparison(console, comparison)
    chosen, naive = comparison.iloc[0], comparison[comparison["predictor"] == BASELINE].iloc[0]
    gain = 1 - chosen["city_mae_spaces"] / naive["city_mae_spaces"]
    compared = f"{abs(gain):.0%} {'smaller' if gain >= 0 else 'larger'} mean error than repeating the day before"
    console.print(f"City: {compared}, on forecasts that nothing was fitted to.")
    for level in (80, 95):
        held = chosen[f"city_coverage_{level}"]
        told = "are not known: they take more days" if pd.isna(held) else f"held {held:.1%} of what happened"
        console.print(f"{level} % intervals {told}.")


def _read_hours(console: Console, export: Path, city_code: str) -> pd.DataFrame:
    if city_code not in CITIES:
        raise SettingsError(f"unknown city {city_code!r}; known: {', '.join(CITIES)}")
    city = CITIES[city_code]
    source = ExportParkingSource(export, city)
    return read_historical_hours(source, city, track=lambda days: track(days, "Reading", console=console))


def _print_comparison(console: Console, comparison: pd.DataFrame) -> None:
    """Print one table, or two where it is too wide."""
    title = "Forecasts of the next 24 hours"
    whole = _as_table(f"{title}: for the city, and in the mean of its car parks", comparison, ("city", "car_park"))
    if fits(console, whole):
        console.print(whole)
        return
    console.print(_as_table(f"{title} for the city", comparison, ("city",)))
    console.print(_as_table(f"{title}, in the mean of its car parks", comparison, ("car_park",)))


def _as_table(title: str, comparison: pd.DataFrame, shown: Sequence[str]) -> Table:
    prefixes = {"city": "city ", "car_park": "car parks "} if len(shown) > 1 else dict.fromkeys(shown, "")
    headers = [header for whose in shown for header in (f"{prefixes[whose]}MAE", "skill", "in 80 %", "in 95 %")]
    table = new_table(title, "predictor", *headers, "s")
    for _, row in comparison.iterrows():
        values = [_figure(row[f"{whose}_{name}"], digits) for whose in shown for name, digits in _FIGURES.items()]
        table.add_row(row["predictor"], *values, f"{row['seconds']:.1f}")
    return table


def _figure(value: float, digits: str) -> str:
    return "-" if pd.isna(value) else f"{value:{digits}}"
