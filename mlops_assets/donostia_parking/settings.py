"""Settings of this domain, read from `MLOPS_DONOSTIA_PARKING_*`."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from mlops_assets.environment_settings import TimedSourceSettings
from mlops_assets.urls import read_web_url, redact


class DonostiaParkingSettings(TimedSourceSettings):
    """Where readings come from (a simulated city, historical files, or the feed), of which city, and stores of its own.

    Attributes:
        city: whose car parks; Birmingham is known from a historical file only.
        feed_url: the feed asked by `live`.
    """

    export_name: ClassVar = "historical files"
    sample_name: ClassVar = "a simulated feed"
    model_config = SettingsConfigDict(env_prefix="MLOPS_DONOSTIA_PARKING_", validate_default=True)

    source: Literal["sample", "export", "live"] = "sample"
    city: Literal["donostia", "birmingham"] = "donostia"
    # A key may stand among its parameters.
    feed_url: str = Field(default="https://www.donostia.eus/info/ciudadano/camaras_trafico.nsf/getParkings.xsp", repr=False)
    sample_seed: int = Field(default=20220123, ge=0)

    def describe_live(self) -> str:
        """Say which feed is asked, without credentials."""
        return f"the feed {redact(self.feed_url)}"

    @field_validator("feed_url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        read_web_url(url, "https://www.donostia.eus/...")
        return url

    @field_validator("city")
    @classmethod
    def _birmingham_is_a_recording(cls, city: str, others: ValidationInfo) -> str:
        if city == "birmingham" and others.data.get("source") not in ("export", None):
            raise ValueError(
                "MLOPS_DONOSTIA_PARKING_CITY=birmingham is known from files: it needs MLOPS_DONOSTIA_PARKING_SOURCE=export"
            )
        return city


SETTINGS = DonostiaParkingSettings
