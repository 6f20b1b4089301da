"""Settings of this domain, read from `MLOPS_CHICAGO_CRIMES_*`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from mlops_assets.chicago_crimes.portal_client import read_portal_url
from mlops_assets.environment_settings import ABSOLUTE_PATH, DomainSettings
from mlops_assets.urls import redact


class ChicagoCrimesSettings(DomainSettings):
    """Where crimes come from, and stores that differ from the platform's.

    Attributes:
        source: `sample` simulates a city, `export` reads portal CSV files, `live` asks the portal.
        export_path: a CSV file, or a folder of them, for `export`.
        portal_url: the portal asked by `live`.
        portal_app_token: raises the portal's rate limit; also read from `SOCRATA_APP_TOKEN`.
        sample_seed: another seed is another city.
        sample_crimes_per_year: size of the simulated city's year.
        sample_as_of: the moment up to which the simulated portal has heard of crimes and arrests (UTC); empty means now.
    """

    model_config = SettingsConfigDict(env_prefix="MLOPS_CHICAGO_CRIMES_")

    source: Literal["sample", "export", "live"] = "sample"
    export_path: Annotated[Path | None, ABSOLUTE_PATH] = Field(default=None, validate_default=True)
    # Refused if it holds a password, and then not told.
    portal_url: str = Field(default="https://data.cityofchicago.org", repr=False)
    portal_app_token: SecretStr | None = Field(
        default=None, repr=False, validation_alias=AliasChoices("MLOPS_CHICAGO_CRIMES_PORTAL_APP_TOKEN", "SOCRATA_APP_TOKEN")
    )
    sample_seed: int = 20240101
    sample_crimes_per_year: int = Field(default=260_000, ge=1_000)
    sample_as_of: datetime | None = None

    def describe_source(self) -> str:
        """Say where crimes come from."""
        if self.source == "live":
            return f"the portal {redact(self.portal_url)}"
        return f"exports at {self.export_path}" if self.source == "export" else "a simulated city"

    @field_validator("portal_url")
    @classmethod
    def _is_a_portal(cls, url: str) -> str:
        read_portal_url(url)
        return url

    # A validator of the whole model would do, but its error shows all inputs, the token among them.
    @field_validator("export_path")
    @classmethod
    def _export_needs_a_path(cls, path: Path | None, others: ValidationInfo) -> Path | None:
        if path is None and others.data.get("source") == "export":
            raise ValueError("MLOPS_CHICAGO_CRIMES_SOURCE=export needs MLOPS_CHICAGO_CRIMES_EXPORT_PATH: a CSV file or a folder")
        return path

    @field_validator("sample_as_of")
    @classmethod
    def _needs_a_zone(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.tzinfo is None:
            raise ValueError("MLOPS_CHICAGO_CRIMES_SAMPLE_AS_OF needs a time zone, for example 2024-06-30T00:00:00Z")
        return moment
