"""Every query of every dashboard, as Grafana sends it, on every warehouse that it is for: few rows in, and what the panel shows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.grafana import WAREHOUSES, GrafanaWarehouse, dashboard_files
from mlops_assets.stores.warehouse import Warehouse, open_warehouse
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.grafana.macros import expand, time_range
from mlops_assets_tests.grafana.warehouse_rows import (
    FEBRUARY,
    HOUR,
    JANUARY,
    NOON,
    SATURDAY,
    SATURDAY_END,
    TRAINED_FIRST,
    TRAINED_LATER,
    at,
    fill,
    rows_shown,
)
from mlops_assets_tests.services.postgres import execute_on_postgres

pytestmark = pytest.mark.services

NOW = {
    "song_popularity": NOON,
    "donostia_parking": utc("2022-04-03 00:00"),
    "chicago_crimes": utc("2024-06-01 00:00"),
    "platform": NOON,
}
TOPIC = "spotify-events"


def midnight(day: Any) -> datetime:
    return utc(f"{day} 00:00")


EXPECTED: dict[str, dict[str, list[tuple[Any, ...]]]] = {
    "song_popularity": {
        "Events": [(4,)],
        "Events with known popularity": [(0.75,)],
        "Accuracy of the newest model": [(0.5 + 21 / 64,)],
        "Accuracy on real events": [(0.5,)],
        "Events per minute, last hour": [(at("11:30:00"), "search_result", 2), (at("11:31:00"), "new_release", 1)],
        "Popularity distribution": [("Baja", 1, 1), ("Media", 1, 1), ("Alta", 1, 0)],
        "Metrics of the last 20 runs": [(version, 0.5 + version / 64, 0.5, 0.375) for version in range(2, 22)],
        "Popularity by country": [("CO", 55, 2, 2), ("MX", 40, 1, 1)],
        "Latest predictions": [
            (at("11:31:05"), "cumbia", "MX", "Media", 0.25, 0.5, 0.25, 21),
            (at("11:30:15"), "cumbia", "CO", "Baja", 0.75, 0.25, 0, 21),
        ],
    },
    "donostia_parking": {
        "Error over runs": [(TRAINED_FIRST, 60.5, 80), (TRAINED_LATER, 50, 80)],
        "Latest forecast with intervals": [
            (SATURDAY_END, 380, 390, 400, 410, 420, 1000),
            (SATURDAY_END + HOUR, 390.5, 400.5, 410.5, 420.5, 430.5, 1000),
        ],
        "What became of the forecasts": [(midnight(SATURDAY), 20, 30)],
    },
    "chicago_crimes": {
        "Predicted arrests by month": [(midnight(JANUARY), 2, 1, 0.5), (midnight(FEBRUARY), 1, 0, 0.5)],
        "Quality of each month's model": [(midnight(JANUARY), "model", 0.9)],
        "Drift from training": [(midnight(JANUARY), "beat", 0.01), (midnight(JANUARY), "hour", 0.5)],
        "Beyond the limits": [(JANUARY, "numeric", "hour", 0.5, None, None, None)],
        "Champion history": [
            (2, 1, "keep", "log_loss", 0.5, 0.25, -0.5, "no better"),
            (1, None, "promote_first", "log_loss", 0.5, None, None, "first"),
        ],
    },
    "platform": {
        "Messages waiting": [(15,)],
        "Messages lost": [(5,)],
        "Messages waiting, by topic": [(at("11:00:00"), TOPIC, 100), (at("11:10:00"), TOPIC, 15)],
        "Dead letters, by topic": [(at("11:00:00"), TOPIC, 7), (at("11:10:00"), TOPIC, 7)],
        "Streams, by partition": [
            (TOPIC, 0, 110, 100, 10, 0, 7, at("10:59:00"), at("11:10:00")),
            (TOPIC, 1, 70, 60, 5, 5, 0, None, at("11:10:00")),
        ],
    },
}
"""By dashboard and panel, of the panels that ask the warehouse."""

CHOICES = {"donostia_parking": {"car_park": [("city_total",), ("harbour",)]}}


@pytest.fixture
def postgresql(postgres_url: str) -> tuple[Warehouse, GrafanaWarehouse]:
    return open_warehouse(postgres_url), WAREHOUSES["postgresql"]


@pytest.fixture
def mysql(mysql_database_url: str) -> tuple[Warehouse, GrafanaWarehouse]:
    return open_warehouse(mysql_database_url), GrafanaWarehouse("mysql", mysql_database_url.rpartition("/")[2])


@pytest.fixture
def bigquery(bigquery_url: str) -> Iterator[tuple[Warehouse, GrafanaWarehouse]]:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    dataset = f"test_{uuid.uuid4().hex}"
    yield open_warehouse(f"{bigquery_url}/{dataset}"), GrafanaWarehouse("bigquery", dataset)
    project = bigquery_url.removeprefix("bigquery://")
    Client(project, credentials=AnonymousCredentials()).delete_dataset(dataset, delete_contents=True, not_found_ok=True)


def dashboards(warehouse: GrafanaWarehouse) -> dict[str, dict[str, Any]]:
    return {name.removesuffix(".json"): json.loads(text) for name, text in dashboard_files(warehouse).items()}


def chosen(dashboard: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["current"]["value"] for variable in dashboard["templating"]["list"]}


def statements(dashboard: dict[str, Any], now: datetime, uid: str) -> dict[str, str]:
    """Return what the panels of a dashboard send to a data source, by title."""
    found = {}
    for panel in dashboard["panels"]:
        [target] = panel["targets"]
        since = {"from": f"now-{panel['timeFrom']}", "to": "now"} if "timeFrom" in panel else dashboard["time"]
        if target["datasource"]["uid"] == uid:
            asked = time_range(since, now)
            found[panel["title"]] = expand(target["rawSql"], target["datasource"]["type"], asked, chosen(dashboard))
    return found


def as_drawn(rows: list[tuple[Any, ...]], sql: str) -> list[tuple[Any, ...]]:
    """Return rows with the time that Grafana makes of seconds since 1970 in a column `time`."""
    is_epoch = "AS time" in sql and rows and isinstance(rows[0][0], int | float)
    return [(datetime.fromtimestamp(row[0], timezone.utc), *row[1:]) for row in rows] if is_epoch else rows


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "bigquery"])
def test_panels_show_what_the_warehouse_holds(kind: str, request: pytest.FixtureRequest) -> None:
    """Each query of panels and choices runs on each warehouse, and gives the same rows in the order in which they are drawn."""
    warehouse, of_grafana = request.getfixturevalue(kind)
    fill(warehouse)
    shown = {
        name: {
            title: as_drawn(rows_shown(warehouse, sql), sql)
            for title, sql in statements(dashboard, NOW[name], of_grafana.source.uid).items()
        }
        for name, dashboard in dashboards(of_grafana).items()
    }
    assert shown == EXPECTED
    assert {name: found for name, each in dashboards(of_grafana).items() if (found := choices(each, warehouse))} == CHOICES


def choices(dashboard: dict[str, Any], warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Return what people may choose, by variable; what is chosen at first must be among it."""
    offered = {}
    for variable in dashboard["templating"]["list"]:
        query = variable["query"]
        offered[variable["name"]] = rows_shown(warehouse, query if isinstance(query, str) else query["rawSql"])
        assert (variable["current"]["value"],) in offered[variable["name"]]
    return offered


