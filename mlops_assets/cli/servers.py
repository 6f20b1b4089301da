"""Prepare this machine's Dagster home and run the Dagster or MLflow server on it."""

import os
from pathlib import Path

from rich.console import Console

from mlops_assets.cli.places import say_where, use_places
from mlops_assets.cli.ports import require_free_port
from mlops_assets.cli.supervision import run_program
from mlops_assets.orchestration.instance import open_instance, prepare_instance, recover_abandoned_runs
from mlops_assets.settings import Settings, load_settings

_WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"


def use_instance(settings: Settings) -> Path:
    """Make the places of the settings and a Dagster home those of this process and its children.

    A home that the environment names, as in a container, is used as it is; else the one of the data directory is prepared.
    """
    use_places(settings)
    if "DAGSTER_HOME" not in os.environ:
        os.environ["DAGSTER_HOME"] = str(prepare_instance(settings.data_dir))
    return Path(os.environ["DAGSTER_HOME"])


def run_dagster(console: Console, host: str, port: int) -> None:
    """Run `dagster dev`: webserver, daemon and code location in the foreground, until Ctrl-C.

    Raises:
        SettingsError: the port is in use.
        PermanentError: the server ended by itself.
    """
    settings = load_settings()
    require_free_port(host, port)
    home = use_instance(settings)
    say_where(console, settings)
    with open_instance() as instance:
        for run in recover_abandoned_runs(instance):
            console.print(f"[yellow]{run.job} {run.run_id}[/yellow]: {run.reason}")
    settings.build_stores().models().prepare()
    console.print(f"Dagster UI: [bold]http://{host}:{port}[/bold]   (Ctrl-C stops everything)")
    where = ["-w", str(_WORKSPACE)] if _WORKSPACE.exists() else ["-m", "mlops_assets.definitions"]
    # In the home, because Dagster lets a .env of the current folder win over the environment, and reads its paths from there.
    run_program("dagster", "dev", "--host", host, "--port", str(port), *where, folder=home)


def run_mlflow(console: Console, host: str, port: int) -> None:
    """Run `mlflow server` on the tracking database, until Ctrl-C.

    Raises:
        SettingsError: the port is in use.
        PermanentError: the server ended by itself.
    """
    from mlops_assets.stores.models.connection import database_path

    settings = load_settings()
    uri = settings.mlflow_tracking_uri
    if uri.startswith("http"):
        console.print("The tracking URI is a server already; open it in a browser.")
        return
    require_free_port(host, port)
    settings.build_stores().models().prepare()
    # Job execution runs a second set of workers, a gigabyte that nothing here uses.
    os.environ |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    console.print(f"MLflow UI: [bold]http://{host}:{port}[/bold]   (Ctrl-C stops it)")
    console.print("Choose Model training at its top left; MLflow remembers it, and opens with prompts and traces until then.")
    database = database_path(uri)
    # Files of experiments that people make in the UI: by default they would go into the current folder.
    files = str(settings.data_dir / "mlflow" / "artifacts")
    where = ["--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", files]
    run_program("mlflow", "server", "--host", host, "--port", str(port), *where, "--workers", "1", folder=database.parent)
