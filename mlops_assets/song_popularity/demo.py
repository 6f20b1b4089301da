"""The demonstration: a stream of simulated events to a model, a promotion decision, predictions and the original's four panels."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING

from rich.markup import escape

from mlops_assets.orchestration.demo import Demo, DemoStep, Question
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.partitions import partition_of, range_tags
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import EVENTS, REJECTED_EVENTS, SPOTIFY_EVENTS
from mlops_assets.song_popularity.model_contracts import (
    MODEL_INPUT,
    POPULARITY_ACCURACY,
    POPULARITY_CHAMPION,
    POPULARITY_EVALUATION,
    SPOTIFY_MODEL_METRICS,
    SPOTIFY_PREDICTIONS,
)
from mlops_assets.song_popularity.modelling.training import MODEL_NAME
from mlops_assets.song_popularity.panels import print_panels
from mlops_assets.song_popularity.partitions import EVENT_DAYS
from mlops_assets.terminal import new_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from mlops_assets.song_popularity.settings import SongPopularitySettings
    from mlops_assets.stores.registry import Stores

_DAYS, _EVENTS, _LIVE_EVENTS = 10, 20_000, 600
_QUICK = {"ops": {f"{DOMAIN}__popularity_model": {"config": {"tuning_trials": 0}}}}
"""The defaults of each candidate keep the demonstration short."""


def build_demo(settings: SongPopularitySettings) -> Demo:
    """Return the demonstration; of simulated events, or of whatever is in the topic already."""

    def steps(_stores: Stores, now: datetime) -> Iterator[DemoStep]:
        today = now.astimezone(timezone.utc)
        days = [(today - timedelta(days=ago)).strftime(EVENT_DAYS.fmt) for ago in range(_DAYS, -1, -1)]
        is_sample = settings.source == "sample"
        if is_sample:
            yield DemoStep(f"Send {_EVENTS:,} simulated events", f"send_{DOMAIN}_sample", run_config=_sending(_EVENTS, _DAYS))
        yield DemoStep(f"Land and read {days[0]} to {days[-1]}", f"read_{DOMAIN}", tags=range_tags(days[0], days[-1]))
        yield DemoStep("Read the history", f"read_{DOMAIN}_history")
        yield DemoStep("Train, evaluate, decide about the champion", "train_popularity_model", days[-1], run_config=_QUICK)
        if is_sample:
            live = _sending(_LIVE_EVENTS, 1 / 24)
            yield DemoStep(f"Send {_LIVE_EVENTS:,} events of the last hour", f"send_{DOMAIN}_sample", run_config=live)
        yield DemoStep("Land a micro-batch and predict it", f"follow_{DOMAIN}", days[-1])
        yield DemoStep("Compare with what was seen later", f"monitor_{DOMAIN}", days[-1])
        yield DemoStep("Account for every message", f"account_for_{DOMAIN}")
        yield DemoStep("Note how the stream is doing", f"look_at_{DOMAIN}_stream")

    return Demo("from a stream of events to live predictions", steps, _report, _question)


def _sending(events: int, days: float) -> dict[str, object]:
    return {"ops": {f"append_{DOMAIN}_sample": {"config": {"events": events, "days": days}}}}


def _question(stores: Stores) -> Question | None:
    """Ask about the newest event whose popularity nobody knows."""
    events = _read_latest(stores)
    unknown = events[events["popularity"].isna()]
    if unknown.empty or stores.warehouse(DOMAIN).read(POPULARITY_CHAMPION).empty:
        return None
    event = unknown.iloc[-1]
    record = {name: _plain(event[name]) for name in MODEL_INPUT.column_names}
    return Question(DOMAIN, MODEL_NAME, record, f"{event['track_name']} by {event['artist']}")


def _plain(value: object) -> object:
    if value is None or value != value or str(value) == "<NA>":
        return None
    return value if isinstance(value, (str, int, float)) else str(value)


def _read_latest(stores: Stores) -> pd.DataFrame:
    lake = stores.lake(DOMAIN)
    latest = max(lake.partitions((DOMAIN, EVENTS.name)))
    return read_partition(lake, EVENTS, partition_of(EVENT_DAYS, latest))


def _report(console: Console, stores: Stores, now: datetime) -> None:
    lake, warehouse = stores.lake(DOMAIN), stores.warehouse(DOMAIN)
    keys = list(lake.partitions((DOMAIN, REJECTED_EVENTS.name)))
    codes = [read_partition(lake, REJECTED_EVENTS, partition_of(EVENT_DAYS, key))["reason_code"] for key in keys]
    events = warehouse.read(SPOTIFY_EVENTS)
    dead = sum(int((each != "duplicate").sum()) for each in codes)
    again = sum(int((each == "duplicate").sum()) for each in codes)
    console.print(f"{len(events):,} events, {again:,} more delivered again, and {dead:,} dead letters, each with its reason.")
    console.print(_evaluation_table(warehouse.read(POPULARITY_EVALUATION)))
    for _, row in warehouse.read(POPULARITY_CHAMPION).iterrows():
        console.print(f"Version {row['challenger_version']}: [bold]{row['decision']}[/bold]. {escape(row['reason'])}")
    accuracy = warehouse.read(POPULARITY_ACCURACY)
    for _, row in accuracy[accuracy["truth"] == "all"].iterrows():
        if row["row_count"]:
            console.print(f"{row['event_date']}: {row['accuracy']:.1%} of {row['row_count']:,} predictions were right.")
    print_panels(console, events, warehouse.read(SPOTIFY_PREDICTIONS), warehouse.read(SPOTIFY_MODEL_METRICS), now)


def _evaluation_table(evaluation: pd.DataFrame) -> Table:
    """Return a row per metric and a column per predictor, of the newest version."""
    newest = evaluation[evaluation["model_version"] == evaluation["model_version"].max()]
    overall = newest[newest["popularity_level"] == "all"]
    predictors = ["model", *sorted(set(overall["predictor"]) - {"model"})]
    names = [predictor.replace("_", " ") for predictor in predictors]
    table = new_table(f"On {int(overall['row_count'].max()):,} test tracks; of the model with 95 % intervals", "figure", *names)
    for metric, rows in overall.groupby("metric", sort=False):
        by_predictor = rows.set_index("predictor").reindex(predictors)
        cells = ["" if value != value else f"{value:.3f}" for value in by_predictor["value"]]
        low, high = by_predictor.loc["model", ["value_low", "value_high"]]
        if low == low:
            cells[0] += f" ({low:.3f} to {high:.3f})"
        table.add_row(str(metric).replace("_", " "), *cells)
    return table