@dg.asset(key=["song_popularity", "events"])
def events() -> None:
    """Succeed."""


@dg.asset(key=["song_popularity", "other"])
def other() -> None:
    """Succeed."""


@dg.asset(key=["song_popularity", "tracks"])
def tracks() -> None:
    """Fail."""
    raise RuntimeError("no tracks")


def test_platform_panels_show_what_dagster_recorded(postgres_url: str, tmp_path: Path) -> None:
    """The run that failed, the one that has been running for two hours, and the age of what was made stand in Dagster's tables."""
    (tmp_path / "dagster.yaml").write_text(json.dumps({"storage": {"postgres": {"postgres_url": postgres_url}}}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        made = dg.materialize([events], instance=instance).run_id
        failed = dg.materialize([tracks], instance=instance, raise_on_error=False).run_id
        hanging = dg.materialize([other], instance=instance).run_id
    now = datetime.now(timezone.utc) + timedelta(seconds=1)
    two_hours_ago = (now - 2 * HOUR).timestamp()
    hang = f"UPDATE runs SET status = 'STARTED', start_time = {two_hours_ago}, end_time = NULL WHERE run_id = '{hanging}'"
    execute_on_postgres(postgres_url, hang)

    sent = statements(dashboards(WAREHOUSES["postgresql"])["platform"], now, "dagster")
    shown = {title: execute_on_postgres(postgres_url, sql) for title, sql in sent.items()}

    assert shown.pop("Failed runs") == [(1,)]
    [(seconds,)] = shown.pop("Longest running")
    assert 7_190 < float(seconds) < 7_300
    by_hour = [(status, count) for _, status, count in shown.pop("Runs that ended, by hour")]
    assert sorted(by_hour) == [("failure", 1), ("success", 1)]
    [(ended_at, job, partition, run, took)] = shown.pop("Latest failed runs")
    assert (job, partition, run) == ("__ephemeral_asset_job__", None, failed[:8])
    assert now - HOUR < ended_at < now
    assert 0 < took < 60
    [first, second] = shown.pop("Freshness of assets")
    assert (first[0], first[2], second[0]) == ("song_popularity/events", made[:8], "song_popularity/other")
    assert 0 < float(second[1]) < float(first[1]) < 60
    assert not shown
