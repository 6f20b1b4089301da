"""What the container of Grafana is given: data sources that its dashboards ask, with passwords from the environment."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mlops_assets_tests.docker.deployment import DOCKER, compose, filled_in, read_yaml, services

KINDS = ("postgresql", "mysql", "bigquery")
SOURCES = DOCKER / "grafana" / "datasources"


def provided(name: str) -> dict[str, Any]:
    """Return the only data source of a file."""
    content = read_yaml((SOURCES / f"{name}.yaml").read_text(encoding="utf-8"))
    assert content["apiVersion"] == 1
    [source] = content["datasources"]
    return dict(source)


def mounted(kind: str) -> dict[str, str]:
    """Return the files of this repository that the container has, by where it has them."""
    volumes = [filled_in(volume, {"GRAFANA_WAREHOUSE": kind}).split(":") for volume in services()["grafana"]["volumes"]]
    return {inside: outside for outside, inside, *_ in volumes if outside not in compose()["volumes"]}


@pytest.mark.parametrize("kind", KINDS)
def test_dashboards_ask_data_sources_that_are_there(kind: str) -> None:
    """Type and id of each query's data source are those of a file that the container gets with the dashboards."""
    files = mounted(kind)
    folder = "/etc/grafana/provisioning/datasources"
    sources = [provided(Path(files[f"{folder}/{name}.yaml"]).stem) for name in ("warehouse", "dagster")]
    offered = {(source["type"], source["uid"]) for source in sources}
    asked = set()
    for path in (DOCKER / files["/etc/dashboards"]).glob("*.json"):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
        asked |= {(each["datasource"]["type"], each["datasource"]["uid"]) for each in (*targets, *dashboard["panels"])}
    assert asked == offered


def test_everything_that_is_mounted_is_in_the_repository() -> None:
    """Docker would make an empty folder of what does not exist."""
    for kind in KINDS:
        assert all((DOCKER / path).exists() for path in mounted(kind).values())
    assert {path.stem for path in SOURCES.glob("*.yaml")} == {"dagster", *KINDS}


@pytest.mark.parametrize("name", ["dagster", *KINDS])
def test_data_sources_take_secrets_from_the_environment(name: str) -> None:
    """What a file refers to is a variable of the container, passwords always are, and nobody can edit them in the browser."""
    source = provided(name)
    text = (SOURCES / f"{name}.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$(\w+)", text)) <= set(services()["grafana"]["environment"])
    assert all(str(value).startswith("$") for value in source.get("secureJsonData", {}).values())
    assert source["editable"] is False


def test_times_of_mysql_are_read_as_utc() -> None:
    """Its columns bear no time zone, and Grafana would take that of the server."""
    assert provided("mysql")["jsonData"]["timezone"] == "+00:00"


def test_dashboards_are_read_from_where_they_are_mounted() -> None:
    """The provider names the folder, and the page that Grafana opens with is one of its dashboards."""
    [provider] = read_yaml((DOCKER / "grafana" / "provider.yaml").read_text(encoding="utf-8"))["providers"]
    folder = provider["options"]["path"]
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    for kind in KINDS:
        assert (DOCKER / home.replace(folder, mounted(kind)[folder])).is_file()
