"""The warehouse: tables for people, dashboards and SQL. One module per scheme; add one here to let it live somewhere else."""

from mlops_assets.errors import SettingsError
from mlops_assets.stores.urls import local_path, scheme_of
from mlops_assets.stores.warehouse.base import Warehouse
from mlops_assets.urls import redact

__all__ = ["Warehouse", "open_warehouse"]


def open_warehouse(url: str) -> Warehouse:
    """Return the warehouse that a URL such as `duckdb:///data/warehouse.duckdb` names."""
    scheme = scheme_of(url)
    if scheme == "duckdb":
        from mlops_assets.stores.warehouse.duckdb_file import DuckDBWarehouse

        return DuckDBWarehouse(local_path(url))
    if scheme == "bigquery":
        from mlops_assets.stores.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse(url)
    if scheme in ("postgresql", "postgres"):
        from mlops_assets.stores.warehouse.postgresql import PostgreSQLWarehouse

        return PostgreSQLWarehouse(url)
    if scheme == "mysql":
        from mlops_assets.stores.warehouse.mysql import MySQLWarehouse

        return MySQLWarehouse(url)
    raise SettingsError(f"no warehouse for {redact(url)!r}; known schemes: bigquery:, duckdb:, mysql:, postgresql:")
