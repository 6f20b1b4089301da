"""Grafana's dashboards, written as files from typed code: what the tables of a warehouse say of each domain, and of the platform.

No library does it: Grafana's own, with which tests check the files, needs Python 3.11 and has no queries of PostgreSQL and MySQL;
and whoever has other names of tables writes the files again.
"""

from mlops_assets.grafana.files import dashboard_files, outdated_files, write_dashboards
from mlops_assets.grafana.warehouses import WAREHOUSES, GrafanaWarehouse, warehouse_of_url

__all__ = ["WAREHOUSES", "GrafanaWarehouse", "dashboard_files", "outdated_files", "warehouse_of_url", "write_dashboards"]
