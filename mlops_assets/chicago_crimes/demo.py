"""The demonstration: fourteen simulated months to two models, two promotion decisions, predictions and drift.

Two months are lived through as a team would: train on the twelve months before, let the model challenge the champion, score the
month, measure its drift.
"""

from collections.abc import Iterator
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets.chicago_crimes.modelling.training_window import WINDOW_MONTHS
from mlops_assets.months import Month
from mlops_assets.orchestration.demo import Demo, DemoStep
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.partition import Partition
from mlops_assets.stores.registry import Stores
from mlops_assets.stores.warehouse import Warehouse
from mlops_assets.terminal import new_table

_MODEL_CONFIG = {"ops": {f"{DOMAIN}__arrest_model": {"config": {"tuning_trials": 0}}}}
"""The defaults of each candidate keep the demonstration short; a search tries others, too."""


def _steps(_stores: Stores, now: datetime) -> Iterator[DemoStep]:
    scored = _scored_months(now)
    first, last = scored[0].plus(-WINDOW_MONTHS), scored[-1]
    yield DemoStep(f"Read and enrich {first} to {last}", "read_chicago_crimes", tags=range_tags(first.key, last.key))
    for month in scored:
        yield DemoStep(f"Train and evaluate the model of {month}", "train_arrest_model", month.key, run_config=_MODEL_CONFIG)
        yield DemoStep(f"Score {month}, measure drift", "score_chicago_crimes", month.key)


def _scored_months(now: datetime) -> list[Month]:
    """Return the latest two months that are over."""
    this_month = Month.of(now, TIME_ZONE)
    return [this_month.plus(-2), this_month.plus(-1)]


def _report(console: Console, stores: Stores, now: datetime) -> None:
    warehouse = stores.warehouse(DOMAIN)
    partitions = [month.partition for month in _scored_months(now)]
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


def _evaluation_table(warehouse: Warehouse, partitions: list[Partition]) -> Table:
    rows = warehouse.read(ARREST_EVALUATION, partitions)
    rows = rows[rows["slice_kind"] == "all"]
    figures = {"auc": "AUC", "average_precision": "AP", "mcc": "MCC", "brier": "Brier", "log_loss": "log loss", "accuracy": "acc."}
    title = "Figures on the latest 20 % of each training window"
    table = new_table(title, "month", "predictor", "rows", *figures.values(), texts=2)
    for _, row in rows.iterrows():
        table.add_row(f"{row['month']:%Y-%m}", row["predictor"], f"{row['row_count']:,}", *(f"{row[name]:.3f}" for name in figures))
    return table


DEMO = Demo("from raw crimes to a champion model", _steps, _report)
