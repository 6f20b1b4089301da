"""This domain as the platform takes it in: contracts, assets, checks, automation, and the source that the settings choose."""

from datetime import datetime, timezone

import dagster as dg

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.assets import ASSETS
from mlops_assets.donostia_parking.automation import JOBS, build_schedules, build_sensors
from mlops_assets.donostia_parking.bootstrap import build_bootstrap
from mlops_assets.donostia_parking.championship import FORECAST_CHAMPION
from mlops_assets.donostia_parking.checks import CHECKS
from mlops_assets.donostia_parking.cities import CITIES
from mlops_assets.donostia_parking.contracts import DATA_CONTRACTS
from mlops_assets.donostia_parking.forecast_contracts import FORECAST_CONTRACTS
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.donostia_parking.source import ParkingSource
from mlops_assets.orchestration.domain import Domain

CONTRACTS = (*DATA_CONTRACTS, *FORECAST_CONTRACTS, FORECAST_CHAMPION)


def build_domain(settings: DonostiaParkingSettings, *, is_automatic: bool) -> Domain:
    """Return the domain.

    Args:
        settings: which source to read, of which city.
        is_automatic: whether schedules and sensors start with the daemon.
    """
    bootstrap = build_bootstrap(CITIES[settings.city], settings.describe_source())
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
            "parking_source": dg.ResourceDefinition(lambda _: open_source(settings, datetime.now(timezone.utc))),
            "parking_city": CITIES[settings.city],
        },
        bootstrap=bootstrap,
    )


def open_source(settings: DonostiaParkingSettings, now: datetime) -> ParkingSource:
    """Return the source that the settings choose.

    Args:
        settings: which source, of which city, and where it is.
        now: what is dated later is a typing error in an export; and up to when the simulated feed has been recorded, unless the
            settings fix it.
    """
    if settings.source == "live":
        from mlops_assets.donostia_parking.live import LiveParkingSource

        return LiveParkingSource(settings.feed_url)
    if settings.source == "export":
        from mlops_assets.donostia_parking.export import ExportParkingSource

        assert settings.export_path is not None
        return ExportParkingSource(settings.export_path, CITIES[settings.city], until=now)
    from mlops_assets.donostia_parking.sample import SampleParkingSource

    return SampleParkingSource(settings.sample_seed, as_of=settings.sample_as_of or now)
