"""The way to MLflow: open it quietly, create its database once, hold the lock of writers, sort its errors into ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mlops_assets.errors import MissingModelError, PermanentError, SettingsError, TransientError
from mlops_assets.stores.disk import disk_errors
from mlops_assets.stores.models.relocation import follow_moved_files
from mlops_assets.urls import UnreadableURLError, read_tracking_uri, redact

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from mlflow import MlflowClient

# MLflow takes these from the environment only. Whoever sets them otherwise is obeyed.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A copy of whatever uv project the process happens to be started in does not belong to a model.
    "MLFLOW_UV_AUTO_DETECT": "false",
    # Seconds of retries instead of 4 minutes: longer outages are for the retries of the run, which leave the worker free.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}
_TRANSIENT_CODES = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED"}
_MISSING_CODES = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "ENDPOINT_NOT_FOUND"}
_LOCK_TIMEOUT_S = 600


class Connection:
    """An MLflow tracking URI with the client that speaks to it.

    Attributes:
        uri: the tracking URI, without credentials.
        artifact_folder: model files of a local database, and scratch space.
        is_local: whether MLflow is a database file of this machine rather than a server.
        credentials: user and password of a server, if the URI holds them.
    """

    def __init__(self, tracking_uri: str, artifact_folder: Path) -> None:
        """Keep the address; nothing is opened yet."""
        try:
            url = read_tracking_uri(tracking_uri)
        except UnreadableURLError as error:
            raise SettingsError(f"MLflow tracking URI {redact(tracking_uri)!r}: {error}") from None
        self.is_local = url.scheme == "sqlite"
        self.uri = f"sqlite:///{database_path(tracking_uri)}" if self.is_local else url.address
        self.credentials = (url.user or "", url.password or "") if url.has_credentials else None
        self.artifact_folder = artifact_folder.absolute()
        self._opened_file: tuple[int, int] | None = None

    @cached_property
    def client(self) -> MlflowClient:
        """The client, after its database has been prepared."""
        self._set_environment()
        if self.is_local:
            self._prepare_database()
        from mlflow import MlflowClient

        with self.errors("open the model registry"):
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        if self.is_local:
            # Connections that another client of this process has opened may be to a file that is no longer there.
            _close_connections(client)
            self._opened_file = self._present_file()
        return client

    def exists(self) -> bool:
        """Tell whether there is a registry to connect to, as far as that can be told without making its database."""
        return not self.is_local or self._present_file() is not None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let one process of this machine write at a time; the lock of a killed process is free at once."""
        from filelock import Timeout

        try:
            with disk_errors(f"cannot lock the model registry {self.uri}"):
                self._lock.acquire()
        except Timeout as error:
            raise TransientError(
                f"another process has been writing to the model registry {self.uri} for {_LOCK_TIMEOUT_S} s "
                f"(it holds {self._lock.lock_file})"
            ) from error
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def errors(self, action: str) -> Iterator[None]:
        """Turn MLflow's errors into ours, saying what was attempted: `action` completes "cannot …"."""
        self._set_environment()
        import requests
        from mlflow.exceptions import MlflowException

        where = f"cannot {action} in MLflow at {self.uri}"
        try:
            with disk_errors(where):
                self._follow_replaced_database()
                yield
        except MlflowException as error:
            raise self._error_class(error.error_code)(f"{where}: {error.message}") from error
        except requests.HTTPError as error:
            status = error.response.status_code
            kind = TransientError if status >= 500 or status == 429 else MissingModelError if status == 404 else PermanentError
            raise kind(f"{where}: {error}") from error
        except requests.RequestException as error:
            raise TransientError(f"{where}: {error}") from error

    def _error_class(self, code: str) -> type[PermanentError | TransientError]:
        if code in _MISSING_CODES:
            return MissingModelError
        # MLflow calls every failure to reach a server, and a server's own failure, an internal error.
        if code in _TRANSIENT_CODES or (code == "INTERNAL_ERROR" and not self.is_local):
            return TransientError
        return PermanentError

    def _set_environment(self) -> None:
        """Set MLflow's environment; it must be done before the first import of mlflow."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        # It prints a page about each error that is then raised.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        if self.credentials:
            os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = self.credentials

    def _prepare_database(self) -> None:
        """Create the database unless it is there.

        MLflow would create it too, in place, and then two processes at once, or one that is killed, leave a database that cannot
        be migrated any more. So it is built under another name, by one process at a time, and renamed when it is complete.
        """
        path = self._database_path
        with self.exclusive(), self.errors("make the database ready"):
            if path.exists() and path.stat().st_size:
                _check_is_sqlite(path)
                follow_moved_files(path, self.artifact_folder)
                return
            unfinished = path.with_name(f".{path.name}.new")
            for left_over in path.parent.glob(f"{unfinished.name}*"):
                left_over.unlink()
            _create_database(unfinished, self.artifact_folder)
            unfinished.replace(path)

    def _follow_replaced_database(self) -> None:
        """Turn to the file that has the database's name now: MLflow would go on in one that a restored backup has replaced."""
        if self._opened_file is None or self._opened_file == self._present_file():
            return
        self._opened_file = None
        _close_connections(self.client)
        self._prepare_database()
        self._opened_file = self._present_file()

    def _present_file(self) -> tuple[int, int] | None:
        """Return device and number of the database's file; None if it is not there."""
        try:
            state = self._database_path.stat()
        except FileNotFoundError:
            return None
        return state.st_dev, state.st_ino

    @cached_property
    def _lock(self) -> BaseFileLock:
        """One lock object for all uses, because only then may the holder enter again."""
        from filelock import FileLock

        path = self._database_path.with_name(f"{self._database_path.name}.lock")
        lock = path if self.is_local else self.artifact_folder / ".lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(lock, timeout=_LOCK_TIMEOUT_S)

    @property
    def _database_path(self) -> Path:
        return Path(self.uri.removeprefix("sqlite:///"))


