"""This domain as the platform takes it in: contracts, assets, checks, automation, and the source that the settings choose."""

from datetime import datetime, timezone
from pathlib import Path

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.chicago_crimes.assets import ASSETS
from mlops_assets.chicago_crimes.automation import JOBS, build_schedules, build_sensors
from mlops_assets.chicago_crimes.bootstrap import build_bootstrap
from mlops_assets.chicago_crimes.checks import CHECKS
from mlops_assets.chicago_crimes.contracts import DATA_CONTRACTS
from mlops_assets.chicago_crimes.model_contracts import MODEL_CONTRACTS
from mlops_assets.chicago_crimes.settings import ChicagoCrimesSettings
from mlops_assets.chicago_crimes.source import CrimeSource
from mlops_assets.months import Month
from mlops_assets.orchestration.domain import Domain

CONTRACTS = (*DATA_CONTRACTS, *MODEL_CONTRACTS)


def build_domain(settings: ChicagoCrimesSettings, *, cache: Path, is_automatic: bool) -> Domain:
    """Return the domain.

    Args:
        settings: which source to read.
        cache: where large exports are kept split by month.
        is_automatic: whether schedules and sensors start with the daemon.
    """
    bootstrap = build_bootstrap(settings.describe_source())
    return Domain(
        name=DOMAIN,
        contracts=CONTRACTS,
        assets=ASSETS,
        checks=CHECKS,
        jobs=JOBS,
        schedules=build_schedules(is_running=is_automatic),
        sensors=build_sensors(bootstrap, is_running=is_automatic),
        # A function, so that the source is opened when a run needs it and not when definitions are loaded.
        resources={
            "crime_source": dg.ResourceDefinition(lambda _: open_source(settings, cache / DOMAIN, datetime.now(timezone.utc)))
        },
        bootstrap=bootstrap,
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
        from mlops_assets.chicago_crimes.live import LiveCrimeSource, open_portal

        token = settings.portal_app_token.get_secret_value() if settings.portal_app_token else None
        return LiveCrimeSource(open_portal(settings.portal_url, token))
    if settings.source == "export":
        from mlops_assets.chicago_crimes.export import ExportCrimeSource

        assert settings.export_path is not None
        return ExportCrimeSource(settings.export_path, cache, until=Month.of(now, TIME_ZONE))
    from mlops_assets.chicago_crimes.sample import SampleCrimeSource

    return SampleCrimeSource(
        seed=settings.sample_seed, crimes_per_year=settings.sample_crimes_per_year, as_of=settings.sample_as_of or now
    )
