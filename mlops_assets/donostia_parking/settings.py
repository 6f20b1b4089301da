"""Settings of this domain, read from `MLOPS_DONOSTIA_PARKING_*`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from mlops_assets.environment_settings import ABSOLUTE_PATH, DomainSettings
from mlops_assets.urls import read_web_url, redact


class DonostiaParkingSettings(DomainSettings):
    """Where readings come from, of which city, and stores that differ from the platform's.

    Attributes:
        source: `sample` simulates a city, `export` reads recordings, `live` asks the city.
        city: whose car parks; Birmingham is known from a recording only.
        export_path: a recording, or a folder of them, for `export`.
        feed_url: the feed asked by `live`.
        sample_seed: another seed is another city.
        sample_as_of: the moment up to which the simulated city has been recorded (UTC); empty means now.
    """

    model_config = SettingsConfigDict(env_prefix="MLOPS_DONOSTIA_PARKING_", validate_default=True)

    source: Literal["sample", "export", "live"] = "sample"
    city: Literal["donostia", "birmingham"] = "donostia"
    export_path: Annotated[Path | None, ABSOLUTE_PATH] = None
    # A key may stand among its parameters.
    feed_url: str = Field(default="https://www.donostia.eus/info/ciudadano/camaras_trafico.nsf/getParkings.xsp", repr=False)
    sample_seed: int = Field(default=20220123, ge=0)
    sample_as_of: datetime | None = None

    def describe_source(self) -> str:
        """Say where readings come from."""
        if self.source == "live":
            return f"the feed {redact(self.feed_url)}"
        return f"recordings at {self.export_path}" if self.source == "export" else "a simulated feed"

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
                "MLOPS_DONOSTIA_PARKING_CITY=birmingham is known from a recording: it needs MLOPS_DONOSTIA_PARKING_SOURCE=export"
            )
        return city

    @field_validator("export_path")
    @classmethod
    def _export_needs_a_path(cls, path: Path | None, others: ValidationInfo) -> Path | None:
        if path is None and others.data.get("source") == "export":
            raise ValueError(
                "MLOPS_DONOSTIA_PARKING_SOURCE=export needs MLOPS_DONOSTIA_PARKING_EXPORT_PATH: a recording or a folder"
            )
        return path

    @field_validator("sample_as_of")
    @classmethod
    def _needs_a_zone(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.tzinfo is None:
            raise ValueError("MLOPS_DONOSTIA_PARKING_SAMPLE_AS_OF needs a time zone, for example 2024-06-30T00:00:00Z")
        return moment
