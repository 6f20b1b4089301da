"""Tests of mlops_assets; they mirror the package."""

import pytest

# Contract suites are no test modules; let their assertions explain themselves all the same.
pytest.register_assert_rewrite("mlops_assets_tests.stores")
