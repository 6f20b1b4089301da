"""The statements of docs/sql.md, word by word, on every warehouse: few rows in, and what a panel shows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.grafana.warehouse_rows import (
    FEBRUARY,
    HOUR,
    JANUARY,
    SATURDAY,
    SATURDAY_END,
    SUNDAY,
    TRAINED_FIRST,
    TRAINED_LATER,
    TUESDAY,
    at,
    fill,
    rows_shown,
    trained_at,
)
from mlops_assets_tests.services.mysql import execute_on_mysql

DOMAINS = ("donostia_parking", "chicago_crimes", "song_popularity")

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
    "Events that arrived": [
        ("new_release", 1, 0, at("11:31:00"), at("11:31:00")),
        ("recommendation", 1, 1, at("09:00:00"), at("09:00:00")),
        ("search_result", 3, 3, utc("2026-03-08 11:30"), at("11:30:50")),
    ],
    "Popularity distribution": [("Baja", 2), ("Media", 1), ("Alta", 1)],
    "Events per minute": [(TUESDAY, 11, 31, 1), (TUESDAY, 11, 30, 2), (TUESDAY, 9, 0, 1), (SUNDAY, 11, 30, 1)],
    "Latest predictions": [
        (at("11:31:05"), 11, 0, 0, 0, 1, 0, "cumbia", "Media", 21),
        (at("11:30:15"), 11, 1, 1, 0, 0, 0, "cumbia", "Baja", 21),
    ],
    "Metrics of the last 20 models": [
        (trained_at(version), 0.5 + version / 64, 0.5, 0.375, version) for version in range(21, 1, -1)
    ],
    "Popularity by country": [("CO", 55, 2, 2), ("MX", 40, 1, 1), ("ES", 20, 1, 1)],
    "How far landing is behind": [
        (at("11:00:00"), "spotify-events", 100, 0, 7),
        (at("11:10:00"), "spotify-events", 15, 5, 7),
    ],
}


def statements() -> dict[str, str]:
    """Return the documented statements by their headings."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^### (.+?)$(?:(?!^#).)*?^```sql\n(.+?)^```$", text, re.MULTILINE | re.DOTALL))


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
