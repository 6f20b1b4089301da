"""The four panels as text: what each row says, and that 80 columns are enough."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pandas as pd
from rich.console import Console
from rich.table import Table

from mlops_assets.contracts.frames import empty_frame, rows_to_frame
from mlops_assets.song_popularity.contracts import SPOTIFY_EVENTS
from mlops_assets.song_popularity.model_contracts import SPOTIFY_MODEL_METRICS, SPOTIFY_PREDICTIONS
from mlops_assets.song_popularity.panels import (
    events_per_minute,
    metrics_of_runs,
    popularity_by_country,
    popularity_distribution,
    print_panels,
)
from mlops_assets.terminal import fits

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)


def event(
    number: int, before_noon: timedelta, country: str, popularity: int | None, event_type: str = "search_result"
) -> dict[str, object]:
    level = None if popularity is None else "Baja" if popularity < 40 else "Media" if popularity < 70 else "Alta"
    return {
        "event_id": str(number),
        "event_timestamp": NOON - before_noon,
        "event_type": event_type,
        "country": country,
        "track_id": f"track{number % 2}",
        "popularity": popularity,
        "popularity_level": level,
    }


EVENTS = rows_to_frame(
    [
        event(1, timedelta(seconds=30), "CO", 30),
        event(2, timedelta(seconds=45), "CO", 80),
        event(3, timedelta(seconds=90), "MX", None, "new_release"),
        event(4, timedelta(minutes=59), "MX", 50, "recommendation"),
        event(5, timedelta(hours=1), "US", 20),
    ],
    SPOTIFY_EVENTS,
)
PREDICTIONS = rows_to_frame([{"popularity_level": level} for level in ("Media", "Media", "Baja", "Media")], SPOTIFY_PREDICTIONS)
METRICS = rows_to_frame(
    [
        {
            "model_date": date(2026, 1, 1) + timedelta(days=version),
            "run_time": datetime(2026, 1, 1, 6, tzinfo=timezone.utc) + timedelta(days=version),
            "accuracy": 0.5 + version / 100,
            "f1_score": 0.5,
            "majority_accuracy": 0.4,
            "is_gate_passed": version >= 15,
            "model_version": version,
        }
        for version in range(1, 23)
    ],
    SPOTIFY_MODEL_METRICS,
)


def rows_of(table: Table) -> list[tuple[str, ...]]:
    """Return the cells of a table, without the bars at the end."""
    return [row[:-1] for row in zip(*(list(column.cells) for column in table.columns), strict=True)]


def test_minutes_without_events_are_zero() -> None:
    """The latest ten minutes are there, newest first, by kind; the title counts the hour, of which its first instant is no part."""
    table = events_per_minute(EVENTS, NOON)
    assert str(table.title) == "Events per minute: 4 in the hour to 12:00 UTC, 0.1 per minute"
    assert [column.header for column in table.columns] == ["minute", "new release", "recommendation", "search result", "all", ""]
    rows = rows_of(table)
    assert rows[:3] == [("12:00", "0", "0", "0", "0"), ("11:59", "0", "0", "2", "2"), ("11:58", "1", "0", "0", "1")]
    assert len(rows) == 10
    assert all(row[-1] == "0" for row in rows[3:])


def test_the_hour_ends_at_now_whatever_its_time_zone() -> None:
    """One o'clock in Madrid is noon UTC."""
    madrid = NOON.astimezone(timezone(timedelta(hours=1)))
    assert rows_of(events_per_minute(EVENTS, madrid)) == rows_of(events_per_minute(EVENTS, NOON))


def test_a_kind_nobody_knew_gets_a_column() -> None:
    """What is not among the known kinds is counted, too."""
    frame = rows_to_frame([event(1, timedelta(seconds=30), "CO", 30, "radio_play")], SPOTIFY_EVENTS)
    table = events_per_minute(frame, NOON)
    assert [column.header for column in table.columns][4] == "radio play"
    assert rows_of(table)[1] == ("11:59", "0", "0", "0", "1", "1")


def test_classes_are_counted_among_what_is_known() -> None:
    """Shares are of events with known popularity, and of predictions; the unknown are counted apart."""
    assert rows_of(popularity_distribution(EVENTS, PREDICTIONS)) == [
        ("Baja", "below 40", "2", "50%", "1", "25%"),
        ("Media", "40 to 69", "1", "25%", "3", "75%"),
        ("Alta", "from 70", "1", "25%", "0", "0%"),
        ("unknown", "", "1", "", "", ""),
    ]


def test_the_last_twenty_models_are_shown() -> None:
    """Newest first; the first two of 22 are no longer there."""
    table = metrics_of_runs(METRICS)
    assert list(table.columns[1].cells) == [str(version) for version in range(22, 2, -1)]
    assert rows_of(table)[0] == ("2026-01-23 06:00", "22", "0.720", "0.500", "0.400")
    assert list(table.columns[-1].cells)[7:9] == ["passed", "failed"]


def test_unknown_popularity_is_in_no_mean() -> None:
    """A market's mean is of the events whose popularity is known."""
    assert rows_of(popularity_by_country(EVENTS)) == [("CO", "55.0", "2", "2"), ("MX", "50.0", "1", "1"), ("US", "20.0", "1", "1")]


def test_nothing_breaks_at_80_columns() -> None:
    """Every table fits, with large figures and without any."""
    console = Console(width=80)
    many = pd.concat([EVENTS] * 5_000, ignore_index=True)
    for events, predictions, metrics in (
        (many, PREDICTIONS, METRICS),
        (empty_frame(SPOTIFY_EVENTS), empty_frame(SPOTIFY_PREDICTIONS), empty_frame(SPOTIFY_MODEL_METRICS)),
    ):
        tables = [
            events_per_minute(events, NOON),
            popularity_distribution(events, predictions),
            metrics_of_runs(metrics),
            popularity_by_country(events),
        ]
        assert all(fits(console, table) for table in tables)


def test_panels_are_printed_in_the_originals_order() -> None:
    """Four titles, one below the other."""
    console = Console(width=80)
    with console.capture() as printed:
        print_panels(console, EVENTS, PREDICTIONS, METRICS, NOON)
    titles = ["Events per minute", "Popularity distribution", "Metrics of the last 20 runs", "Popularity by country"]
    assert sorted(titles, key=printed.get().index) == titles
