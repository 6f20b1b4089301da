"""Fixtures of several test modules."""

from mlops_assets_tests.stores.registry_backends import backend, bundle, mlflow_server  # noqa: F401
