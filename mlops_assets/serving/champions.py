"""The champions that are served: loaded and warmed up, and replaced as a whole when somebody else becomes champion.

Every answer takes its model from one look at `Champions`, so that a promotion in the middle of a request changes nothing about it,
and all protocols of a process change at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.errors import PlatformError, TransientError
from mlops_assets.serving.errors import NoChampionError, UnknownModelError
from mlops_assets.serving.records import RecordReader
from mlops_assets.stores.models.versions import ForeignVersionError

if TYPE_CHECKING:
    from mlops_assets.ml.bundle import Bundle

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class ModelName:
    """A model by its domain and its own name, as in the key of its asset."""

    domain: str
    name: str

    def __str__(self) -> str:
        return f"{self.domain}/{self.name}"


@dataclass(frozen=True)
class ChampionVersion:
    """Which version is champion.

    Attributes:
        version: its number in the registry; None of a bundle from a folder.
        run_id: the MLflow run that trained it; None of a bundle from a folder.
        handle: what its source loads it by.
    """

    version: int | None
    run_id: str | None
    handle: Any = field(default=None, repr=False, compare=False)


class ChampionSource(Protocol):
    """Where champions come from."""

    def names(self) -> Iterable[ModelName]:
        """Return the models that may have a champion."""

    def current(self, name: ModelName) -> ChampionVersion | None:
        """Return which version is champion now; None if there is none."""

    def load(self, version: ChampionVersion) -> Bundle[Any]:
        """Return the bundle of a version."""


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A champion that answers.

    Attributes:
        name: which model.
        version: which of its versions.
        bundle: loaded and warmed up.
        reader: reads records by the bundle's input contract.
        loaded_at: when it was loaded (UTC).
    """

    name: ModelName
    version: ChampionVersion
    bundle: Bundle[Any]
    reader: RecordReader
    loaded_at: datetime

    @property
    def identity(self) -> dict[str, Any]:
        """Which model and version it is, as answers say it."""
        return {
            "domain": self.name.domain,
            "name": self.name.name,
            "version": self.version.version,
            "run_id": self.version.run_id,
        }

    @cached_property
    def takes_records(self) -> bool:
        """Whether it answers about single records; forecasts are about series."""
        from mlops_assets.ml.predictors import Forecaster

        return not isinstance(self.bundle.predictor, Forecaster)


@dataclass(frozen=True)
class ModelStatus:
    """How a model is.

    Attributes:
        served: its champion; None if nobody answers for it.
        problem: why it has none, or why a newer one could not be loaded; None if all is well.
    """

    served: ServedModel | None = None
    problem: str | None = None


class Champions:
    """The champions of a process."""

    def __init__(self, source: ChampionSource, now: Callable[[], datetime], required: Sequence[ModelName] = ()) -> None:
        """Serve the models of `source`; nothing is loaded before the first `refresh`.

        Args:
            source: where champions come from.
            now: the clock.
            required: models without which the process is not ready; any one will do if empty.
        """
        self._source, self._now, self._required = source, now, tuple(required)
        self._source_problem: str | None = "the champions have not been looked up yet"
        self._models: Mapping[ModelName, ModelStatus] = {name: ModelStatus(problem=self._source_problem) for name in source.names()}
        self._refreshing = threading.Lock()

    @property
    def models(self) -> Mapping[ModelName, ModelStatus]:
        """All known models. What is returned does not change; a refresh makes another mapping."""
        return self._models

    @property
    def source_problem(self) -> str | None:
        """Why the champions could not be looked up the last time; what was loaded goes on answering."""
        return self._source_problem

    @property
    def is_ready(self) -> bool:
        """Whether the champions of all required models answer; if none is required, whether some champion does."""
        if self._required:
            return all(self._models.get(name, ModelStatus()).served is not None for name in self._required)
        return any(status.served is not None for status in self._models.values())

    def get(self, domain: str, name: str) -> ServedModel:
        """Return the champion of a model.

        Raises:
            UnknownModelError: there is no such model.
            NoChampionError: it has no champion, or none that could be loaded.
        """
        status = self._models.get(ModelName(domain, name))
        if status is None:
            known = ", ".join(map(str, self._models)) or "none"
            raise UnknownModelError(f"there is no model {domain[:100]}/{name[:100]}; models: {known}")
        if status.served is None:
            raise NoChampionError(f"{domain}/{name}: {status.problem}")
        return status.served

    def refresh(self) -> list[ServedModel]:
        """Look up who is champion, and load and warm up whoever is new; return those.

        What cannot be looked up or loaded leaves the champion that is there, with a note of why. Each model changes by itself, so
        that none waits for another.
        """
        with self._refreshing:
            new = []
            try:
                for name in self._source.names():
                    former = self._models.get(name, ModelStatus())
                    status = self._refreshed(name, former)
                    self._models = {**self._models, name: status}
                    if status.served and status.served is not former.served:
                        new.append(status.served)
            except PlatformError as error:
                self._note_source_problem(str(error))
            else:
                self._note_source_problem(None)
            return new

    def watch(self, every_seconds: float, stop: threading.Event) -> threading.Thread:
        """Refresh now and then in a thread, until `stop` is set."""

        def refresh_until_stopped() -> None:
            while not stop.wait(every_seconds):
                try:
                    self.refresh()
                except Exception:
                    _logger.exception("the champions could not be looked up; those that are loaded go on")

        thread = threading.Thread(target=refresh_until_stopped, name="champions", daemon=True)
        thread.start()
        return thread

    def _refreshed(self, name: ModelName, status: ModelStatus) -> ModelStatus:
        try:
            current = self._source.current(name)
        except ForeignVersionError as error:
            return ModelStatus(status.served, str(error))
        if current is None:
            return ModelStatus(None, f"no version is champion yet; run: mlops-assets bootstrap {name.domain}")
        if status.served is not None and status.served.version == current:
            return ModelStatus(status.served)
        try:
            served = self._load(name, current)
        except TransientError:
            raise
        except Exception as error:
            # Whatever is wrong with one bundle, the other models are looked up as well.
            _logger.warning("%s version %s cannot be loaded", name, current.version, exc_info=error)
            return ModelStatus(status.served, f"version {current.version} cannot be loaded: {error}")
        _logger.info("%s version %s answers", name, current.version)
        return ModelStatus(served)

    def _load(self, name: ModelName, version: ChampionVersion) -> ServedModel:
        started = time.perf_counter()
        bundle = self._source.load(version)
        bundle.warm_up()
        _logger.info("%s version %s loaded in %.1f s", name, version.version, time.perf_counter() - started)
        return ServedModel(name, version, bundle, RecordReader(bundle.input_contract), self._now())

    def _note_source_problem(self, problem: str | None) -> None:
        if problem is not None and problem != self._source_problem:
            _logger.warning("%s; what is loaded goes on", problem)
        self._source_problem = problem
