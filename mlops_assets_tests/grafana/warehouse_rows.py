"""A few rows in each table that people read by SQL, and what a panel shows of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd

from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets.contracts import TableContract
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_CHAMPION, FORECAST_METRICS, FORECASTS
from mlops_assets.partition import Partition
from mlops_assets.song_popularity.contracts import SPOTIFY_EVENTS, STREAM_HEALTH
from mlops_assets.song_popularity.model_contracts import POPULARITY_ACCURACY, SPOTIFY_MODEL_METRICS, SPOTIFY_PREDICTIONS
from mlops_assets.stores.events.base import OffsetRange
from mlops_assets.stores.warehouse import Warehouse
from mlops_assets.streams.health import measure_stream_health
from mlops_assets_tests.donostia_parking.snapshots import utc

FRIDAY, SATURDAY = date(2022, 4, 1), date(2022, 4, 2)
FRIDAY_END, SATURDAY_END = utc("2022-04-01 22:00"), utc("2022-04-02 22:00")
TRAINED_FIRST, TRAINED_LATER = utc("2022-04-01 22:30:01.5"), utc("2022-04-02 22:30")
HOUR = timedelta(hours=1)
JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
SUNDAY, TUESDAY = date(2026, 3, 8), date(2026, 3, 10)
NOON = utc("2026-03-10 12:00")

_FILLERS: dict[str, Any] = {"string": "some", "int8": 1, "int32": 1, "int64": 1, "float64": 1.0, "bool": False}
_FILLERS |= {"date": FRIDAY, "timestamp": FRIDAY_END}


def rows_of(contract: TableContract, *rows: dict[str, Any]) -> pd.DataFrame:
    """Return rows in which only what matters is given."""
    rest = {column.name: None if column.nullable else _FILLERS[column.type] for column in contract.columns}
    return pd.DataFrame([rest | row for row in rows], columns=contract.column_names).astype(object)


def metrics(issue_date: date, version: int, **errors_by_horizon: tuple[float, float]) -> pd.DataFrame:
    """Return the city's errors by horizon, given as `h0=(mae, naive)`, and a car park's, which no panel of the city shows."""
    run_at = TRAINED_FIRST if version == 1 else TRAINED_LATER
    about = {"issue_date": issue_date, "run_at": run_at, "model_version": version, "method": "seasonal_profile"}
    city = [
        {
            **about,
            "car_park_id": CITY_TOTAL_ID,
            "horizon_hours": int(name[1:]),
            "mae_spaces": mae,
            "seasonal_naive_mae_spaces": naive,
        }
        for name, (mae, naive) in errors_by_horizon.items()
    ]
    return rows_of(FORECAST_METRICS, *city, {**about, "car_park_id": "harbour", "horizon_hours": 0, "mae_spaces": 3.0})


def forecasts(issue_date: date, city: list[float], harbour: list[float]) -> pd.DataFrame:
    """Return forecasts for the hours after a day: the city has 1000 spaces, the harbour 100."""
    created_at = FRIDAY_END if issue_date == FRIDAY else SATURDAY_END

    def series(name: str, values: list[float], total: int) -> list[dict[str, Any]]:
        about = {"issue_date": issue_date, "created_at": created_at, "car_park_id": name, "is_city_total": name == CITY_TOTAL_ID}
        return [
            {
                **about,
                "hour_at": created_at + number * HOUR,
                "horizon_hours": number + 1,
                "forecast_spaces": value,
                **{
                    f"{end}_spaces": value + add
                    for end, add in (("low_80", -10), ("high_80", 10), ("low_95", -20), ("high_95", 20))
                },
                "capacity": total,
            }
            for number, value in enumerate(values)
        ]

    return rows_of(FORECASTS, *series(CITY_TOTAL_ID, city, 1000), *series("harbour", harbour, 100))


def accuracy(*errors: tuple[float | None, float | None, bool | None]) -> pd.DataFrame:
    """Return the city's errors on Saturday, with those of repeating the day before, and whether the interval held."""
    about = {"local_date": SATURDAY, "issue_date": FRIDAY, "car_park_id": CITY_TOTAL_ID, "is_city_total": True}
    names = ("error_spaces", "seasonal_naive_error_spaces", "is_within_80")
    rows = [
        {**about, "hour_at": FRIDAY_END + number * HOUR, **dict(zip(names, values, strict=True))}
        for number, values in enumerate(errors)
    ]
    other = {**about, "hour_at": FRIDAY_END, "car_park_id": "harbour", "is_city_total": False, "error_spaces": 99.0}
    return rows_of(FORECAST_ACCURACY, *rows, other)


