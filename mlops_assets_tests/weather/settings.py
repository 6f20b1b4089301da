"""Settings of this domain, read from `MLOPS_WEATHER_*`."""

from typing import ClassVar, Literal

from pydantic_settings import SettingsConfigDict

from mlops_assets.environment_settings import SourceSettings


class WeatherSettings(SourceSettings):
    """Where measurements come from."""

    export_name: ClassVar = "measurements"
    sample_name: ClassVar = "a simulated climate"
    source: Literal["sample"] = "sample"
    model_config = SettingsConfigDict(env_prefix="MLOPS_WEATHER_")

    def describe_live(self) -> str:
        """Say that there is no service."""
        return "no service"


SETTINGS = WeatherSettings
