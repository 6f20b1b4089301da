"""Settings of serving, read from `MLOPS_SERVING_*`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from mlops_assets.environment_settings import EnvironmentSettings

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SHORTEST_KEY = 16


class ServingSettings(EnvironmentSettings):
    """Where serving listens, who may ask, and how much.

    Attributes:
        host: address to listen on; others than loopback addresses are for services with keys.
        port: of REST and GraphQL.
        grpc_port: of gRPC.
        workers: processes that answer; each loads its own champions.
        api_keys: any of them lets a client ask; separated by commas. Without keys only loopback addresses are served.
        admin_key: lets a client reload champions; without one nobody may.
        poll_seconds: how often the registry is asked who is champion.
        timeout_seconds: how long an answer may take.
        stop_seconds: how long answers in flight have when the service stops.
        max_body_bytes: the longest body of a request.
        max_batch_rows: the most records of a request.
        log_predictions: whether answers are noted in the event log.
        vertex_model: in a container of Vertex AI that serves several models, the one that it asks, as `domain/name`.
    """

    model_config = SettingsConfigDict(env_prefix="MLOPS_SERVING_")

    host: str = "127.0.0.1"
    port: int = Field(default=8803, ge=0, le=65_535)
    grpc_port: int = Field(default=50051, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(default=(), repr=False)
    admin_key: SecretStr | None = Field(default=None, repr=False)
    poll_seconds: float = Field(default=5.0, gt=0, le=10)
    timeout_seconds: float = Field(default=30.0, gt=0)
    stop_seconds: float = Field(default=20.0, ge=0)
    max_body_bytes: int = Field(default=2_000_000, ge=1_000)
    max_batch_rows: int = Field(default=1_000, ge=1)
    log_predictions: Literal["on", "off"] = "on"
    vertex_model: str | None = None

    @field_validator("api_keys", mode="before")
    @classmethod
    def _separated_by_commas(cls, given: object) -> object:
        return tuple(key.strip() for key in given.split(",") if key.strip()) if isinstance(given, str) else given

    @field_validator("api_keys", "admin_key")
    @classmethod
    def _are_hard_to_guess(cls, keys: tuple[SecretStr, ...] | SecretStr | None) -> tuple[SecretStr, ...] | SecretStr | None:
        for key in keys if isinstance(keys, tuple) else (keys,):
            if key is not None and len(key.get_secret_value()) < _SHORTEST_KEY:
                raise ValueError(f"a key has at least {_SHORTEST_KEY} characters")
        return keys
