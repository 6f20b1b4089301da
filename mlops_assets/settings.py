"""All settings of the platform, read from the environment and `.env`. A wrong value fails at start and names the legal ones."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, SerializeAsAny, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mlops_assets.dashboard.settings import DashboardSettings
from mlops_assets.domains import DOMAINS, settings_class
from mlops_assets.environment import ENV_FILE_VARIABLE, export_env_file, find_project, read_env_file
from mlops_assets.environment_settings import (
    ABSOLUTE_PATH,
    ABSOLUTE_TRACKING_URI,
    ABSOLUTE_URL,
    DomainSettings,
    EnvironmentSettings,
    variables_of,
)
from mlops_assets.errors import SettingsError
from mlops_assets.serving.settings import ServingSettings
from mlops_assets.stores.registry import STORE_KINDS, StoreKind, Stores
from mlops_assets.urls import read_web_url

_PREFIX = "MLOPS_"
_PREFIXES = (_PREFIX, "MLFLOW_", "SOCRATA_")
_CREDENTIALS = ("MLOPS_KAFKA_USERNAME", "MLOPS_KAFKA_PASSWORD")
"""Variables that a store reads itself."""
_OF_PROGRAMS: tuple[type[BaseSettings], ...] = (ServingSettings, DashboardSettings)
"""Settings of programs beside the graph."""
_NEAR = 0.75
_NEAR_AMONG_OTHERS = 0.9
"""How alike a name must be to that of a setting to be taken for a mistake; MLflow reads many variables of its own."""


class Settings(EnvironmentSettings):
    """Stores, automation and alerts. Every store is a URL; the defaults keep everything below `data_dir`.

    Attributes:
        data_dir: folder of the embedded stores and of Dagster's own records.
        lake_url: where tables and fitted objects are kept as one object per partition.
        warehouse_url: where tables for people and dashboards are kept.
        documents_url: where raw JSON documents are kept.
        events_url: the log in which events arrive.
        mlflow_tracking_uri: MLflow server or database with experiments and the model registry (`MLFLOW_TRACKING_URI`).
        mlflow_ui_url: where people open MLflow; links in the UI point there.
        automation: `on` starts schedules, sensors and automation conditions with the daemon; `off` leaves that to the UI.
        intermediate_days: how long a bucket keeps intermediate tables that can be made again, such as training windows.
        alert_webhook_url: a URL that gets a JSON message for every failed run; it may contain a secret.
        domains: the settings of each domain; those not given are read from the environment, too.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX)

    data_dir: Annotated[Path, ABSOLUTE_PATH] = Field(default_factory=lambda: find_project().folder / "data")
    # A URL of a store may hold a password; repr() ends up in logs and error messages.
    lake_url: Annotated[str, ABSOLUTE_URL] = Field(default="", repr=False)
    warehouse_url: Annotated[str, ABSOLUTE_URL] = Field(default="", repr=False)
    documents_url: Annotated[str, ABSOLUTE_URL] = Field(default="", repr=False)
    events_url: Annotated[str, ABSOLUTE_URL] = Field(default="", repr=False)
    mlflow_tracking_uri: Annotated[str, ABSOLUTE_TRACKING_URI] = Field(
        default="",
        repr=False,
        validation_alias=AliasChoices("MLFLOW_TRACKING_URI", "MLOPS_MLFLOW_TRACKING_URI", "mlflow_tracking_uri"),
    )
    # Refused if it holds a password, and then not told.
    mlflow_ui_url: str = Field(default="http://127.0.0.1:5000", repr=False)
    automation: Literal["on", "off"] = "off"
    intermediate_days: int = Field(default=60, ge=1)
    alert_webhook_url: SecretStr | None = Field(default=None, repr=False)
    domains: Annotated[Mapping[str, SerializeAsAny[DomainSettings]], NoDecode] = Field(default_factory=dict, validate_default=True)

    _given: frozenset[str] = PrivateAttr(default=frozenset())

    @field_validator("mlflow_ui_url")
    @classmethod
    def _is_for_everybody(cls, url: str) -> str:
        parts = read_web_url(url, "http://127.0.0.1:5000")
        if parts.has_credentials or parts.options:
            raise ValueError("links in the UI are for everybody; leave user, password and options out")
        return url

    @field_validator("domains", mode="before")
    @classmethod
    def _of_every_domain(cls, given: Mapping[str, DomainSettings]) -> dict[str, DomainSettings]:
        if unknown := given.keys() - set(DOMAINS):
            raise ValueError(f"there is no domain {', '.join(sorted(unknown))}; the domains are {', '.join(DOMAINS)}")
        return {domain: given.get(domain) or settings_class(domain)() for domain in DOMAINS}

    @field_validator("alert_webhook_url")
    @classmethod
    def _is_a_web_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("it is not like https://hooks.example.org/...")
        return url

    @property
    def automation_enabled(self) -> bool:
        """Whether schedules and sensors start with the daemon."""
        return self.automation == "on"

    def build_stores(self) -> Stores:
        """Return the stores that the settings name; nothing is opened yet."""
        return Stores(
            urls={kind: getattr(self, f"{kind}_url") for kind in STORE_KINDS},
            mlflow_tracking_uri=self.mlflow_tracking_uri,
            mlflow_ui_url=self.mlflow_ui_url,
            artifact_folder=self.data_dir / "mlflow" / "artifacts",
            own_urls={domain: _own_urls(own) for domain, own in self.domains.items()},
        )

    def as_environment(self) -> dict[str, str]:
        """Return the places among the settings as variables for other processes, to which they mean the same in any folder.

        Stores that follow from the data directory are left out: they follow from it in the other process, too.
        """
        variables = {}
        given = [(self, self._given | {"data_dir"}), *((own, own.model_fields_set) for own in self.domains.values())]
        for settings, names in given:
            for name in names:
                field, value = type(settings).model_fields[name], getattr(settings, name)
                if value and not {ABSOLUTE_PATH, ABSOLUTE_URL, ABSOLUTE_TRACKING_URI}.isdisjoint(field.metadata):
                    variables[variables_of(type(settings), name)[0]] = str(value)
        return variables

    def model_post_init(self, _context: object) -> None:
        """Derive the embedded stores from the data directory where no URL is given."""
        self._given = frozenset(self.model_fields_set)
        self.lake_url = self.lake_url or f"file:{quote(str(self.data_dir / 'lake'))}"
        self.warehouse_url = self.warehouse_url or f"duckdb:{quote(str(self.data_dir / 'warehouse.duckdb'))}"
        self.documents_url = self.documents_url or f"sqlite:{quote(str(self.data_dir / 'documents.db'))}"
        self.events_url = self.events_url or f"sqlite:{quote(str(self.data_dir / 'events.db'))}"
        self.mlflow_tracking_uri = self.mlflow_tracking_uri or f"sqlite:///{quote(str(self.data_dir / 'mlflow' / 'mlflow.db'))}"


