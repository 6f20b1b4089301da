"""A dashboard: panels side by side, rows below each other, and what people may choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.grafana.warehouses import DAGSTER_RECORDS, GrafanaWarehouse, sql_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_assets.grafana.panels import Panel

_COLUMNS = 24
_SCHEMA_VERSION = 41
"""Of Grafana 11.6; later ones read it, too."""

_BIGQUERY_REFRESH = "15m"
"""Every query of BigQuery is paid for, even if nobody looks at the panel."""


@dataclass(frozen=True)
class Choice:
    """A variable of which people choose a value that the warehouse has.

    Attributes:
        name: as `${name:sqlstring}` in queries.
        label: before the choice.
        description: what it changes.
        sql: gives the values in its only column.
        value: chosen at first.
    """

    name: str
    label: str
    description: str
    sql: str
    value: str


@dataclass(frozen=True)
class Dashboard:
    """A dashboard of one warehouse.

    Attributes:
        name: of its file, and the beginning of its id.
        title: in the list of dashboards.
        description: what it is for.
        since: where its time range starts, such as `now-24h`.
        until: where it ends.
        refresh: how often it is read again; BigQuery more rarely.
        panels: in reading order.
        choices: what people may choose.
        timezone: in which times are shown.
    """

    name: str
    title: str
    description: str
    since: str
    panels: tuple[Panel, ...]
    until: str = "now"
    refresh: str = "1m"
    choices: tuple[Choice, ...] = ()
    timezone: str = "utc"

    def to_json(self, warehouse: GrafanaWarehouse) -> dict[str, Any]:
        """Return what Grafana reads."""
        return {
            "uid": f"{self.name}-{warehouse.kind}",
            "title": self.title,
            "description": self.description,
            "tags": ["mlops_assets"],
            "timezone": self.timezone,
            "editable": False,
            "graphTooltip": 1,
            "schemaVersion": _SCHEMA_VERSION,
            "time": {"from": self.since, "to": self.until},
            "refresh": _BIGQUERY_REFRESH if warehouse.kind == "bigquery" else self.refresh,
            "templating": {"list": [_variable(choice, warehouse) for choice in self.choices]},
            "annotations": {"list": []},
            "panels": list(self._placed(warehouse)),
        }

    def _placed(self, warehouse: GrafanaWarehouse) -> Iterator[dict[str, Any]]:
        """Yield the panels from left to right, in a new row where the next has no room."""
        x = y = row_height = 0
        for number, panel in enumerate(self.panels, start=1):
            if x + panel.width > _COLUMNS:
                x, y, row_height = 0, y + row_height, 0
            source = DAGSTER_RECORDS if panel.query.is_of_dagster else warehouse.source
            yield {
                "id": number,
                "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
                "datasource": source.reference(),
                "targets": [sql_target(source, panel.query.sql, is_series=panel.is_series)],
                **panel.to_json(),
            }
            x, row_height = x + panel.width, max(row_height, panel.height)


def _variable(choice: Choice, warehouse: GrafanaWarehouse) -> dict[str, Any]:
    is_bigquery = warehouse.kind == "bigquery"
    return {
        "type": "query",
        "name": choice.name,
        "label": choice.label,
        "description": choice.description,
        "datasource": warehouse.source.reference(),
        # Only BigQuery's plugin has queries of variables in the form of those of panels.
        "query": warehouse.target(choice.sql, is_series=False) if is_bigquery else choice.sql,
        "current": {"selected": True, "text": choice.value, "value": choice.value},
        "refresh": 1,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
    }
