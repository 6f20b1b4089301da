"""Prepare this machine's Dagster home and hand over to the Dagster or MLflow server."""

import os
import sys
from pathlib import Path

from rich.console import Console

from mlops_assets.orchestration.home import open_instance, prepare_home, recover_abandoned_runs
from mlops_assets.settings import Settings

_WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"


def use_home(settings: Settings) -> Path:
    """Make the data directory and a Dagster home those of this process and its children.

    A home that the environment names, as in a container, is used as it is; else the one of the data directory is prepared.
    """
    os.environ["MLOPS_DATA_DIR"] = str(settings.data_dir)
    if "DAGSTER_HOME" not in os.environ:
        os.environ["DAGSTER_HOME"] = str(prepare_home(settings.data_dir))
    return Path(os.environ["DAGSTER_HOME"])


def run_dagster(console: Console, host: str, port: int) -> None:
    """Become `dagster dev`: webserver, daemon and code location in the foreground, until Ctrl-C."""
    from mlops_assets.build import build_stores

    settings = Settings()
    use_home(settings)
    with open_instance() as instance:
        for run in recover_abandoned_runs(instance):
            console.print(f"[yellow]{run.job} {run.run_id}[/yellow]: {run.reason}")
    build_stores(settings).models().prepare()
    console.print(f"Dagster UI: [bold]http://{host}:{port}[/bold]   (data in {settings.data_dir}; Ctrl-C stops everything)")
    where = ["-w", str(_WORKSPACE)] if _WORKSPACE.exists() else ["-m", "mlops_assets.definitions"]
    _become("dagster", "dev", "--host", host, "--port", str(port), *where)


def run_mlflow(console: Console, host: str, port: int) -> None:
    """Become `mlflow server` on the tracking database, until Ctrl-C."""
    from mlops_assets.build import build_stores

    settings = Settings()
    uri = settings.mlflow_tracking_uri
    if uri.startswith("http"):
        console.print("The tracking URI is a server already; open it in a browser.")
        return
    build_stores(settings).models().prepare()
    # Job execution runs a second set of workers, a gigabyte that nothing here uses.
    os.environ |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    console.print(f"MLflow UI: [bold]http://{host}:{port}[/bold]   (Ctrl-C stops it)")
    console.print("Choose Model training at its top left; MLflow remembers it, and opens with prompts and traces until then.")
    # Files of experiments that people make in the UI: by default they would go into the current folder.
    files = str(settings.data_dir / "mlflow" / "artifacts")
    where = ["--backend-store-uri", uri, "--artifacts-destination", files]
    _become("mlflow", "server", "--host", host, "--port", str(port), *where, "--workers", "1")


def _become(program: str, *arguments: str) -> None:
    """Replace this process by a program that is installed beside this Python."""
    path = Path(sys.executable).with_name(program)
    os.environ["PATH"] = f"{path.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    os.execv(path, [program, *arguments])
