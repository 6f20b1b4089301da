"""Contract suites are no test modules; let their assertions explain themselves all the same."""

import pytest

pytest.register_assert_rewrite(
    "mlops_assets_tests.stores.object_storage_contract",
    "mlops_assets_tests.stores.lake_contract",
    "mlops_assets_tests.stores.warehouse_contract",
)
