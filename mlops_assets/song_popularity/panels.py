"""The original's four panels as tables for a terminal, from the frames of the warehouse's tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_assets.song_popularity.contracts import EVENT_TYPES, ORIGINAL_LEVELS
from mlops_assets.terminal import new_table

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

_BAR_WIDTH = 12
_MINUTES_SHOWN, _RUNS_SHOWN, _COUNTRIES_SHOWN = 10, 20, 10


def print_panels(console: Console, events: pd.DataFrame, predictions: pd.DataFrame, metrics: pd.DataFrame, now: datetime) -> None:
    """Print the four panels one below the other.

    Args:
        console: at least 80 columns wide.
        events: of `spotify_events`.
        predictions: of `spotify_predictions`.
        metrics: of `spotify_model_metrics`.
        now: the end of the last hour.
    """
    for table in (
        events_per_minute(events, now),
        popularity_distribution(events, predictions),
        metrics_of_runs(metrics),
        popularity_by_country(events),
    ):
        console.print(table)


def events_per_minute(events: pd.DataFrame, now: datetime) -> Table:
    """Return how many events happened in the latest minutes of the last hour, by kind; the title has the hour's figures.

    A minute without events is a row of zeros.

    Args:
        events: of `spotify_events`.
        now: the end of the hour, in any time zone.
    """
    import pandas as pd

    end = pd.Timestamp(now).tz_convert("UTC")
    times = events["event_timestamp"]
    recent = events[(times > end - timedelta(hours=1)) & (times <= end)]
    minutes = pd.date_range(end=end.floor("min"), periods=_MINUTES_SHOWN, freq="min")
    kinds = [*EVENT_TYPES, *sorted(set(recent["event_type"]) - set(EVENT_TYPES))]
    counts = recent.groupby([recent["event_timestamp"].dt.floor("min"), "event_type"]).size()
    shown = [(minute, [int(counts.get((minute, kind), 0)) for kind in kinds]) for minute in reversed(minutes)]
    title = f"Events per minute: {len(recent):,} in the hour to {end:%H:%M} UTC, {len(recent) / 60:,.1f} per minute"
    table = new_table(title, "minute", *(kind.replace("_", " ") for kind in kinds), "all", "")
    largest = max(sum(row) for _, row in shown)
    for minute, row in shown:
        table.add_row(f"{minute:%H:%M}", *(f"{count:,}" for count in row), f"{sum(row):,}", _bar(sum(row), largest))
    return _with_bars(table)


def popularity_distribution(events: pd.DataFrame, predictions: pd.DataFrame) -> Table:
    """Return how many events have, and are predicted to have, a popularity of each class.

    Args:
        events: of `spotify_events`; those whose popularity is unknown are counted by themselves.
        predictions: of `spotify_predictions`.
    """
    known, predicted = events["popularity_level"].value_counts(), predictions["popularity_level"].value_counts()
    limits = {"Baja": "below 40", "Media": "40 to 69", "Alta": "from 70"}
    table = new_table("Popularity distribution", "class", "popularity", "events", "share", "predictions", "share", "", texts=2)
    for level in ORIGINAL_LEVELS.values():
        counts = known.get(level, 0), predicted.get(level, 0)
        table.add_row(
            level,
            limits[level],
            f"{counts[0]:,}",
            _share(counts[0], known.sum()),
            f"{counts[1]:,}",
            _share(counts[1], predicted.sum()),
            _bar(counts[0], known.max() if len(known) else 0),
        )
    table.add_row("unknown", "", f"{events['popularity_level'].isna().sum():,}", "", "", "", "")
    return _with_bars(table)


def metrics_of_runs(metrics: pd.DataFrame) -> Table:
    """Return the figures of the 20 models that were registered last, newest first.

    Args:
        metrics: of `spotify_model_metrics`.
    """
    table = new_table("Metrics of the last 20 runs", "run (UTC)", "version", "accuracy", "macro-F1", "majority", "gate")
    for _, row in metrics.sort_values("run_time", ascending=False).head(_RUNS_SHOWN).iterrows():
        table.add_row(
            f"{row['run_time']:%Y-%m-%d %H:%M}",
            f"{row['model_version']}",
            f"{row['accuracy']:.3f}",
            f"{row['f1_score']:.3f}",
            f"{row['majority_accuracy']:.3f}",
            "passed" if row["is_gate_passed"] else "failed",
        )
    return table


def popularity_by_country(events: pd.DataFrame) -> Table:
    """Return the mean popularity of the events of each market whose popularity is known, most popular first, ten at most.

    Args:
        events: of `spotify_events`.
    """
    known = events[events["popularity"].notna()]
    by_country = known.groupby("country").agg(
        mean=("popularity", "mean"), events=("event_id", "size"), tracks=("track_id", "nunique")
    )
    shown = by_country.reset_index().sort_values(["mean", "country"], ascending=[False, True]).head(_COUNTRIES_SHOWN)
    table = new_table("Popularity by country", "country", "mean popularity", "events", "tracks", "")
    for _, row in shown.iterrows():
        table.add_row(row["country"], f"{row['mean']:.1f}", f"{row['events']:,}", f"{row['tracks']:,}", _bar(row["mean"], 100))
    return _with_bars(table)


def _bar(value: float, largest: float) -> str:
    return "█" * round(_BAR_WIDTH * value / largest) if largest else ""


def _share(count: int, total: int) -> str:
    return f"{count / total:.0%}" if total else ""


def _with_bars(table: Table) -> Table:
    """Let the last column be bars, which begin at the left."""
    table.columns[-1].justify = "left"
    return table
