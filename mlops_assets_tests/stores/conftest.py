"""Fixtures of several test modules. Contract suites are no test modules; let their assertions explain themselves all the same."""

import pytest

pytest.register_assert_rewrite(
    "mlops_assets_tests.stores.disk_contract",
    "mlops_assets_tests.stores.documents_contract",
    "mlops_assets_tests.stores.events_contract",
    "mlops_assets_tests.stores.object_faults_contract",
    "mlops_assets_tests.stores.object_storage_contract",
    "mlops_assets_tests.stores.lake_contract",
    "mlops_assets_tests.stores.warehouse_contract",
    "mlops_assets_tests.stores.server_warehouse_contract",
    "mlops_assets_tests.stores.registry_backends",
)

from mlops_assets_tests.stores.registry_backends import backend, bundle, mlflow_server  # noqa: E402, F401
