"""Print how the platform's recipe compares with the original's on recorded crimes."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
from mlops_assets.chicago_crimes.modelling.comparison import compare_recipes
from mlops_assets.chicago_crimes.modelling.training_window import build_training_window
from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource
from mlops_assets.errors import NotEnoughDataError, PermanentError
from mlops_assets.months import Month
from mlops_assets.terminal import new_table

_MINIMUM_ROWS = 2_000


def report_quality(console: Console, export: Path, stations: Path, months: str | None, tuning_trials: int, seconds: float) -> None:
    """Read crimes, train both recipes, print the comparison and by how much the platform's is better."""
    window, station_table = _read_window(console, export, stations, months)
    first, last = window["occurred_at"].min(), window["occurred_at"].max()
    console.print(
        f"{len(window):,} crimes from {first:%Y-%m-%d} to {last:%Y-%m-%d}, {window['is_arrest'].mean():.1%} with an arrest"
    )
    console.print("Log loss on validation rows, and how long the fit took:")
    comparison = compare_recipes(
        window,
        station_table,
        tuning_trials=tuning_trials,
        time_budget_seconds=seconds,
        on_trial=lambda trial: console.print(
            f"  {trial.metrics['log_loss']:.4f} in {trial.fit_seconds:.1f} s: {trial.name}", highlight=False
        ),
    )
    console.print(_as_table(comparison))
    for predictor in comparison["predictor"]:
        console.print(f"  {predictor}", highlight=False)
    platform, original = comparison.iloc[0], comparison.iloc[1]
    for figure, sign in (("auc", 1), ("mcc", 1), ("brier", -1)):
        gain = sign * (platform[figure] - original[figure])
        console.print(f"{figure}: {'better' if gain > 0 else 'worse'} than the original's recipe by {abs(gain):.4f}")


def _read_window(console: Console, export: Path, stations: Path, months: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    with TemporaryDirectory() as cache:
        source = ExportCrimeSource(export, Path(cache) / "crimes")
        station_table = parse_stations(ExportCrimeSource(stations, Path(cache) / "stations").read_stations())
        frames, read = [], []
        for month in track(_wanted(source.available_months(), months), "Reading", console=console):
            try:
                parsed = parse_crimes(source.read_month(month), month)
            except PermanentError as error:
                console.print(f"[yellow]{month} left out[/yellow]: {error}", highlight=False)
                continue
            if parsed.crimes.empty:
                reason = parsed.rejects["reason"].iloc[0]
                console.print(f"[yellow]{month} left out[/yellow]: all {len(parsed.rejects):,} records rejected, e.g. {reason}")
                continue
            frames.append(enrich_crimes(parsed.crimes, station_table))
            read.append(month.key)
    if not frames:
        raise NotEnoughDataError(f"no readable crimes at {export}")
    return build_training_window(pd.concat(frames, ignore_index=True), read, 1, _MINIMUM_ROWS), station_table


def _wanted(available: list[Month], months: str | None) -> list[Month]:
    if months is None:
        return available
    first, _, last = months.partition(":")
    return [month for month in available if Month.parse(first) <= month <= Month.parse(last or first)]


def _as_table(comparison: pd.DataFrame) -> Table:
    """Return a row per figure and a column per predictor, of which there are few."""
    rows = int(comparison["row_count"].iloc[0])
    names = [_short(name) for name in comparison["predictor"]]
    table = new_table(f"On the latest 20 % of the crimes, the same {rows:,} for all", "figure", *names)
    # The share of the larger class is the accuracy of the predictor that always says no.
    for figure in comparison.columns.drop(["predictor", "row_count", "no_information_rate"]):
        table.add_row(figure.replace("_", " "), *(f"{value:.4f}" for value in comparison[figure]))
    return table


def _short(predictor: str) -> str:
    """Return a predictor's name as far as it tells it from the others: `platform`, `original`, a baseline's own."""
    kind, _, name = predictor.partition(": ")
    return name if kind == "baseline" else kind
