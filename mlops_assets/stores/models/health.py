"""Try out MLflow: a record and a file, written, read back and removed without a trace."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.models.connection import tolerating
from mlops_assets.stores.models.files import delete_files, scratch_folder, store_folder

if TYPE_CHECKING:
    from datetime import datetime

    from mlops_assets.stores.models.connection import Connection

_TRIAL = "mlops_assets_doctor"
_ANSWER_SECONDS = 10


def check_mlflow(connection: Connection) -> HealthCheck:
    """Register a model without versions, store a file beside those of models, read it back, and delete both.

    Not a run or an experiment: MLflow keeps those that are deleted.
    """
    client = connection.client
    with connection.errors("try out the registry"):
        # It is there already if a trial was killed, and gone if another one has just ended.
        with tolerating("RESOURCE_ALREADY_EXISTS"):
            client.create_registered_model(_TRIAL)
        with tolerating("RESOURCE_DOES_NOT_EXIST"):
            client.delete_registered_model(_TRIAL)
        if (location := _location_of_files(connection)) is not None:
            _try_file(connection, f"{location}/{_TRIAL}/artifacts")
        version, clock_at = _local_version() if connection.is_local else _server_version(connection)
    return HealthCheck(f"MLflow {version}", clock_at)


def _location_of_files(connection: Connection) -> str | None:
    """Return an address below which files are kept: only its experiments know that of a server, and there may be none yet."""
    if connection.is_local:
        return connection.artifact_folder.as_uri()
    experiments = connection.client.search_experiments(max_results=1)
    return experiments[0].artifact_location if experiments else None


def _try_file(connection: Connection, address: str) -> None:
    from mlflow.artifacts import download_artifacts

    try:
        with scratch_folder(connection.artifact_folder) as folder:
            (folder / "trial.txt").write_bytes(b"well")
            store_folder(connection.client, address, folder)
        with TemporaryDirectory() as copy:
            download_artifacts(artifact_uri=f"{address}/trial.txt", dst_path=copy, tracking_uri=connection.client.tracking_uri)
    finally:
        delete_files(connection.client, address)


def _local_version() -> tuple[str, None]:
    import mlflow

    return mlflow.__version__, None


def _server_version(connection: Connection) -> tuple[str, datetime | None]:
    import requests

    response = requests.get(f"{connection.uri}/version", auth=connection.credentials, timeout=_ANSWER_SECONDS)
    response.raise_for_status()
    date = response.headers.get("Date")
    return response.text.strip(), parsedate_to_datetime(date) if date else None
