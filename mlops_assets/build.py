"""The one place where domains, resources and IO managers meet."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from mlops_assets.contracts import TableContract
from mlops_assets.domains import DOMAINS, definition
from mlops_assets.errors import SettingsError
from mlops_assets.orchestration.alerts import run_failure_alerts
from mlops_assets.orchestration.asset_specs import LAKE, MODELS, STORES, WAREHOUSE, asset_key
from mlops_assets.orchestration.buckets import prepare_job
from mlops_assets.orchestration.clock import CLOCK, Clock
from mlops_assets.orchestration.domain import Domain
from mlops_assets.orchestration.lake_io import LakeIOManager
from mlops_assets.orchestration.model_io import ModelIOManager
from mlops_assets.orchestration.warehouse_io import WarehouseIOManager
from mlops_assets.settings import Settings
from mlops_assets.stores.registry import Stores

_DEFINITIONS = {name: definition(name) for name in DOMAINS}


def build_domains(settings: Settings) -> list[Domain]:
    """Return every domain of the platform."""
    cache, enabled = settings.data_dir / "cache", settings.automation_enabled
    return [_DEFINITIONS[name].build_domain(own, cache=cache, automation_enabled=enabled) for name, own in settings.domains.items()]


def build_contracts(domains: Iterable[Domain]) -> dict[dg.AssetKey, TableContract]:
    """Return the contract of every asset that is a table."""
    return {asset_key(contract): contract for domain in domains for contract in domain.contracts}


def build_definitions(
    settings: Settings, *, resources: Mapping[str, Any] | None = None, executor: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """Return fresh definitions of the whole platform.

    Args:
        settings: stores, sources and automation.
        resources: by key, instead of those built from the settings, for tests and special deployments.
        executor: runs the steps of a run; by default one after the other in the run's process.

    Raises:
        SettingsError: there is no resource of such a key.
    """
    domains = build_domains(settings)
    stores = settings.build_stores()
    webhook = settings.alert_webhook_url.get_secret_value() if settings.alert_webhook_url else None
    return dg.Definitions(
        assets=[asset for domain in domains for asset in domain.assets],
        asset_checks=[check for domain in domains for check in domain.checks],
        jobs=[*(job for domain in domains for job in domain.jobs), prepare_job(stores, domains, settings.intermediate_days)],
        schedules=[schedule for domain in domains for schedule in domain.schedules],
        sensors=[*(sensor for domain in domains for sensor in domain.sensors), run_failure_alerts(webhook)],
        resources=_build_resources(domains, stores, resources or {}),
        # Steps are short and the libraries heavy: a process per step would spend most of its time importing.
        executor=executor or dg.in_process_executor,
    )


def _build_resources(domains: Sequence[Domain], stores: Stores, overrides: Mapping[str, Any]) -> dict[str, Any]:
    contracts, clock = build_contracts(domains), overrides.get(CLOCK, Clock())
    resources: dict[str, Any] = {
        STORES: stores,
        CLOCK: clock,
        LAKE: LakeIOManager(stores, contracts),
        WAREHOUSE: WarehouseIOManager(stores, contracts),
        MODELS: ModelIOManager(stores, clock),
        **{key: resource for domain in domains for key, resource in domain.resources.items()},
    }
    if unknown := overrides.keys() - resources.keys():
        raise SettingsError(f"there is no resource {', '.join(sorted(unknown))}; the resources are {', '.join(sorted(resources))}")
    return {**resources, **overrides}
