"""This domain as the platform takes it in: contracts, assets, checks, automation, and the source that the settings choose."""

from datetime import datetime
from pathlib import Path

import dagster as dg

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.assets import ASSETS
from mlops_assets.donostia_parking.assets.automation import JOBS, build_schedules, build_sensors
from mlops_assets.donostia_parking.assets.bootstrap import build_bootstrap
from mlops_assets.donostia_parking.assets.checks import CHECKS
from mlops_assets.donostia_parking.cities import CITIES
from mlops_assets.donostia_parking.contracts import DATA_CONTRACTS
from mlops_assets.donostia_parking.demo import build_demo
from mlops_assets.donostia_parking.model_contracts import MODEL_CONTRACTS
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.donostia_parking.sources.base import ParkingSource
from mlops_assets.orchestration.clock import CLOCK
from mlops_assets.orchestration.domain import Domain

CONTRACTS = (*DATA_CONTRACTS, *MODEL_CONTRACTS)


def build_domain(settings: DonostiaParkingSettings, *, cache: Path, automation_enabled: bool) -> Domain:
    """Return the domain.

    Args:
        settings: which source to read, of which city.
        cache: not needed: this domain keeps nothing beside the stores.
        automation_enabled: whether schedules and sensors start with the daemon.
    """
    bootstrap = build_bootstrap(CITIES[settings.city], settings.describe_source())
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
            "parking_source": dg.ResourceDefinition(
                lambda context: open_source(settings, context.resources.clock.now()), required_resource_keys={CLOCK}
            ),
            "parking_city": CITIES[settings.city],
        },
        bootstrap=bootstrap,
        demo=build_demo(CITIES[settings.city]),
    )


def open_source(settings: DonostiaParkingSettings, now: datetime) -> ParkingSource:
    """Return the source that the settings choose.

    Args:
        settings: which source, of which city, and where it is.
        now: what is dated later is a typing error in an export; and up to when the simulated feed has been recorded, unless the
            settings fix it.
    """
    if settings.source == "live":
        from mlops_assets.donostia_parking.sources.live import LiveParkingSource

        return LiveParkingSource(settings.feed_url)
    if settings.source == "export":
        from mlops_assets.donostia_parking.sources.export import ExportParkingSource

        assert settings.export_path is not None
        return ExportParkingSource(settings.export_path, CITIES[settings.city], until=now)
    from mlops_assets.donostia_parking.sources.sample import SampleParkingSource

    return SampleParkingSource(settings.sample_seed, as_of=settings.sample_as_of or now)
