"""This domain as the platform takes it in: contracts, assets, checks, automation, and the source that the settings choose."""

from pathlib import Path

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.chicago_crimes.assets import ASSETS
from mlops_assets.chicago_crimes.assets.automation import JOBS, PORTAL_PAGES, build_schedules, build_sensors
from mlops_assets.chicago_crimes.assets.bootstrap import build_bootstrap
from mlops_assets.chicago_crimes.assets.checks import CHECKS
from mlops_assets.chicago_crimes.contracts import DATA_CONTRACTS
from mlops_assets.chicago_crimes.demo import DEMO
from mlops_assets.chicago_crimes.model_contracts import MODEL_CONTRACTS
from mlops_assets.chicago_crimes.settings import ChicagoCrimesSettings
from mlops_assets.chicago_crimes.sources.base import CrimeSource
from mlops_assets.months import Month
from mlops_assets.orchestration.asset_specs import STORES
from mlops_assets.orchestration.clock import CLOCK, Clock
from mlops_assets.orchestration.domain import Domain
from mlops_assets.stores.registry import Stores

CONTRACTS = (*DATA_CONTRACTS, *MODEL_CONTRACTS)


def build_domain(settings: ChicagoCrimesSettings, *, cache: Path, automation_enabled: bool) -> Domain:
    """Return the domain.

    Args:
        settings: which source to read.
        cache: where large exports are kept split by month.
        automation_enabled: whether schedules and sensors start with the daemon.
    """
    bootstrap = build_bootstrap(settings.describe_source())
    return Domain(
        name=DOMAIN,
        contracts=CONTRACTS,
        assets=ASSETS,
        checks=CHECKS,
        jobs=JOBS,
        schedules=build_schedules(automation_enabled=automation_enabled),
        sensors=build_sensors(bootstrap, automation_enabled=automation_enabled),
        # A function, so that the source is opened when a run needs it and not when definitions are loaded.
        resources={
            "crime_source": dg.ResourceDefinition(
                lambda context: open_source(settings, cache / DOMAIN, context.resources.stores, context.resources.clock),
                required_resource_keys={STORES, CLOCK},
            )
        },
        bootstrap=bootstrap,
        demo=DEMO,
    )


def open_source(settings: ChicagoCrimesSettings, cache: Path, stores: Stores, clock: Clock) -> CrimeSource:
    """Return the source that the settings choose.

    Args:
        settings: which source, and where it is.
        cache: where large exports are kept split by month.
        stores: where the live portal's pages land.
        clock: what is dated later than now is a typing error in an export; now is when the portal is asked, and up to when the
            simulated portal has heard of anything, unless the settings fix it.
    """
    if settings.source == "live":
        from mlops_assets.chicago_crimes.sources.landing import LandedPages
        from mlops_assets.chicago_crimes.sources.live import LiveCrimeSource, open_portal

        token = settings.portal_app_token.get_secret_value() if settings.portal_app_token else None
        pages = LandedPages(stores.landing(DOMAIN, PORTAL_PAGES), clock.now)
        return LiveCrimeSource(open_portal(settings.portal_url, token), pages)
    if settings.source == "export":
        from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource

        assert settings.export_path is not None
        return ExportCrimeSource(settings.export_path, cache, until=Month.of(clock.now(), TIME_ZONE))
    from mlops_assets.chicago_crimes.sources.sample import SampleCrimeSource

    return SampleCrimeSource(
        seed=settings.sample_seed, crimes_per_year=settings.sample_crimes_per_year, as_of=settings.sample_as_of or clock.now()
    )