def load_settings() -> Settings:
    """Return the settings of this process, after looking for misspelled ones.

    What else stands in the project's `.env`, such as credentials of a cloud, is put into the environment, where clients look.

    Raises:
        SettingsError: a value is not allowed, or a variable is called almost like a setting.
    """
    unknown_variables()
    export_env_file(set(setting_variables()))
    return Settings()


def variables_by_setting(settings: type[BaseSettings] = Settings) -> Iterator[list[str]]:
    """Yield the environment variables that set each setting, those of domains and programs included, the preferred one first."""
    for name in settings.model_fields:
        if name != "domains":
            yield variables_of(settings, name)
    if settings is Settings:
        for domain in DOMAINS:
            yield from variables_by_setting(settings_class(domain))
        for own in _OF_PROGRAMS:
            yield from variables_by_setting(own)


def setting_variables() -> list[str]:
    """Return all environment variables that are settings."""
    return [variable for variables in variables_by_setting() for variable in variables]


def unknown_variables() -> dict[str, str]:
    """Return the variables that are called like settings and are none, each with the setting of the most similar name.

    Raises:
        SettingsError: one is so similar that it must be a mistake, or stands in the project's `.env`.
    """
    known = [*setting_variables(), *_CREDENTIALS, ENV_FILE_VARIABLE]
    env_file = find_project().env_file
    in_file = set(read_env_file(env_file)) if env_file else set[str]()
    unknown: dict[str, str] = {}
    for name in sorted({*os.environ, *in_file}):
        if name.upper() in known or not name.upper().startswith(_PREFIXES):
            continue
        nearest = max(known, key=lambda other: _likeness(name, other))
        is_ours = name.upper().startswith(_PREFIX)
        if (is_ours and name in in_file) or _likeness(name, nearest) >= (_NEAR if is_ours else _NEAR_AMONG_OTHERS):
            where = f" in {env_file}" if name in in_file else ""
            raise SettingsError(f"there is no setting {name}{where}; did you mean {nearest}? .env.example lists all settings")
        if is_ours:
            unknown[name] = nearest
    return unknown


def _own_urls(settings: DomainSettings) -> dict[StoreKind, str]:
    """Return the stores that a domain does not share; it has a setting for each kind of store that it uses."""
    return {kind: url for kind in STORE_KINDS if (url := getattr(settings, f"{kind}_url", None))}


def _likeness(name: str, other: str) -> float:
    """Return 0 to 1; the prefix, which most have, does not count."""
    return difflib.SequenceMatcher(None, name.upper().removeprefix(_PREFIX), other.removeprefix(_PREFIX)).ratio()
