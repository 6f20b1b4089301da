"""Settings of this domain, read from `MLOPS_CHICAGO_CRIMES_*`."""

from typing import ClassVar, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from mlops_assets.chicago_crimes.sources.portal_client import read_portal_url
from mlops_assets.environment_settings import TimedSourceSettings
from mlops_assets.urls import redact


class ChicagoCrimesSettings(TimedSourceSettings):
    """Where crimes come from: a simulated city, portal CSV files, or the portal; and stores that differ from the platform's.

    Attributes:
        portal_url: the portal asked by `live`.
        portal_app_token: raises the portal's rate limit; also read from `SOCRATA_APP_TOKEN`.
        sample_crimes_per_year: size of the simulated city's year.
    """

    export_name: ClassVar = "exports"
    sample_name: ClassVar = "a simulated city"
    model_config = SettingsConfigDict(env_prefix="MLOPS_CHICAGO_CRIMES_")

    source: Literal["sample", "export", "live"] = "sample"
    # Refused if it holds a password, and then not told.
    portal_url: str = Field(default="https://data.cityofchicago.org", repr=False)
    portal_app_token: SecretStr | None = Field(
        default=None, repr=False, validation_alias=AliasChoices("MLOPS_CHICAGO_CRIMES_PORTAL_APP_TOKEN", "SOCRATA_APP_TOKEN")
    )
    sample_seed: int = Field(default=20240101, ge=0)
    sample_crimes_per_year: int = Field(default=260_000, ge=1_000)

    def describe_live(self) -> str:
        """Say which portal is asked, without credentials."""
        return f"the portal {redact(self.portal_url)}"

    @field_validator("portal_url")
    @classmethod
    def _is_a_portal(cls, url: str) -> str:
        read_portal_url(url)
        return url


SETTINGS = ChicagoCrimesSettings
