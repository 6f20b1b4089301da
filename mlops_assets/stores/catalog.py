"""Which store serves which domain. Stores are opened at first use, so that building definitions touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.stores.lake import Lake, open_lake
from mlops_assets.stores.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from mlops_assets.stores.models.registry import ModelRegistry


@dataclass(frozen=True)
class Stores:
    """The platform's stores.

    Attributes:
        lake_url: the lake of every domain that has none of its own.
        warehouse_url: the warehouse of every domain that has none of its own.
        mlflow_tracking_uri: where experiments and models are kept.
        mlflow_ui_url: where people open MLflow.
        artifact_folder: where model files are kept when the tracking URI is a local database.
        lake_urls: lakes of single domains, by domain.
        warehouse_urls: warehouses of single domains, by domain.
    """

    # A URL of a store may hold a password; repr() ends up in logs and error messages.
    lake_url: str = field(repr=False)
    warehouse_url: str = field(repr=False)
    mlflow_tracking_uri: str = field(repr=False)
    mlflow_ui_url: str
    artifact_folder: Path
    lake_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    warehouse_urls: Mapping[str, str] = field(default_factory=dict, repr=False)

    def lake(self, domain: str) -> Lake:
        """Return the lake of a domain."""
        return open_lake(self.lake_urls.get(domain, self.lake_url))

    def warehouse(self, domain: str) -> Warehouse:
        """Return the warehouse of a domain."""
        return open_warehouse(self.warehouse_urls.get(domain, self.warehouse_url))

    def models(self) -> ModelRegistry:
        """Return the model registry."""
        return _open_models(self.mlflow_tracking_uri, self.artifact_folder)


@cache
def _open_models(tracking_uri: str, artifact_folder: Path) -> ModelRegistry:
    """Open a registry once per process: its client and the models it has loaded are worth keeping."""
    from mlops_assets.stores.models import open_model_registry

    return open_model_registry(tracking_uri, artifact_folder)