def database_path(tracking_uri: str) -> Path:
    """Return the absolute path of the file that a tracking URI names: as MLflow has it, relative after three slashes.

    Raises:
        SettingsError: MLflow cannot open a file of that name.
    """
    path = Path(unquote(tracking_uri.removeprefix("sqlite:///"))).expanduser().absolute()
    if "?" in str(path):
        raise SettingsError(
            f"MLflow cannot open {path}: there is a ? in the name; choose another MLOPS_DATA_DIR or MLFLOW_TRACKING_URI"
        )
    return path


@contextmanager
def tolerating(code: str) -> Iterator[None]:
    """Let MLflow's errors of one code pass, such as that something exists already."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != code:
            raise


def _close_connections(client: MlflowClient) -> None:
    """Close the idle connections to a database that MLflow keeps for all clients of the process; it opens others when needed."""
    for store in (client._tracking_client.store, client._get_registry_client().store):
        store.engine.dispose()


def _check_is_sqlite(path: Path) -> None:
    """Refuse another kind of file at once; MLflow would try to open it for more than a minute."""
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise PermanentError(f"{path}, the MLflow tracking database, is not a SQLite file; restore it or move it away")


def _create_database(path: Path, artifact_folder: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    uri = f"sqlite:///{path}"
    try:
        SqlAlchemyStore(uri, artifact_folder.as_uri())
    finally:
        # MLflow keeps one engine per URI for ever, also after a failure; this file gets another name, or is removed.
        SqlAlchemyStore._get_or_create_engine(uri).dispose()


@contextmanager
def mlflow_globals_kept() -> Iterator[None]:
    """Undo what a block makes tracking URI and experiment of the whole process: MLflow heeds them before the environment."""
    from mlflow.tracking import fluent
    from mlflow.tracking._tracking_service import utils

    kept = utils._tracking_uri, fluent._active_experiment_id
    try:
        yield
    finally:
        # MLflow's own function would take its variable out of the environment, where it is a setting of this platform.
        utils._tracking_uri, fluent._active_experiment_id = kept
