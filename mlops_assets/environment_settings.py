"""Settings from the environment and the project's `.env`: what platform and domains have in common.

The environment wins. A relative path in the file begins in the file's folder, one in the environment where the command was started;
`~` is the home folder in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, unquote

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from mlops_assets.environment import ENV_FILE, find_project, read_env_file
from mlops_assets.errors import SettingsError
from mlops_assets.urls import UnreadableURLError, read_tracking_uri, read_url

_PATH_URL = re.compile(r"(file:|duckdb:|sqlite:)(?!//)([^?]+)", re.IGNORECASE)
_TRACKING_URI = re.compile(r"(sqlite:///)([^?]+)")


def absolute_path(path: Path | str | None, folder: Path | None = None) -> Path | None:
    """Return a path that means the same wherever a later process runs; a relative one begins in `folder`, else here."""
    if path is None:
        return None
    try:
        return (folder or Path.cwd()) / Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"this machine does not know the home folder in {path}") from error


def absolute_url(url: str | None, folder: Path | None = None) -> str | None:
    """Return the URL of a store, of which the path of a local one means the same wherever a later process runs.

    Raises:
        UnreadableURLError: it is no URL.
    """
    return _with_absolute_path(url, _PATH_URL, folder)


def absolute_tracking_uri(uri: str | None, folder: Path | None = None) -> str | None:
    """Return MLflow's URI likewise; its path is relative after three slashes, and absolute after four.

    Raises:
        UnreadableURLError: it is neither a database file nor a server.
    """
    if uri:
        read_tracking_uri(uri)
    return _with_absolute_path(uri, _TRACKING_URI, folder)


ABSOLUTE_PATH = AfterValidator(absolute_path)
ABSOLUTE_URL = AfterValidator(absolute_url)
ABSOLUTE_TRACKING_URI = AfterValidator(absolute_tracking_uri)
"""What annotates a setting that names a place."""


class EnvironmentSettings(BaseSettings):
    """Settings from the environment and the project's `.env`. What is wrong with them is said by the names of variables."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_ignore_empty=True, extra="ignore")

    def __init__(self, **values: Any) -> None:
        """Read the settings.

        Args:
            **values: replace what is set elsewhere; `_env_file=None` leaves the file out.

        Raises:
            SettingsError: a value is not allowed. The message names the variable and what is allowed, and no secret.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError("; ".join(_sentences(type(self), error))) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment before the project's file."""
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        if dotenv_settings.env_file is None:
            return init_settings, env_settings
        return init_settings, env_settings, _ProjectFileSource(settings_cls, find_project().env_file)


class DomainSettings(EnvironmentSettings):
    """Settings of a domain: where its data comes from, and stores that differ from the platform's.

    Attributes:
        lake_url: a lake for this domain alone.
        warehouse_url: a warehouse for this domain alone.
    """

    # A URL of a store may hold a password; repr() ends up in logs and error messages.
    lake_url: Annotated[str | None, ABSOLUTE_URL] = Field(default=None, repr=False)
    warehouse_url: Annotated[str | None, ABSOLUTE_URL] = Field(default=None, repr=False)

    def describe_source(self) -> str:
        """Say in a few words, without credentials, where the data comes from."""
        raise NotImplementedError


class SourceSettings(DomainSettings):
    """Settings of a domain whose records come from a live service, from files that a person downloaded, or from a simulation.

    Attributes:
        source: `sample` simulates, `export` reads files; a domain names the others that it has, such as `live`.
        export_path: a file, or a folder of files, for `export`.
        sample_seed: another seed is another simulated world.
    """

    export_name: ClassVar[str]
    """What its files are called."""
    sample_name: ClassVar[str]
    """What is simulated."""

    source: str = "sample"
    export_path: Annotated[Path | None, ABSOLUTE_PATH] = Field(default=None, validate_default=True)
    sample_seed: int = Field(default=0, ge=0)

    def describe_live(self) -> str:
        """Say what is asked by the other sources, without credentials."""
        raise NotImplementedError

    def describe_source(self) -> str:
        """Say in a few words, without credentials, where the data comes from."""
        if self.source == "export":
            return f"{self.export_name} at {self.export_path}"
        return self.sample_name if self.source == "sample" else self.describe_live()

    # A validator of the whole model would do, but its error shows all inputs, secrets among them.
    @field_validator("export_path")
    @classmethod
    def _export_needs_a_path(cls, path: Path | None, others: ValidationInfo) -> Path | None:
        if path is None and others.data.get("source") == "export":
            prefix = cls.model_config.get("env_prefix", "")
            raise ValueError(f"{prefix}SOURCE=export needs {prefix}EXPORT_PATH: a file or a folder")
        return path


