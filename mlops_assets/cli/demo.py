"""The demonstration: fourteen simulated months to two models, a championship, predictions and drift."""

import logging
import time
from datetime import datetime, timezone
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mlops_assets.build import build_definitions, build_stores
from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets.chicago_crimes.training_window import WINDOW_MONTHS
from mlops_assets.cli.progress import run_with_progress
from mlops_assets.cli.servers import use_home
from mlops_assets.months import Month
from mlops_assets.orchestration.home import open_instance
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.partition import Partition
from mlops_assets.settings import Settings
from mlops_assets.stores.warehouse import Warehouse

_MODEL_CONFIG = {"ops": {f"{DOMAIN}__arrest_model": {"config": {"trials_per_candidate": 1}}}}
"""One configuration per candidate keeps the demonstration short; the default tries two."""


def run_demo(console: Console, now: datetime | None = None) -> None:
    """Materialize the graph of `chicago_crimes` for the latest complete months and say what came out.

    Two months are lived through as a team would: train on the twelve months before, let the model challenge the champion, score the
    month, measure its drift.
    """
    started = time.monotonic()
    settings = Settings()
    use_home(settings)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    last = _latest_complete_month(now or datetime.now(timezone.utc))
    scored = [last.plus(-1), last]
    definitions = build_definitions(settings)
    warehouse = build_stores(settings).warehouse(DOMAIN)
    console.rule("[bold]chicago_crimes[/bold]: from raw crimes to a champion model")
    columns = (TextColumn("{task.description:<50}"), BarColumn(bar_width=10), MofNCompleteColumn(), TimeElapsedColumn())
    with open_instance() as instance, Progress(*columns, console=console) as progress:

        def run(title: str, job: str, **options: Any) -> None:
            run_with_progress(progress, title, definitions.resolve_job_def(job), instance, **options)

        first = scored[0].plus(-WINDOW_MONTHS)
        run(f"Read and enrich {first} to {last}", "read_chicago_crimes", tags=range_tags(first.key, last.key))
        for month in scored:
            run(f"Train and evaluate the model of {month}", "train_arrest_model", partition_key=month.key, run_config=_MODEL_CONFIG)
            run(f"Score {month}, measure drift", "score_chicago_crimes", partition_key=month.key)
    _report(console, warehouse, scored, settings, time.monotonic() - started)


def _latest_complete_month(now: datetime) -> Month:
    return Month(now.year, now.month).plus(-1)


def _report(console: Console, warehouse: Warehouse, months: list[Month], settings: Settings, seconds: float) -> None:
    partitions = [month.partition for month in months]
    console.print(_evaluation_table(warehouse, partitions))
    for _, row in warehouse.read(ARREST_CHAMPION).iterrows():
        console.print(f"Version {row['challenger_version']}: [bold]{row['decision']}[/bold]. {row['reason']}")
    predictions = warehouse.read(ARREST_PREDICTIONS, partitions).groupby("month")
    for month, rows in predictions:
        console.print(
            f"{month:%Y-%m}: {len(rows):,} crimes scored by version {rows['model_version'].iloc[0]}, "
            f"{rows['is_arrest_predicted'].mean():.1%} predicted to lead to an arrest."
        )
    for month, rows in warehouse.read(ARREST_DRIFT, partitions).groupby("month"):
        over = rows.loc[rows["is_over_limit"], "feature"].tolist()
        largest = rows.loc[rows["psi"].idxmax()]
        console.print(
            f"{month:%Y-%m}: {len(over)} columns beyond their drift limit{': ' + ', '.join(over) if over else ''}; "
            f"farthest from training is {largest['feature']} (PSI {largest['psi']:.3f})."
        )
    console.rule(f"done in {seconds:.0f} s")
    console.print(
        "Next:\n"
        "  [bold]make dev[/bold]     the Dagster UI on this data: http://127.0.0.1:3000\n"
        "  [bold]make mlflow[/bold]  experiments and models: http://127.0.0.1:5000\n"
        f"  tables      {settings.warehouse_url}\n"
        f"  files       {settings.lake_url}",
        highlight=False,
    )


def _evaluation_table(warehouse: Warehouse, partitions: list[Partition]) -> Table:
    rows = warehouse.read(ARREST_EVALUATION, partitions)
    rows = rows[rows["slice_kind"] == "all"]
    table = Table(title="Figures on the latest 20 % of each training window", title_justify="left", box=SIMPLE)
    figures = {"auc": "AUC", "average_precision": "AP", "mcc": "MCC", "brier": "Brier", "log_loss": "log loss", "accuracy": "acc."}
    for title in ("month", "predictor", "rows", *figures.values()):
        table.add_column(title, justify="left" if title in ("month", "predictor") else "right", no_wrap=True)
    for _, row in rows.iterrows():
        table.add_row(f"{row['month']:%Y-%m}", row["predictor"], f"{row['row_count']:,}", *(f"{row[name]:.3f}" for name in figures))
    return table