def beginning(day: date) -> Partition:
    """Return the partition that begins with a day."""
    return Partition("day", day.isoformat())


def fill(warehouse: Warehouse) -> None:
    """Write a few rows into each table, as assets do."""
    _fill_donostia_parking(warehouse)
    _fill_chicago_crimes(warehouse)
    _fill_song_popularity(warehouse)
    _fill_stream_health(warehouse)


def _fill_donostia_parking(warehouse: Warehouse) -> None:
    warehouse.replace_partition(FORECAST_METRICS, beginning(FRIDAY), metrics(FRIDAY, 1, h0=(60.5, 80), h1=(30, 50)))
    warehouse.replace_partition(FORECAST_METRICS, beginning(SATURDAY), metrics(SATURDAY, 2, h0=(50, 80), h1=(20, 40), h2=(25, 45)))
    warehouse.replace_partition(FORECASTS, beginning(FRIDAY), forecasts(FRIDAY, [500, 510], [5, 5]))
    warehouse.replace_partition(FORECASTS, beginning(SATURDAY), forecasts(SATURDAY, [400, 410.5], [9, 80]))
    warehouse.replace_partition(
        FORECAST_ACCURACY, beginning(SATURDAY), accuracy((-30, 50, True), (10, -10, False), (None, None, None))
    )
    decisions = [
        {"challenger_version": 1, "decision": "promote_first", "mae_spaces": 60.5, "seasonal_naive_mae_spaces": 80.0},
        {"challenger_version": 2, "champion_version": 1, "decision": "promote", "mae_spaces": 50.0},
    ]
    warehouse.upsert(FORECAST_CHAMPION, rows_of(FORECAST_CHAMPION, *decisions))


def _fill_chicago_crimes(warehouse: Warehouse) -> None:
    figures = [
        {"month": JANUARY, "predictor": "model", "slice_kind": "all", "slice": "all", "auc": 0.9, "log_loss": 0.25},
        {"month": JANUARY, "predictor": "majority_class", "slice_kind": "all", "slice": "all", "accuracy": 0.75},
        {"month": JANUARY, "predictor": "model", "slice_kind": "district_code", "slice": "001", "auc": 0.5},
    ]
    warehouse.replace_partition(ARREST_EVALUATION, beginning(JANUARY), rows_of(ARREST_EVALUATION, *figures))
    for month, probabilities in ((JANUARY, [0.25, 0.75]), (FEBRUARY, [0.5])):
        predictions = [
            {
                "month": month,
                "crime_id": month.month * 10 + number,
                "occurred_at": utc(f"{month} 18:00"),
                "arrest_probability": share,
                "is_arrest_predicted": share > 0.5,
            }
            for number, share in enumerate(probabilities)
        ]
        warehouse.replace_partition(ARREST_PREDICTIONS, beginning(month), rows_of(ARREST_PREDICTIONS, *predictions))
    drift = [
        {"month": JANUARY, "feature": "hour", "kind": "numeric", "psi": 0.5, "is_over_limit": True},
        {"month": JANUARY, "feature": "beat", "kind": "categorical", "psi": 0.01},
    ]
    warehouse.replace_partition(ARREST_DRIFT, beginning(JANUARY), rows_of(ARREST_DRIFT, *drift))
    decisions = [
        {
            "challenger_version": 1,
            "decision": "promote_first",
            "reason": "first",
            "metric": "log_loss",
            "challenger_value": 0.5,
        },
        {
            "challenger_version": 2,
            "champion_version": 1,
            "decision": "keep",
            "reason": "no better",
            "metric": "log_loss",
            "challenger_value": 0.5,
            "champion_value": 0.25,
            "improvement_low": -0.5,
        },
    ]
    warehouse.upsert(ARREST_CHAMPION, rows_of(ARREST_CHAMPION, *decisions))


