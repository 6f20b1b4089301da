"""The statements of docs/sql.md, word by word, on every warehouse: few rows in, and what a panel shows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.chicago_crimes.model_contracts import ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets.contracts import TableContract
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_CHAMPION, FORECAST_METRICS, FORECASTS
from mlops_assets.partition import Partition
from mlops_assets.stores.warehouse import Warehouse, open_warehouse
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.services.mysql import execute_on_mysql

FRIDAY, SATURDAY = date(2022, 4, 1), date(2022, 4, 2)
FRIDAY_END, SATURDAY_END = utc("2022-04-01 22:00"), utc("2022-04-02 22:00")
TRAINED_FIRST, TRAINED_LATER = utc("2022-04-01 22:30:01.5"), utc("2022-04-02 22:30")
HOUR = timedelta(hours=1)
JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
DOMAINS = ("donostia_parking", "chicago_crimes")

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
    figures = [
        {"month": JANUARY, "predictor": "model", "slice_kind": "all", "slice": "all", "auc": 0.9, "log_loss": 0.25},
        {"month": JANUARY, "predictor": "majority_class", "slice_kind": "all", "slice": "all", "accuracy": 0.75},
        {"month": JANUARY, "predictor": "model", "slice_kind": "district_code", "slice": "001", "auc": 0.5},
    ]
    warehouse.replace_partition(ARREST_EVALUATION, beginning(JANUARY), rows_of(ARREST_EVALUATION, *figures))
    for month, probabilities in ((JANUARY, [0.25, 0.75]), (FEBRUARY, [0.5])):
        predictions = [
            {"month": month, "crime_id": month.month * 10 + number, "arrest_probability": share, "is_arrest_predicted": share > 0.5}
            for number, share in enumerate(probabilities)
        ]
        warehouse.replace_partition(ARREST_PREDICTIONS, beginning(month), rows_of(ARREST_PREDICTIONS, *predictions))
    drift = [
        {"month": JANUARY, "feature": "hour", "kind": "numeric", "psi": 0.5, "is_over_limit": True},
        {"month": JANUARY, "feature": "beat", "kind": "categorical", "psi": 0.01},
    ]
    warehouse.replace_partition(ARREST_DRIFT, beginning(JANUARY), rows_of(ARREST_DRIFT, *drift))


EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "Error of each day's model": [
        (TRAINED_FIRST, 60.5, 80, "seasonal_profile", 1, 1),
        (TRAINED_LATER, 50, 80, "seasonal_profile", 1, 2),
    ],
    "Error by hours ahead": [(1, 20, 40), (2, 25, 45)],
    "Latest forecast": [
        (SATURDAY_END, 400, 390, 410, 380, 420, 1000),
        (SATURDAY_END + HOUR, 410.5, 400.5, 420.5, 390.5, 430.5, 1000),
    ],
    "Car parks that will be nearly full": [("harbour", 1, SATURDAY_END)],
    "What became of the forecasts": [(SATURDAY, 2, 20, 30, 0.5)],
    "Who took charge": [(1, None, "promote_first", 60.5, 80), (2, 1, "promote", 50, None)],
    "Rows of each table": [("forecast_accuracy", 4), ("forecast_champion", 2), ("forecast_metrics", 7), ("forecasts", 8)],
    "Figures of each month's model": [
        (JANUARY, "majority_class", None, None, None, 0.75, 1),
        (JANUARY, "model", 0.9, None, 0.25, None, 1),
    ],
    "Predicted arrests": [(JANUARY, 2, 1, 0.5), (FEBRUARY, 1, 0, 0.5)],
    "Columns beyond their drift limits": [(JANUARY, "numeric", "hour", 0.5)],
}


def statements() -> dict[str, str]:
    """Return the documented statements by their headings."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "sql.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^### (.+?)$(?:(?!^#).)*?^```sql\n(.+?)^```$", text, re.MULTILINE | re.DOTALL))


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


@pytest.fixture
def duckdb_url(tmp_path: Path) -> str:
    return f"duckdb:{tmp_path / 'warehouse.duckdb'}"


@pytest.fixture
def mysql_without_domains(mysql_server_url: str) -> Iterator[str]:
    """Give the URL of a server without the databases of the domains, which are dropped again: do not name a server of value."""
    drop = [f"DROP DATABASE IF EXISTS {domain}" for domain in DOMAINS]
    execute_on_mysql(mysql_server_url, *drop)
    yield mysql_server_url
    execute_on_mysql(mysql_server_url, *drop)


@pytest.fixture
def bigquery_without_domains(bigquery_url: str) -> Iterator[str]:
    """Give the URL of a project without the datasets of the domains, which are dropped again."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    client = bigquery.Client(bigquery_url.removeprefix("bigquery://"), credentials=AnonymousCredentials())

    def drop() -> None:
        for domain in DOMAINS:
            client.delete_dataset(domain, delete_contents=True, not_found_ok=True)

    drop()
    yield bigquery_url
    drop()


@pytest.mark.parametrize(
    "url",
    [
        "duckdb_url",
        pytest.param("postgres_url", marks=pytest.mark.services),
        pytest.param("mysql_without_domains", marks=pytest.mark.services),
        pytest.param("bigquery_without_domains", marks=pytest.mark.services),
    ],
)
def test_documented_statements_run_unchanged_on_every_warehouse(url: str, request: pytest.FixtureRequest) -> None:
    """One text for all of them, and the same rows from each."""
    warehouse = open_warehouse(request.getfixturevalue(url))
    fill(warehouse)
    assert {heading: rows_shown(warehouse, sql) for heading, sql in statements().items()} == EXPECTED


def test_every_documented_statement_is_tested() -> None:
    """A statement that is added to the page is added here."""
    assert list(statements()) == list(EXPECTED)
