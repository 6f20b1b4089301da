"""Song popularity: the original's four panels, and how right the predictions are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.grafana.dashboard import Dashboard
from mlops_assets.grafana.panels import Query, Thresholds, at_least, bar_chart, stat, table, time_series, trend
from mlops_assets.song_popularity import defaults
from mlops_assets.song_popularity.contracts import SPOTIFY_EVENTS
from mlops_assets.song_popularity.model_contracts import POPULARITY_ACCURACY, SPOTIFY_MODEL_METRICS, SPOTIFY_PREDICTIONS

if TYPE_CHECKING:
    from mlops_assets.grafana.panels import Panel
    from mlops_assets.grafana.warehouses import GrafanaWarehouse


_GATE = Thresholds(((None, "red"), (defaults.MINIMUM_MACRO_F1, "yellow"), (defaults.MINIMUM_ACCURACY, "green")))
"""Drawn as two lines: what macro-F1 must reach, and accuracy."""


def dashboard(warehouse: GrafanaWarehouse) -> Dashboard:
    """Return the dashboard of a warehouse."""
    events, predictions = warehouse.table(SPOTIFY_EVENTS), warehouse.table(SPOTIFY_PREDICTIONS)
    metrics, accuracy = warehouse.table(SPOTIFY_MODEL_METRICS), warehouse.table(POPULARITY_ACCURACY)
    happened = warehouse.in_time("event_timestamp", "event_date")
    predicted = warehouse.in_time("prediction_timestamp", "event_date")
    return Dashboard(
        "song_popularity",
        "Song popularity",
        "The stream of Spotify events, the popularity that tracks have and are predicted to have, and how good the model is.",
        since="now-24h",
        refresh="10s",
        panels=(
            *_key_figures(events, happened, metrics, accuracy),
            _events_per_minute(events, happened),
            _popularity_distribution(events, happened, predictions, predicted),
            _metrics_of_runs(metrics),
            _popularity_by_country(events, happened),
            _latest_predictions(predictions, predicted),
        ),
    )


def _key_figures(events: str, happened: str, metrics: str, accuracy: str) -> tuple[Panel, ...]:
    return (
        stat(
            "Events",
            "Events that happened in the chosen time, each counted once however often it was delivered.",
            Query(f"SELECT COUNT(*) AS event_count\nFROM {events}\nWHERE {happened}"),
            labels={"event_count": "events"},
        ),
        stat(
            "Events with known popularity",
            "Share of the events that brought the popularity of their track. New releases never do: for them it is predicted.",
            Query(
                f"SELECT AVG(CASE WHEN popularity IS NULL THEN 0.0 ELSE 1.0 END) AS known_share\nFROM {events}\nWHERE {happened}"
            ),
            labels={"known_share": "known"},
            unit="percentunit",
            decimals=1,
        ),
        stat(
            "Accuracy of the newest model",
            f"Share of test tracks whose class it predicted, when it was trained. Below {defaults.MINIMUM_ACCURACY:.0%} a model "
            "may not become champion.",
            Query(f"SELECT accuracy\nFROM {metrics}\nWHERE run_time = (SELECT MAX(run_time) FROM {metrics})"),
            unit="percentunit",
            decimals=1,
            thresholds=at_least(defaults.MINIMUM_ACCURACY),
        ),
        stat(
            "Accuracy on real events",
            "Share of predictions that were right, on the latest day whose truth is known. Below "
            f"{defaults.RETRAIN_BELOW_ACCURACY:.0%} the model is trained again.",
            Query(
                f"SELECT accuracy\nFROM {accuracy}\nWHERE truth = 'all' AND accuracy IS NOT NULL\n"
                "ORDER BY event_date DESC, model_version DESC\nLIMIT 1"
            ),
            unit="percentunit",
            decimals=1,
            thresholds=at_least(defaults.RETRAIN_BELOW_ACCURACY),
        ),
    )


def _events_per_minute(events: str, happened: str) -> Panel:
    return time_series(
        "Events per minute, last hour",
        "How many events happened in each minute, by kind. A gap means that nothing was produced, or that nothing lands.",
        Query(
            f"SELECT $__timeGroup(event_timestamp, '1m') AS time, event_type, COUNT(*) AS event_count\nFROM {events}\n"
            f"WHERE {happened}\nGROUP BY 1, 2\nORDER BY 1, 2"
        ),
        is_bars=True,
        display_name="${__field.labels.event_type}",
        time_from="1h",
        minimum=0,
        no_value="No events within the last hour",
    )


def _popularity_distribution(events: str, happened: str, predictions: str, predicted: str) -> Panel:
    return bar_chart(
        "Popularity distribution",
        "How many events are of tracks in each class: Baja is a popularity below 40, Media below 70, Alta from 70 on. If events "
        "and predictions differ much, the model leans to one side, or tracks of unknown popularity differ from the others.",
        Query(
            "SELECT popularity_level, SUM(known) AS known_count, SUM(predicted) AS predicted_count\nFROM (\n"
            f"  SELECT popularity_level, 1 AS known, 0 AS predicted\n  FROM {events}\n"
            f"  WHERE popularity_level IS NOT NULL AND {happened}\n  UNION ALL\n"
            f"  SELECT popularity_level, 0 AS known, 1 AS predicted\n  FROM {predictions}\n"
            f"  WHERE {predicted}\n) AS levels\nGROUP BY popularity_level\n"
            "ORDER BY CASE popularity_level WHEN 'Baja' THEN 1 WHEN 'Media' THEN 2 ELSE 3 END"
        ),
        x="popularity_level",
        labels={"known_count": "events with known popularity", "predicted_count": "predictions"},
    )


def _metrics_of_runs(metrics: str) -> Panel:
    return trend(
        "Metrics of the last 20 runs",
        "Accuracy and macro-F1 on the latest fifth of the tracks, by version of the model. The gate: "
        f"accuracy {defaults.MINIMUM_ACCURACY}, macro-F1 {defaults.MINIMUM_MACRO_F1:.2f}. Majority says the commonest class.",
        Query(
            "SELECT model_version, accuracy, f1_score, majority_accuracy\nFROM (\n"
            f"  SELECT model_version, run_time, accuracy, f1_score, majority_accuracy\n  FROM {metrics}\n"
            "  ORDER BY run_time DESC\n  LIMIT 20\n) AS latest\nORDER BY model_version"
        ),
        x="model_version",
        unit="percentunit",
        units={"model_version": "none"},
        labels={"model_version": "version", "f1_score": "macro-F1", "majority_accuracy": "majority"},
        minimum=0,
        maximum=1,
        thresholds=_GATE,
    )


def _popularity_by_country(events: str, happened: str) -> Panel:
    return table(
        "Popularity by country",
        "Mean popularity, from 0 to 100, of the tracks that events of a market named, where it is known.",
        Query(
            "SELECT country, AVG(popularity) AS mean_popularity, COUNT(*) AS event_count, COUNT(DISTINCT track_id) AS track_count\n"
            f"FROM {events}\nWHERE popularity IS NOT NULL AND {happened}\n"
            "GROUP BY country\nORDER BY mean_popularity DESC, country"
        ),
        labels={"mean_popularity": "mean popularity", "event_count": "events", "track_count": "tracks"},
        field_custom={"mean_popularity": {"cellOptions": {"type": "gauge", "mode": "basic"}}},
        decimals=0,
        minimum=0,
        maximum=100,
    )


def _latest_predictions(predictions: str, predicted: str) -> Panel:
    return table(
        "Latest predictions",
        "What the champion said of the events that landed last, of those that happened in the chosen time.",
        Query(
            "SELECT prediction_timestamp, track_id, country, popularity_level, probability_low,\n"
            f"  probability_medium, probability_high, model_version\nFROM {predictions}\n"
            f"WHERE {predicted}\nORDER BY prediction_timestamp DESC, event_id\nLIMIT 20"
        ),
        labels={
            "prediction_timestamp": "predicted at",
            "track_id": "track",
            "popularity_level": "class",
            "probability_low": "Baja",
            "probability_medium": "Media",
            "probability_high": "Alta",
            "model_version": "version",
        },
        unit="percentunit",
        units={"prediction_timestamp": "dateTimeAsIso", "model_version": "none"},
        width=24,
    )
