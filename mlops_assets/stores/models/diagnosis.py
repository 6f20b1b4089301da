"""Try out the model registry: a run with a file, written, read back and deleted."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_assets.stores.diagnosis import Diagnosis
from mlops_assets.stores.models.files import delete_files
from mlops_assets.stores.models.runs import log_files, open_experiment

if TYPE_CHECKING:
    from datetime import datetime

    from mlops_assets.stores.models.connection import Connection

_EXPERIMENT = "mlops_assets_doctor"
_ANSWER_SECONDS = 10


def diagnose_registry(connection: Connection) -> Diagnosis:
    """Do in small what a training does: record a run, store a file with it, read the file back, and delete both."""
    client, folder = connection.client, connection.artifact_folder
    with connection.errors("try out the registry"):
        run = client.create_run(open_experiment(client, _EXPERIMENT, folder))
        try:
            log_files(client, run.info.run_id, {"trial.txt": b"well"}, folder)
            with TemporaryDirectory() as copy:
                client.download_artifacts(run.info.run_id, "trial.txt", copy)
        finally:
            delete_files(client, run.info.artifact_uri)
            client.delete_run(run.info.run_id)
        version, clock_at = _local_version() if connection.is_local else _server_version(connection)
    return Diagnosis(f"MLflow {version}", clock_at)


def _local_version() -> tuple[str, None]:
    import mlflow

    return mlflow.__version__, None


def _server_version(connection: Connection) -> tuple[str, datetime | None]:
    import requests

    response = requests.get(f"{connection.uri}/version", auth=connection.credentials, timeout=_ANSWER_SECONDS)
    response.raise_for_status()
    date = response.headers.get("Date")
    return response.text.strip(), parsedate_to_datetime(date) if date else None
