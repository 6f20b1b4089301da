"""The dashboards' files: up to date, in Grafana's schema, readable, and with data sources that are provided."""

from __future__ import annotations

import enum
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlops_assets.cli import app
from mlops_assets.errors import SettingsError
from mlops_assets.grafana import WAREHOUSES, GrafanaWarehouse, dashboard_files, outdated_files, warehouse_of_url, write_dashboards
from mlops_assets.song_popularity.contracts import SPOTIFY_EVENTS
from mlops_assets_tests.docker.deployment import DOCKER

FILES = {f"{kind}/{name}": text for kind, of in WAREHOUSES.items() for name, text in dashboard_files(of).items()}
DASHBOARDS = {name: json.loads(text) for name, text in FILES.items()}


def panels() -> Iterator[dict[str, Any]]:
    for dashboard in DASHBOARDS.values():
        yield from dashboard["panels"]


def test_files_of_the_repository_are_what_the_code_says() -> None:
    """Whoever changes a panel writes the files again, by `make grafana`."""
    assert outdated_files(DOCKER / "grafana" / "dashboards", WAREHOUSES.values()) == []


def test_writing_replaces_what_is_outdated(tmp_path: Path) -> None:
    """After writing nothing is outdated: a changed file is replaced and that of a dashboard which is no more is removed."""
    write_dashboards(tmp_path, [WAREHOUSES["mysql"]])
    folder = tmp_path / "mysql"
    (folder / "platform.json").write_text("{}")
    (folder / "former.json").write_text("{}")
    (folder / "song_popularity.json").unlink()
    outdated = [folder / name for name in ("former.json", "platform.json", "song_popularity.json")]
    assert outdated_files(tmp_path, [WAREHOUSES["mysql"]]) == outdated
    write_dashboards(tmp_path, [WAREHOUSES["mysql"]])
    assert outdated_files(tmp_path, [WAREHOUSES["mysql"]]) == []
    assert not (folder / "former.json").exists()


@pytest.mark.parametrize("name", FILES)
def test_dashboards_are_in_the_schema_of_grafana(name: str) -> None:
    """Grafana's own models read each file, lose nothing of it, and know every value of what may have few."""
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk needs Python 3.11")
    assert list(faults(json.loads(FILES[name]))) == []


def test_what_is_not_in_the_schema_is_found() -> None:
    """A field that Grafana does not know, and a value that a field cannot have, are faults."""
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk needs Python 3.11")
    content = json.loads(FILES["mysql/song_popularity.json"])
    panel = next(panel for panel in content["panels"] if panel["type"] == "timeseries")
    panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] = "bar"
    panel["options"]["legends"] = {}
    number = content["panels"].index(panel)
    assert list(faults(content)) == [
        f"dashboard.panels[{number}].options.legends is unknown",
        f"dashboard.panels[{number}].field_config.defaults.custom.draw_style cannot be 'bar'",
    ]


