"""Settings of the dashboard, read from `MLOPS_DASHBOARD_*`."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from mlops_assets.environment_settings import EnvironmentSettings
from mlops_assets.urls import read_web_url

_EXAMPLE_URL = "http://127.0.0.1:8803"


class DashboardSettings(EnvironmentSettings):
    """Where the dashboard listens, and which serving it asks.

    Attributes:
        host: address to listen on. The dashboard asks nobody for a password.
        port: of the pages.
        serving_url: REST and GraphQL of serving.
        grpc_target: gRPC of serving, as `host:port`.
        api_key: one of serving's keys, if it wants one.
    """

    model_config = SettingsConfigDict(env_prefix="MLOPS_DASHBOARD_")

    host: str = "127.0.0.1"
    port: int = Field(default=8504, ge=1, le=65_535)
    serving_url: str = _EXAMPLE_URL
    grpc_target: str = "127.0.0.1:50051"
    api_key: SecretStr | None = Field(default=None, repr=False)

    @field_validator("serving_url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        parts = read_web_url(url, _EXAMPLE_URL)
        if parts.has_credentials or parts.options:
            raise ValueError("pages show the address; leave user, password and options out, and set MLOPS_DASHBOARD_API_KEY")
        return url.rstrip("/")
