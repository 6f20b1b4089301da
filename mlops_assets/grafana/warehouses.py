"""The warehouses that Grafana can ask, and the little in which their SQL differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.errors import SettingsError
from mlops_assets.stores.urls import parse_url, scheme_of
from mlops_assets.stores.warehouse.names import table_name
from mlops_assets.urls import redact

if TYPE_CHECKING:
    from mlops_assets.contracts import TableContract

Kind = Literal["postgresql", "mysql", "bigquery"]

_PLUGINS: dict[Kind, str] = {
    "postgresql": "grafana-postgresql-datasource",
    "mysql": "mysql",
    "bigquery": "grafana-bigquery-datasource",
}
_TIMES: dict[Kind, str] = {
    # Whatever the time zone of Grafana's session is.
    "postgresql": "CAST({} AS timestamp) AT TIME ZONE 'UTC'",
    "mysql": "CAST({} AS datetime)",
    "bigquery": "TIMESTAMP({})",
}

_DAYS: dict[Kind, str] = {
    "postgresql": "CAST(TO_TIMESTAMP({} / 1000.0) AT TIME ZONE 'UTC' AS date)",
    "mysql": "DATE(FROM_UNIXTIME({} / 1000))",
    "bigquery": "DATE(TIMESTAMP_MILLIS({}))",
}


@dataclass(frozen=True)
class DataSource:
    """A data source as the files of docker/grafana/datasources provide it.

    Attributes:
        type: id of the plugin.
        uid: how dashboards refer to it.
    """

    type: str
    uid: str

    def reference(self) -> dict[str, str]:
        """Return how a panel names it."""
        return {"type": self.type, "uid": self.uid}


DAGSTER_RECORDS = DataSource(_PLUGINS["postgresql"], "dagster")
"""Dagster's own records of runs and assets."""


@dataclass(frozen=True)
class GrafanaWarehouse:
    """A warehouse as dashboards ask it.

    Attributes:
        kind: scheme of its URL.
        namespace: the database or dataset that holds the tables of all domains, as the warehouse's URL names it; None if each
            domain has its own. PostgreSQL has one schema per domain always.
    """

    kind: Kind
    namespace: str | None = None

    def __post_init__(self) -> None:
        if self.kind == "postgresql" and self.namespace:
            raise SettingsError("tables of PostgreSQL are in one schema per domain; name no namespace")

    @property
    def source(self) -> DataSource:
        """The data source of this warehouse."""
        return DataSource(_PLUGINS[self.kind], f"warehouse-{self.kind}")

    def table(self, contract: TableContract) -> str:
        """Return the name of a contract's table in a statement."""
        return str(table_name(contract, self.namespace))

    def as_time(self, column: str) -> str:
        """Return midnight UTC of a column of dates, for the time axis of a panel."""
        return _TIMES[self.kind].format(column)

    def in_time(self, column: str, day: str) -> str:
        """Return the condition that a row is of the chosen time, by which the server reads the partitions of those days alone.

        Args:
            column: the time that counts.
            day: the partition column: its day in UTC.
        """
        return f"$__timeFilter({column})\n  AND {day} BETWEEN {self._day_of('__from')} AND {self._day_of('__to')}"

    def _day_of(self, variable: str) -> str:
        """Return the day in UTC of one of Grafana's variables, in milliseconds since 1970. The server works it out once."""
        return _DAYS[self.kind].format(f"${{{variable}}}")

    def target(self, sql: str, *, is_series: bool) -> dict[str, Any]:
        """Return a query as a panel has it.

        Args:
            sql: with Grafana's macros.
            is_series: whether its column `time` is the time axis; otherwise the rows are a table.
        """
        return sql_target(self.source, sql, is_series=is_series)


def sql_target(source: DataSource, sql: str, *, is_series: bool) -> dict[str, Any]:
    """Return a query of any of the data sources as a panel has it."""
    is_bigquery = source.type == _PLUGINS["bigquery"]
    formats: tuple[int | str, int | str] = (0, 1) if is_bigquery else ("time_series", "table")
    return {
        "refId": "A",
        "datasource": source.reference(),
        "editorMode": "code",
        "format": formats[0 if is_series else 1],
        "rawQuery": True,
        "rawSql": sql,
    }


WAREHOUSES = {
    "postgresql": GrafanaWarehouse("postgresql"),
    "mysql": GrafanaWarehouse("mysql", "warehouse"),
    "bigquery": GrafanaWarehouse("bigquery", "warehouse"),
}
"""As docker/env.example names them: a database or dataset called `warehouse`, in PostgreSQL with a schema per domain."""


def warehouse_of_url(url: str) -> GrafanaWarehouse:
    """Return the warehouse that a URL names, as the platform's settings have it.

    Raises:
        SettingsError: Grafana cannot ask such a warehouse.
    """
    scheme = scheme_of(url)
    path = parse_url(url).path.strip("/") or None
    if scheme in ("postgresql", "postgres"):
        return GrafanaWarehouse("postgresql")
    if scheme == "mysql":
        return GrafanaWarehouse("mysql", path)
    if scheme == "bigquery":
        return GrafanaWarehouse("bigquery", path)
    raise SettingsError(f"Grafana has no data source for {redact(url)!r}; it asks bigquery:, mysql: and postgresql:")
