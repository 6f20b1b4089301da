"""Panels of a dashboard, as Grafana's JSON has them: each with a title, a description for a newcomer, units and thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GREEN, _YELLOW, _RED, _BLUE = "green", "yellow", "red", "blue"
_LEGEND = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}
_TOOLTIP = {"mode": "multi", "sort": "desc"}


@dataclass(frozen=True)
class Thresholds:
    """From which values on a figure is drawn in another colour; a line marks them where there is an axis.

    Attributes:
        steps: value from which on, and colour, in ascending order. The first has no value.
    """

    steps: tuple[tuple[float | None, str], ...] = ((None, _BLUE),)

    def to_json(self) -> dict[str, Any]:
        """Return what Grafana reads."""
        return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in self.steps]}


def at_least(limit: float) -> Thresholds:
    """Return thresholds of a figure that is bad below a limit."""
    return Thresholds(((None, _RED), (limit, _GREEN)))


NONE_WANTED = Thresholds(((None, _GREEN), (1, _RED)))
"""Of a count that should be 0."""


def at_most(warning: float, limit: float) -> Thresholds:
    """Return thresholds of a figure that is worth a look from one value on, and bad from another on."""
    return Thresholds(((None, _GREEN), (warning, _YELLOW), (limit, _RED)))


@dataclass(frozen=True)
class Query:
    """What a panel asks.

    Attributes:
        sql: with Grafana's macros.
        is_of_dagster: whether Dagster's records are asked, not the warehouse.
    """

    sql: str
    is_of_dagster: bool = False


@dataclass(frozen=True)
class Panel:
    """A panel without its place on the dashboard.

    Attributes:
        type: id of Grafana's panel plugin.
        title: above it.
        description: what it shows and what to make of it, for somebody new; behind the small i.
        query: the one query whose rows it shows.
        unit: Grafana's id of the unit of its figures.
        labels: by column, what people call it.
        units: by column, another unit than the panel's.
        decimals: of the figures; None lets Grafana choose.
        minimum: of the axis.
        maximum: of the axis.
        thresholds: of its figures.
        display_name: how series are named; None by their columns.
        time_from: the time range of this panel alone, such as `1h`; None is the dashboard's.
        no_value: what stands there if there are no rows.
        options: of the plugin.
        custom: how the plugin draws a field.
        field_custom: by column, how it draws that one.
        width: of 24 columns.
        height: in rows of 30 pixels.
    """

    type: str
    title: str
    description: str
    query: Query
    unit: str = "short"
    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    decimals: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    thresholds: Thresholds = Thresholds()
    display_name: str | None = None
    time_from: str | None = None
    no_value: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    field_custom: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    width: int = 12
    height: int = 8

    @property
    def is_series(self) -> bool:
        """Whether the query's column `time` is an axis."""
        return self.type == "timeseries"

    def to_json(self) -> dict[str, Any]:
        """Return what Grafana reads, but for id, place and data source."""
        defaults = {
            "unit": self.unit,
            "decimals": self.decimals,
            "min": self.minimum,
            "max": self.maximum,
            "displayName": self.display_name,
            "noValue": self.no_value,
            "color": {"mode": "thresholds" if self.type in ("stat", "table") else "palette-classic"},
            "thresholds": self.thresholds.to_json(),
            "custom": dict(self.custom),
        }
        panel = {
            "type": self.type,
            "title": self.title,
            "description": self.description,
            "timeFrom": self.time_from,
            "fieldConfig": {"defaults": _given(defaults), "overrides": self._overrides()},
            "options": dict(self.options),
        }
        return _given(panel)

    def _overrides(self) -> list[dict[str, Any]]:
        return [
            {"matcher": {"id": "byName", "options": column}, "properties": properties}
            for column in dict.fromkeys([*self.labels, *self.units, *self.field_custom])
            if (properties := list(self._properties(column)))
        ]

    def _properties(self, column: str) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if column in self.labels:
            found.append({"id": "displayName", "value": self.labels[column]})
        if column in self.units:
            found.append({"id": "unit", "value": self.units[column]})
        found += [{"id": f"custom.{name}", "value": value} for name, value in self.field_custom.get(column, {}).items()]
        return found


def _given(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


def stat(title: str, description: str, query: Query, **settings: Any) -> Panel:
    """Return one large figure: the last value of the query's only row."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto",
        "orientation": "auto",
    }
    return Panel("stat", title, description, query, **{"options": options, "width": 6, "height": 4, **settings})


def time_series(title: str, description: str, query: Query, *, is_bars: bool = False, **settings: Any) -> Panel:
    """Return lines, or stacked bars, over the query's column `time`."""
    lines = {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "auto", "spanNulls": False}
    bars = {"drawStyle": "bars", "lineWidth": 0, "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}}
    return Panel(
        "timeseries",
        title,
        description,
        query,
        **{
            "custom": _marked(bars if is_bars else lines, settings),
            "options": {"legend": _LEGEND, "tooltip": _TOOLTIP},
            **settings,
        },
    )


def trend(title: str, description: str, query: Query, x: str, **settings: Any) -> Panel:
    """Return lines over a column of ascending numbers."""
    options = {"xField": x, "legend": _LEGEND, "tooltip": _TOOLTIP}
    custom = {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "always", "pointSize": 6}
    return Panel("trend", title, description, query, **{"custom": _marked(custom, settings), "options": options, **settings})


def bar_chart(title: str, description: str, query: Query, x: str, *, is_horizontal: bool = False, **settings: Any) -> Panel:
    """Return a group of bars per row, under the text of a column."""
    options = {
        "xField": x,
        "orientation": "horizontal" if is_horizontal else "vertical",
        "xTickLabelRotation": 0,
        "xTickLabelMaxLength": 0,
        "stacking": "none",
        "showValue": "auto",
        "barWidth": 0.9,
        "groupWidth": 0.7,
        "fullHighlight": False,
        "legend": _LEGEND,
        "tooltip": _TOOLTIP,
    }
    return Panel(
        "barchart", title, description, query, **{"custom": {"fillOpacity": 80, "lineWidth": 0}, "options": options, **settings}
    )


def table(title: str, description: str, query: Query, **settings: Any) -> Panel:
    """Return the rows as they are."""
    options = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0}
    return Panel("table", title, description, query, **{"options": options, **settings})


def _marked(custom: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return how lines are drawn, with a line at each threshold if there are any."""
    return {**custom, "thresholdsStyle": {"mode": "line" if "thresholds" in settings else "off"}}
