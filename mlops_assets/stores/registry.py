"""Which store serves which domain. Stores are opened at first use, so that building definitions touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from mlops_assets.stores.documents import DocumentStore, open_documents
from mlops_assets.stores.events import EventLog, open_event_log
from mlops_assets.stores.lake import Lake, open_lake
from mlops_assets.stores.landing import Landing, open_landing
from mlops_assets.stores.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from mlops_assets.stores.models.registry import ModelRegistry

StoreKind = Literal["lake", "warehouse", "documents", "events"]
STORE_KINDS: tuple[StoreKind, ...] = get_args(StoreKind)


@dataclass(frozen=True)
class Stores:
    """The platform's stores.

    Attributes:
        urls: the stores of every domain that has none of its own, by kind.
        mlflow_tracking_uri: where experiments and models are kept.
        mlflow_ui_url: where people open MLflow.
        artifact_folder: where model files are kept when the tracking URI is a local database.
        own_urls: stores of single domains, by domain and kind.
    """

    # A URL of a store may hold a password; repr() ends up in logs and error messages.
    urls: Mapping[StoreKind, str] = field(repr=False)
    mlflow_tracking_uri: str = field(repr=False)
    mlflow_ui_url: str
    artifact_folder: Path
    own_urls: Mapping[str, Mapping[StoreKind, str]] = field(default_factory=dict, repr=False)

    def url(self, kind: StoreKind, domain: str) -> str:
        """Return the URL of a domain's store, with whatever password it holds."""
        return self.own_urls.get(domain, {}).get(kind) or self.urls[kind]

    def lake(self, domain: str) -> Lake:
        """Return the lake of a domain."""
        return open_lake(self.url("lake", domain))

    def landing(self, domain: str, asset: str) -> Landing:
        """Return the raw objects of one of a domain's assets; they are in its lake."""
        return open_landing(self.url("lake", domain), (domain, asset))

    def warehouse(self, domain: str) -> Warehouse:
        """Return the warehouse of a domain."""
        return open_warehouse(self.url("warehouse", domain))

    def documents(self, domain: str) -> DocumentStore:
        """Return the document store of a domain."""
        return open_documents(self.url("documents", domain))

    def events(self, domain: str) -> EventLog:
        """Return the event log of a domain."""
        return open_event_log(self.url("events", domain))

    def models(self) -> ModelRegistry:
        """Return the model registry."""
        return _open_models(self.mlflow_tracking_uri, self.artifact_folder)


@cache
def _open_models(tracking_uri: str, artifact_folder: Path) -> ModelRegistry:
    """Open a registry once per process: its client and the models it has loaded are worth keeping."""
    from mlops_assets.stores.models import open_model_registry

    return open_model_registry(tracking_uri, artifact_folder)
