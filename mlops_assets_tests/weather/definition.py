"""This domain as the platform takes it in."""

from pathlib import Path

import dagster as dg

from mlops_assets.orchestration.domain import Domain

from . import DOMAIN
from .assets import ASSETS
from .contracts import CONTRACTS
from .settings import WeatherSettings
from .sources.sample import SampleWeather

READ_WEATHER = dg.define_asset_job(
    "read_weather", selection=dg.AssetSelection.assets(*ASSETS[:2]), description="Read a month, and sum it up."
)
NOTE_STATIONS = dg.define_asset_job(
    "note_stations", selection=dg.AssetSelection.assets(ASSETS[2]), description="Note what is known of a station."
)


@dg.op
def register(context: dg.OpExecutionContext) -> None:
    """Register two stations."""
    context.instance.add_dynamic_partitions("station", ["hill", "shore"])


@dg.job(description="Register the stations.")
def register_stations() -> None:
    """Register the stations."""
    register()


def build_domain(settings: WeatherSettings, *, cache: Path, automation_enabled: bool) -> Domain:
    """Return the domain; it has neither schedules nor sensors."""
    return Domain(
        DOMAIN,
        CONTRACTS,
        ASSETS,
        jobs=[READ_WEATHER, NOTE_STATIONS, register_stations],
        resources={"weather_source": SampleWeather(settings.sample_seed)},
    )
