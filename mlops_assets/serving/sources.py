"""Where champions come from: the registry of models, or folders with a bundle each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SettingsError
from mlops_assets.serving.champions import ChampionVersion, ModelName
from mlops_assets.stores.models.versions import CHAMPION, registered_name

if TYPE_CHECKING:
    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.stores.models.registry import ModelRegistry


def parse_model_name(text: str) -> ModelName:
    """Return the model that is called `domain/name`.

    Raises:
        SettingsError: it is called otherwise.
    """
    domain, _, name = text.partition("/")
    if not domain or not name or "/" in name:
        raise SettingsError(f"{text!r} is no model; models are called like chicago_crimes/arrest_model")
    return ModelName(domain, name)


class RegistrySource:
    """The champions of the registry."""

    def __init__(self, registry: ModelRegistry, known: Iterable[ModelName], only: Sequence[ModelName] = ()) -> None:
        """Look into `registry`.

        Args:
            registry: where versions and aliases are.
            known: models that are there even if they were never trained.
            only: those that are served; all of their domains if empty.
        """
        self._registry, self._known, self._only = registry, tuple(known), tuple(only)

    def names(self) -> list[ModelName]:
        """Return the models that are served: those asked for, or the known ones."""
        return sorted(self._only or self._known)

    def current(self, name: ModelName) -> ChampionVersion | None:
        """Return the version that has the alias of the champion."""
        version = self._registry.version_by_alias(registered_name(name.domain, name.name), CHAMPION)
        return None if version is None else ChampionVersion(version.version, version.run_id, version)

    def load(self, version: ChampionVersion) -> Bundle[Any]:
        """Return the bundle of a version."""
        return self._registry.load(version.handle)


class FolderSource:
    """Bundles in folders, for machines without a registry; each is the champion of its model."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Serve the bundle of each folder.

        Raises:
            PermanentError: a folder has no bundle, or a damaged one.
            SettingsError: two bundles are of the same model.
        """
        from mlops_assets.ml.bundle import Bundle

        self._bundles: dict[ModelName, Bundle[Any]] = {}
        for folder in folders:
            bundle = Bundle.load(folder)
            name = ModelName(bundle.input_contract.domain, bundle.provenance.name)
            if name in self._bundles:
                raise SettingsError(f"{folder}: there is a bundle of {name} among the folders already")
            self._bundles[name] = bundle

    def names(self) -> list[ModelName]:
        """Return the models of the bundles."""
        return sorted(self._bundles)

    def current(self, name: ModelName) -> ChampionVersion | None:
        """Return the one version that there is."""
        return ChampionVersion(None, None, name)

    def load(self, version: ChampionVersion) -> Bundle[Any]:
        """Return the bundle."""
        return self._bundles[version.handle]