def faults(content: dict[str, Any]) -> Iterator[str]:
    """Yield what Grafana's models do not know of a dashboard."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    understood = Dashboard.from_json(content)
    yield from _unknown(content, json.loads(json.dumps(understood, cls=JSONEncoder)), "dashboard")
    yield from _impossible(understood, "dashboard")


@pytest.mark.parametrize("name", FILES)
def test_units_are_those_of_grafana(name: str) -> None:
    """A unit that Grafana does not know would be written behind each figure."""
    units = pytest.importorskip("grafana_foundation_sdk.models.units", reason="grafana-foundation-sdk needs Python 3.11")
    known = {value for value in vars(units).values() if isinstance(value, str)}
    used = set(re.findall(r'"unit": "(.+?)"', FILES[name])) | set(re.findall(r'"id": "unit",\s+"value": "(.+?)"', FILES[name]))
    assert {unit for unit in used if not unit.startswith(("suffix:", "time:"))} <= known


def _unknown(written: Any, reread: Any, path: str) -> Iterator[str]:
    if isinstance(written, dict):
        for name, value in written.items():
            if name in reread:
                yield from _unknown(value, reread[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is unknown"
    elif isinstance(written, list):
        for number, (value, again) in enumerate(zip(written, reread, strict=True)):
            yield from _unknown(value, again, f"{path}[{number}]")
    elif written != reread:
        yield f"{path} becomes {reread!r}"


def _impossible(model: Any, path: str) -> Iterator[str]:
    if isinstance(model, list):
        for number, value in enumerate(model):
            yield from _impossible(value, f"{path}[{number}]")
    elif hasattr(type(model), "from_json"):
        hints = typing.get_type_hints(type(model))
        for name, value in vars(model).items():
            types = typing.get_args(hints.get(name)) or (hints.get(name),)
            allowed = [each.value for kind in types if isinstance(kind, type) and issubclass(kind, enum.Enum) for each in kind]
            if allowed and value is not None and value not in allowed:
                yield f"{path}.{name} cannot be {value!r}"
            yield from _impossible(value, f"{path}.{name}")


def test_every_panel_explains_itself() -> None:
    """Somebody new finds a title of its own, sentences that say what to make of it, a unit and thresholds."""
    for dashboard in DASHBOARDS.values():
        assert dashboard["description"].endswith(".")
        titles = [panel["title"] for panel in dashboard["panels"]]
        assert len(set(titles)) == len(titles)
    for panel in panels():
        assert len(panel["description"]) > 25, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]


def test_overrides_are_of_columns_that_the_query_gives() -> None:
    """A label, unit or style of a column that no longer exists would silently be lost."""
    for panel in panels():
        [target] = panel["targets"]
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["options"] in target["rawSql"], panel["title"]


def test_panels_lie_side_by_side() -> None:
    """No panel covers another or sticks out of the 24 columns."""
    for name, dashboard in DASHBOARDS.items():
        taken: set[tuple[int, int]] = set()
        for place in (panel["gridPos"] for panel in dashboard["panels"]):
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            assert not cells & taken, name
            assert max(x for x, _ in cells) < 24, name
            taken |= cells


def test_command_writes_the_dashboards_of_a_warehouse(tmp_path: Path) -> None:
    """The URL of the settings is enough to write them for tables of other names, and to find out whether they are up to date."""
    options = ["grafana", "--folder", str(tmp_path), "--warehouse", "bigquery://project/music?location=EU"]
    assert CliRunner().invoke(app, [*options, "--check"]).exit_code == 1
    assert CliRunner().invoke(app, options).output.startswith("4 files written below")
    assert CliRunner().invoke(app, [*options, "--check"]).exit_code == 0
    assert "FROM music.song_popularity__spotify_events" in (tmp_path / "bigquery" / "song_popularity.json").read_text()


@pytest.mark.parametrize(
    ("url", "warehouse"),
    [
        ("postgresql://user@host/warehouse", WAREHOUSES["postgresql"]),
        ("mysql://user@host/warehouse", WAREHOUSES["mysql"]),
        ("mysql://user@host", GrafanaWarehouse("mysql")),
        ("bigquery://project/warehouse", WAREHOUSES["bigquery"]),
        ("bigquery://project", GrafanaWarehouse("bigquery")),
    ],
)
def test_warehouse_is_told_by_its_url(url: str, warehouse: GrafanaWarehouse) -> None:
    """A database or dataset in the URL is what holds the tables of all domains, but for PostgreSQL."""
    assert warehouse_of_url(url) == warehouse


def test_duckdb_is_nothing_that_grafana_asks() -> None:
    """The error says what is."""
    with pytest.raises(SettingsError, match="it asks bigquery:, mysql: and postgresql:"):
        warehouse_of_url("duckdb:///data/warehouse.duckdb")


def test_tables_have_the_names_that_the_warehouse_gives_them() -> None:
    """A namespace in the warehouse's URL is in every statement; PostgreSQL has none to name."""
    assert WAREHOUSES["postgresql"].table(SPOTIFY_EVENTS) == "song_popularity.spotify_events"
    assert GrafanaWarehouse("mysql").table(SPOTIFY_EVENTS) == "song_popularity.spotify_events"
    assert GrafanaWarehouse("bigquery", "music").table(SPOTIFY_EVENTS) == "music.song_popularity__spotify_events"
    with pytest.raises(SettingsError, match="name no namespace"):
        GrafanaWarehouse("postgresql", "music")
