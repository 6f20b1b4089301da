"""The options that all assets share, so that each is described, owned and typed the same way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.orchestration.metadata import column_schema

if TYPE_CHECKING:
    from mlops_assets.contracts import TableContract

LAKE = "lake_io"
WAREHOUSE = "warehouse_io"
MODELS = "model_io"
"""Resource keys of the IO managers."""
STORES = "stores"
"""Resource key of the platform's stores."""

OWNERS = ["team:data-platform"]
LIFECYCLE_TAG = "mlops_assets/lifecycle"
"""Marks assets that a bucket may drop after a while, because they can be made again and nobody reads them later."""


def asset_key(contract: TableContract) -> dg.AssetKey:
    """Return the key of the asset that a contract describes."""
    return dg.AssetKey([contract.domain, contract.name])


def lake_table(contract: TableContract, *, is_intermediate: bool = False) -> dict[str, Any]:
    """Return the options of an asset that is a table in the lake, for `dg.asset` or `dg.AssetOut`."""
    options = {**_table(contract), "io_manager_key": LAKE, "kinds": {"pandas", "parquet"}}
    if is_intermediate:
        options["tags"] = {**options["tags"], LIFECYCLE_TAG: "intermediate"}
    return options


def warehouse_table(contract: TableContract) -> dict[str, Any]:
    """Return the options of an asset that is a table in the warehouse."""
    return {**_table(contract), "io_manager_key": WAREHOUSE, "kinds": {"pandas", "sql"}}


def landing(domain: str, name: str, description: str) -> dict[str, Any]:
    """Return the options of an asset that lands raw objects by itself."""
    return {**_asset(domain, name, description), "kinds": {"json"}}


def fitted_object(domain: str, name: str, description: str) -> dict[str, Any]:
    """Return the options of an asset that is a fitted object in the lake."""
    return {**_asset(domain, name, description), "io_manager_key": LAKE, "kinds": {"scikitlearn"}}


def model(domain: str, name: str, description: str) -> dict[str, Any]:
    """Return the options of an asset that is a model in the registry."""
    return {**_asset(domain, name, description), "io_manager_key": MODELS, "kinds": {"scikitlearn", "mlflow"}}


def _table(contract: TableContract) -> dict[str, Any]:
    return {
        **_asset(contract.domain, contract.name, contract.description),
        "metadata": {"dagster/column_schema": column_schema(contract)},
    }


def _asset(domain: str, name: str, description: str) -> dict[str, Any]:
    return {
        "key": dg.AssetKey([domain, name]),
        "group_name": domain,
        "description": description,
        "owners": OWNERS,
        "tags": {"domain": domain},
    }
