"""The one place where domains, resources and IO managers meet."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
from pydantic_settings import BaseSettings

from mlops_assets.chicago_crimes import definition as chicago_crimes
from mlops_assets.contracts import TableContract
from mlops_assets.donostia_parking import definition as donostia_parking
from mlops_assets.orchestration.alerts import run_failure_alerts
from mlops_assets.orchestration.asset_options import LAKE, MODELS, STORES, WAREHOUSE, asset_key
from mlops_assets.orchestration.clock import CLOCK, Clock
from mlops_assets.orchestration.domain import Domain
from mlops_assets.orchestration.lake_io import LakeIOManager
from mlops_assets.orchestration.model_io import ModelIOManager
from mlops_assets.orchestration.preparation import prepare_job
from mlops_assets.orchestration.warehouse_io import WarehouseIOManager
from mlops_assets.settings import Settings
from mlops_assets.stores.catalog import STORE_KINDS, StoreKind, Stores


def build_domains(settings: Settings) -> list[Domain]:
    """Return every domain of the platform; a new one is added here."""
    automatic = settings.is_automatic
    return [
        chicago_crimes.build_domain(settings.chicago_crimes, cache=settings.data_dir / "cache", is_automatic=automatic),
        donostia_parking.build_domain(settings.donostia_parking, is_automatic=automatic),
    ]


def build_stores(settings: Settings) -> Stores:
    """Return the stores that the settings name; nothing is opened yet."""
    return Stores(
        urls={kind: getattr(settings, f"{kind}_url") for kind in STORE_KINDS},
        mlflow_tracking_uri=settings.mlflow_tracking_uri,
        mlflow_ui_url=settings.mlflow_ui_url,
        artifact_folder=settings.data_dir / "mlflow" / "artifacts",
        own_urls={domain: _own_urls(own) for domain, own in settings.by_domain().items()},
    )


def _own_urls(domain_settings: BaseSettings) -> dict[StoreKind, str]:
    """Return the stores that a domain does not share; it has a setting for each kind of store that it uses."""
    return {kind: url for kind in STORE_KINDS if (url := getattr(domain_settings, f"{kind}_url", None))}


def build_contracts(domains: Iterable[Domain]) -> dict[dg.AssetKey, TableContract]:
    """Return the contract of every asset that is a table."""
    return {asset_key(contract): contract for domain in domains for contract in domain.contracts}


def build_definitions(settings: Settings, **overrides: Any) -> dg.Definitions:
    """Return fresh definitions of the whole platform.

    Args:
        settings: stores, sources and automation.
        **overrides: resources by key that replace those built from the settings, for tests and special deployments.
    """
    domains = build_domains(settings)
    stores = build_stores(settings)
    contracts = build_contracts(domains)
    resources: Mapping[str, Any] = {
        STORES: stores,
        CLOCK: Clock(),
        LAKE: LakeIOManager(stores, contracts),
        WAREHOUSE: WarehouseIOManager(stores, contracts),
        MODELS: ModelIOManager(stores),
        **{key: resource for domain in domains for key, resource in domain.resources.items()},
        **overrides,
    }
    webhook = settings.alert_webhook_url.get_secret_value() if settings.alert_webhook_url else None
    return dg.Definitions(
        assets=[asset for domain in domains for asset in domain.assets],
        asset_checks=[check for domain in domains for check in domain.checks],
        jobs=[*(job for domain in domains for job in domain.jobs), prepare_job(stores, domains, settings.intermediate_days)],
        schedules=[schedule for domain in domains for schedule in domain.schedules],
        sensors=[*(sensor for domain in domains for sensor in domain.sensors), run_failure_alerts(webhook)],
        resources=resources,
        # Steps are short and the libraries heavy: a process per step would spend most of its time importing.
        executor=dg.in_process_executor,
    )
