"""A real MLflow server of this installation, with its records in SQLite and model files wherever a test wants them."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_assets_tests.services.base import free_port, running

# Job execution would start a second set of workers, with a gigabyte that nothing here uses.
_SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


@contextmanager
def mlflow_serving(folder: Path, artifacts: str) -> Iterator[str]:
    """Yield the address of a server that keeps its records in `folder` and files at `artifacts`, a path or a URL."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", artifacts]
    # The server starts programs that lie beside this Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def is_ready() -> bool:
        with urllib.request.urlopen(f"{address}/health", timeout=10) as answer:
            return bool(answer.status == 200)

    with running(command, folder / "server.log", is_ready, environment={**_SETTINGS, "PATH": path}):
        yield address
