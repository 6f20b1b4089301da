"""What the registry of models holds: versions, found by number, partition, alias or time, and their bundles."""

from __future__ import annotations

import logging
from collections import OrderedDict
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import PermanentError
from mlops_assets.ml.bundle import Bundle, Provenance, read_provenance
from mlops_assets.stores.models.files import bundle_folder
from mlops_assets.stores.models.versions import ALIASES, CHAMPION, ForeignVersionError, ModelVersion, read_version

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow import MlflowClient

    from mlops_assets.stores.models.connection import Connection

# A month's backfill alternates between a champion and a challenger; bundles of forests are too large to keep more.
_LOADED_BUNDLES = 2
_logger = logging.getLogger(__name__)


class RegistryReader:
    """Finds and loads trained models. Safe while others write."""

    def __init__(self, connection: Connection) -> None:
        """Read behind `connection`, which is opened at first use."""
        self._connection = connection
        self._loaded: OrderedDict[tuple[str, int, str], Bundle[Any]] = OrderedDict()
        self._warned: set[str] = set()

    def load(self, version: ModelVersion) -> Bundle[Any]:
        """Return the bundle of a version; the last ones loaded are kept in memory.

        Raises:
            MissingModelError: the version's files are gone.
            PermanentError: they are damaged.
        """
        key = (version.name, version.version, version.artifact_uri)
        if key not in self._loaded:
            self._loaded[key] = self._read_bundle(version)
            while len(self._loaded) > _LOADED_BUNDLES:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def provenance(self, version: ModelVersion) -> Provenance:
        """Return where a version comes from and how good it is, without loading what was fitted.

        Raises:
            MissingModelError: the version's files are gone.
            PermanentError: they are damaged.
        """
        with self._errors(f"read about {version}"), bundle_folder(self._client, version) as folder:
            return read_provenance(folder)

    def exists(self) -> bool:
        """Tell whether there is a registry; a local database is made at its first use, and asking is none."""
        return self._connection.exists()

    def versions(self, model_name: str) -> list[ModelVersion]:
        """Return the versions of a model, the newest first; none if the model has never been saved.

        Versions that somebody registered by other means are left out; a warning names each of them once.
        """
        return self._read_versions(model_name)[0]

    def version(self, model_name: str, number: int) -> ModelVersion:
        """Return one version of a model by its number.

        Raises:
            MissingModelError: there is no such version.
        """
        with self._errors(f"find version {number} of {model_name}"):
            return read_version(self._client.get_model_version(model_name, str(number)))

    def version_for_partition(self, model_name: str, partition: str | None) -> ModelVersion | None:
        """Return the newest version that was trained for a partition, or without one for None; None if there is none."""
        return next((v for v in self.versions(model_name) if v.partition == partition), None)

    def version_by_alias(self, model_name: str, alias: str) -> ModelVersion | None:
        """Return the version that holds an alias, or None.

        Raises:
            ForeignVersionError: somebody gave the alias to a version that was registered by other means.
        """
        number = self._aliases(model_name).get(alias)
        return None if number is None else self._holder(model_name, alias, number)

    def champion_for(self, model_name: str, before: datetime, *, other_than: ModelVersion | None = None) -> ModelVersion | None:
        """Return the model that may score records from a moment on: a champion, now or once, that has seen nothing later.

        The champion of today is preferred. Where it was trained on later data, as in a backfill, the promoted version with the
        latest training window that ends in time takes its place; versions that a rollback removed do not count. A model of records
        that bear no time may score any.

        Args:
            model_name: the registered model.
            before: start of the records to be scored (UTC); the training window must end by then.
            other_than: a version that does not count.

        Raises:
            ForeignVersionError: somebody made a version champion that was registered by other means.
        """
        excluded = other_than.version if other_than else None
        versions, foreign = self._read_versions(model_name)
        if CHAMPION in foreign:
            raise foreign[CHAMPION]
        in_time = [v for v in versions if v.scores_from <= before and v.version != excluded]
        champions = [version for version in in_time if CHAMPION in version.aliases]
        promoted = [version for version in in_time if version.promoted_at and not version.rolled_back_at]
        return max(champions or promoted, key=lambda v: (v.scores_from, v.version), default=None)

    def _read_versions(self, model_name: str) -> tuple[list[ModelVersion], dict[str, ForeignVersionError]]:
        """Return the versions of a model, the newest first, and by aliases of ours the errors for others that hold them."""
        with self._errors(f"list the versions of {model_name}"):
            found = self._client.search_model_versions(f"name = '{model_name}'")
            aliases = self._aliases(model_name)
        versions: list[ModelVersion] = []
        foreign: dict[str, ForeignVersionError] = {}
        for record in found:
            # A search does not report aliases.
            held = sorted(alias for alias, number in aliases.items() if number == int(record.version))
            try:
                versions.append(replace(read_version(record), aliases=tuple(held)))
            except ForeignVersionError as error:
                foreign |= {alias: error.as_holder_of(alias) for alias in ALIASES.intersection(held)}
                self._warn_once(error)
        return sorted(versions, key=lambda version: version.version, reverse=True), foreign

    def _warn_once(self, error: ForeignVersionError) -> None:
        if str(error) not in self._warned:
            self._warned.add(str(error))
            _logger.warning("%s; it is left out", error)

    def _holder(self, model_name: str, alias: str, number: int) -> ModelVersion:
        """Return the version that holds an alias of ours."""
        try:
            return self.version(model_name, number)
        except ForeignVersionError as error:
            raise error.as_holder_of(alias) from error

    def _read_bundle(self, version: ModelVersion) -> Bundle[Any]:
        with self._errors(f"load {version}"), bundle_folder(self._client, version) as folder:
            try:
                return Bundle.load(folder)
            except PermanentError as error:
                raise PermanentError(f"cannot load {version}, kept at {version.artifact_uri}: {error}") from error

    def _aliases(self, model_name: str) -> dict[str, int]:
        """Return the version number that each alias of a model names; empty if the model does not exist."""
        with self._errors(f"read the aliases of {model_name}"):
            models = self._client.search_registered_models(f"name = '{model_name}'")
        return {alias: int(number) for model in models for alias, number in model.aliases.items()}

    def _errors(self, action: str) -> AbstractContextManager[None]:
        return self._connection.errors(action)

    @property
    def _client(self) -> MlflowClient:
        return self._connection.client

    @property
    def _artifact_folder(self) -> Path:
        return self._connection.artifact_folder
