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
    "read_weather", selection=dg.AssetSelection.assets(*ASSETS), description="Read a month, and sum it up."
)


def build_domain(settings: WeatherSettings, *, cache: Path, automation_enabled: bool) -> Domain:
    """Return the domain; it has neither schedules nor sensors."""
    return Domain(DOMAIN, CONTRACTS, ASSETS, jobs=[READ_WEATHER], resources={"weather_source": SampleWeather(settings.sample_seed)})