class TimedSourceSettings(SourceSettings):
    """Settings of a domain whose records bear a time.

    Attributes:
        sample_as_of: the moment up to which the simulated world has been recorded (UTC); empty means now.
    """

    sample_as_of: datetime | None = None

    @field_validator("sample_as_of")
    @classmethod
    def _needs_a_zone(cls, at: datetime | None) -> datetime | None:
        if at is not None and at.tzinfo is None:
            variable = f"{cls.model_config.get('env_prefix', '')}SAMPLE_AS_OF"
            raise ValueError(f"{variable} needs a time zone, for example 2024-06-30T00:00:00Z")
        return at


class _ProjectFileSource(DotEnvSettingsSource):
    """The variables of a file, whose relative paths begin in its folder."""

    def _read_env_file(self, file_path: Path) -> Mapping[str, str | None]:
        values: dict[str, str | None] = {name.lower(): value for name, value in read_env_file(file_path).items() if value}
        for name in self.settings_cls.model_fields:
            for variable in variables_of(self.settings_cls, name):
                if value := values.get(variable.lower()):
                    values[variable.lower()] = _resolved(self.settings_cls, name, value, file_path.parent)
        return values


def variables_of(settings: type[BaseSettings], field: str) -> list[str]:
    """Return the environment variables that set a field, the preferred one first."""
    alias = settings.model_fields[field].validation_alias
    if alias is None:
        return [f"{settings.model_config.get('env_prefix', '')}{field}".upper()]
    return list(dict.fromkeys(str(choice).upper() for choice in getattr(alias, "choices", [alias])))


def _with_absolute_path(url: str | None, pattern: re.Pattern[str], folder: Path | None) -> str | None:
    if not url:
        return url
    read_url(url)
    found = pattern.fullmatch(url)
    return f"{found[1]}{quote(str(absolute_path(unquote(found[2]), folder)))}" if found else url


def _resolved(settings: type[BaseSettings], field: str, value: str, folder: Path) -> str:
    """Resolve the text of a place; one that cannot be read is left for the validation, which names the variable."""
    validators = [item for item in settings.model_fields[field].metadata if isinstance(item, AfterValidator)]
    for validator in validators:
        resolve: Callable[..., object] = validator.func
        if validator in (ABSOLUTE_PATH, ABSOLUTE_URL, ABSOLUTE_TRACKING_URI):
            try:
                return str(resolve(value, folder))
            except (UnreadableURLError, ValueError):
                return value
    return value


def _sentences(settings: type[BaseSettings], error: ValidationError) -> Iterator[str]:
    """Yield what is wrong with each variable; its value is told unless it may be secret."""
    for entry in error.errors(include_url=False, include_context=False):
        message, value = str(entry["msg"]).removeprefix("Value error, "), str(entry["input"])
        located = str(entry["loc"][0]).upper() if entry["loc"] else ""
        # Of a field with aliases, pydantic names the alias.
        fields = [name for name in settings.model_fields if located in (name.upper(), *variables_of(settings, name))]
        if not fields or (variable := variables_of(settings, fields[0])[0]) in message:
            yield message
        elif settings.model_fields[fields[0]].repr:
            yield f"{variable}: {message}, not {value!r}"
        else:
            yield f"{variable}: {message}"
