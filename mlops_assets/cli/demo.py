"""The demonstration: fourteen simulated months to two models, a championship, predictions and drift."""

import logging
import time
from datetime import datetime, timezone
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlops_assets.build import build_definitions, build_stores
from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets.chicago_crimes.training_window import WINDOW_MONTHS
from mlops_assets.cli.places import say_where
from mlops_assets.cli.progress import job_progress, run_with_progress
from mlops_assets.cli.servers import use_home
from mlops_assets.cli.tables import new_table
from mlops_assets.months import Month
from mlops_assets.orchestration.home import open_instance
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.partition import Partition
from mlops_assets.settings import load_settings
from mlops_assets.stores.catalog import Stores
from mlops_assets.stores.warehouse import Warehouse
from mlops_assets.urls import redact

_MODEL_CONFIG = {"ops": {f"{DOMAIN}__arrest_model": {"config": {"tuning_trials": 0}}}}
"""The defaults of each candidate keep the demonstration short; a search tries others, too."""


def run_demo(console: Console, now: datetime | None = None) -> None:
    """Materialize the graph of `chicago_crimes` for the latest complete months and say what came out.

    Two months are lived through as a team would: train on the twelve months before, let the model challenge the champion, score the
    month, measure its drift.
    """
    started = time.monotonic()
    settings = load_settings()
    use_home(settings)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    last = _latest_complete_month(now or datetime.now(timezone.utc))
    scored = [last.plus(-1), last]
    definitions = build_definitions(settings)
    stores = build_stores(settings)
    say_where(console, settings, [DOMAIN])
    console.rule("[bold]chicago_crimes[/bold]: from raw crimes to a champion model")
    with open_instance() as instance, job_progress(console) as progress:

        def run(title: str, job: str, **options: Any) -> None:
            run_with_progress(progress, title, definitions.resolve_job_def(job), instance, **options)

        first = scored[0].plus(-WINDOW_MONTHS)
        run(f"Read and enrich {first} to {last}", "read_chicago_crimes", tags=range_tags(first.key, last.key))
        for month in scored:
            run(f"Train and evaluate the model of {month}", "train_arrest_model", partition_key=month.key, run_config=_MODEL_CONFIG)
            run(f"Score {month}, measure drift", "score_chicago_crimes", partition_key=month.key)
    _report(console, stores, scored, time.monotonic() - started)


def _latest_complete_month(now: datetime) -> Month:
    return Month(now.year, now.month).plus(-1)


def _report(console: Console, stores: Stores, months: list[Month], seconds: float) -> None:
    warehouse = stores.warehouse(DOMAIN)
    partitions = [month.partition for month in months]
    console.print(_evaluation_table(warehouse, partitions))
    for _, row in warehouse.read(ARREST_CHAMPION).iterrows():
        console.print(f"Version {row['challenger_version']}: [bold]{row['decision']}[/bold]. {escape(row['reason'])}")
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
    say_what_is_next(console, stores)


def say_what_is_next(console: Console, stores: Stores) -> None:
    """Tell how to look at what the demonstration made, and where it is."""
    console.print(
        "Next:\n"
        "  [bold]make dev[/bold]     the Dagster UI on this data: http://127.0.0.1:3000\n"
        "  [bold]make mlflow[/bold]  experiments and models: http://127.0.0.1:5000\n"
        f"  tables      {redact(stores.url('warehouse', DOMAIN))}\n"
        f"  files       {redact(stores.url('lake', DOMAIN))}",
        highlight=False,
    )


def _evaluation_table(warehouse: Warehouse, partitions: list[Partition]) -> Table:
    rows = warehouse.read(ARREST_EVALUATION, partitions)
    rows = rows[rows["slice_kind"] == "all"]
    figures = {"auc": "AUC", "average_precision": "AP", "mcc": "MCC", "brier": "Brier", "log_loss": "log loss", "accuracy": "acc."}
    title = "Figures on the latest 20 % of each training window"
    table = new_table(title, "month", "predictor", "rows", *figures.values(), texts=2)
    for _, row in rows.iterrows():
        table.add_row(f"{row['month']:%Y-%m}", row["predictor"], f"{row['row_count']:,}", *(f"{row[name]:.3f}" for name in figures))
    return table