def _fill_song_popularity(warehouse: Warehouse) -> None:
    """Write Tuesday's four events, one of them before the last hour, and one of Sunday; two predictions; 21 models; an accuracy."""
    events = [
        ("a", at("11:30:10"), "search_result", "CO", "cumbia", 30, "Baja"),
        ("b", at("11:30:50"), "search_result", "CO", "vals", 80, "Alta"),
        ("c", at("11:31:00"), "new_release", "MX", "cumbia", None, None),
        ("d", at("09:00:00"), "recommendation", "MX", "cumbia", 40, "Media"),
        ("e", utc("2026-03-08 11:30"), "search_result", "ES", "jota", 20, "Baja"),
    ]
    names = ("event_id", "event_timestamp", "event_type", "country", "track_id", "popularity", "popularity_level")
    rows = [
        {
            **dict(zip(names, values, strict=True)),
            "event_date": values[1].date(),
            "hour_of_day": values[1].hour,
            "ingestion_timestamp": NOON,
        }
        for values in events
    ]
    warehouse.replace_partition(SPOTIFY_EVENTS, None, rows_of(SPOTIFY_EVENTS, *rows))
    about = {"event_date": TUESDAY, "hour_of_day": 11, "track_id": "cumbia", "model_version": 21}
    about |= {"event_type_search_result": 0, "country_co": 0, "country_es": 0, "country_mx": 0, "country_us": 0}
    shares = ("probability_low", "probability_medium", "probability_high")
    colombian = {"event_id": "a", "event_type_search_result": 1, "country": "CO", "country_co": 1, "popularity_level": "Baja"}
    colombian |= {"prediction_timestamp": at("11:30:15"), **dict(zip(shares, (0.75, 0.25, 0.0), strict=True))}
    mexican = {"event_id": "c", "country": "MX", "country_mx": 1, "popularity_level": "Media"}
    mexican |= {"prediction_timestamp": at("11:31:05"), **dict(zip(shares, (0.25, 0.5, 0.25), strict=True))}
    predictions = rows_of(SPOTIFY_PREDICTIONS, {**about, **colombian}, {**about, **mexican})
    warehouse.replace_partition(SPOTIFY_PREDICTIONS, beginning(TUESDAY), predictions)
    figures = {"f1_score": 0.5, "majority_accuracy": 0.375, "log_loss": 0.75, "is_gate_passed": True}
    models = [
        {
            **figures,
            "model_date": trained_at(version).date(),
            "run_time": trained_at(version),
            "accuracy": 0.5 + version / 64,
            "model_version": version,
        }
        for version in range(1, 22)
    ]
    warehouse.replace_partition(SPOTIFY_MODEL_METRICS, None, rows_of(SPOTIFY_MODEL_METRICS, *models))
    measured = [
        {"event_date": day, "truth": truth, "accuracy": share, "model_version": 21}
        for day, truth, share in (
            (SUNDAY, "all", 0.5),
            (SUNDAY, "later", 0.25),
            (TUESDAY, "all", None),
            (TUESDAY, "with_event", 1.0),
        )
    ]
    warehouse.replace_partition(POPULARITY_ACCURACY, None, rows_of(POPULARITY_ACCURACY, *measured))


def _fill_stream_health(warehouse: Warehouse) -> None:
    """Look twice at two partitions: a backlog of 40 and 60 shrinks to 10, and one of the partitions loses five messages."""
    for looked_at, kept, landed in (
        (at("11:00:00"), (OffsetRange(0, 0, 100), OffsetRange(1, 0, 60)), {0: 60}),
        (at("11:10:00"), (OffsetRange(0, 0, 110), OffsetRange(1, 65, 70)), {0: 100, 1: 60}),
    ):
        look = measure_stream_health(
            STREAM_HEALTH, "spotify-events", {each.partition: each for each in kept}, landed, {0: 7}, {0: at("10:59:00")}, looked_at
        )
        warehouse.upsert(STREAM_HEALTH, look)


def trained_at(version: int) -> datetime:
    """Return when a model of popularity was registered: one each night, the last on Sunday."""
    return utc(f"{SUNDAY} 01:00") - timedelta(days=21 - version)


def at(time: str) -> datetime:
    """Return a time of Tuesday."""
    return utc(f"{TUESDAY} {time}")


def as_shown(value: Any) -> Any:
    """Return a value as a panel shows it, whatever type a server has for numbers and moments."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime().astimezone(timezone.utc)
    return float(value) if isinstance(value, Decimal) else value


def rows_shown(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    rows = [tuple(as_shown(value) for value in row) for row in warehouse.query(sql).itertuples(index=False)]
    return rows if "ORDER BY" in sql else sorted(rows)
