"""This domain as the platform takes it in: contracts, assets, checks, automation, and the source that the settings choose."""

from datetime import datetime
from pathlib import Path

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.chicago_crimes.assets import ASSETS
from mlops_assets.chicago_crimes.assets.automation import JOBS, build_schedules, build_sensors
from mlops_assets.chicago_crimes.assets.bootstrap import build_bootstrap
from mlops_assets.chicago_crimes.assets.checks import CHECKS
from mlops_assets.chicago_crimes.contracts import DATA_CONTRACTS
from mlops_assets.chicago_crimes.demo import DEMO
from mlops_assets.chicago_crimes.model_contracts import MODEL_CONTRACTS
from mlops_assets.chicago_crimes.settings import ChicagoCrimesSettings
from mlops_assets.chicago_crimes.sources.base import CrimeSource
from mlops_assets.months import Month
from mlops_assets.orchestration.clock import CLOCK
from mlops_assets.orchestration.domain import Domain

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
                lambda context: open_source(settings, cache / DOMAIN, context.resources.clock.now()), required_resource_keys={CLOCK}
            )
        },
        bootstrap=bootstrap,
        demo=DEMO,
    )


def open_source(settings: ChicagoCrimesSettings, cache: Path, now: datetime) -> CrimeSource:
    """Return the source that the settings choose.

    Args:
        settings: which source, and where it is.
        cache: where large exports are kept split by month.
        now: what is dated later is a typing error in an export; and up to when the simulated portal has heard of anything, unless
            the settings fix it.
    """
    if settings.source == "live":
        from mlops_assets.chicago_crimes.sources.live import LiveCrimeSource, open_portal

        token = settings.portal_app_token.get_secret_value() if settings.portal_app_token else None
        return LiveCrimeSource(open_portal(settings.portal_url, token))
    if settings.source == "export":
        from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource

        assert settings.export_path is not None
        return ExportCrimeSource(settings.export_path, cache, until=Month.of(now, TIME_ZONE))
    from mlops_assets.chicago_crimes.sources.sample import SampleCrimeSource

    return SampleCrimeSource(
        seed=settings.sample_seed, crimes_per_year=settings.sample_crimes_per_year, as_of=settings.sample_as_of or now
    )
