"""Prepare this machine's Dagster home and run the servers of Dagster, MLflow or the dashboard."""

import errno
import os
import socket
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from mlops_assets.cli.places import say_where
from mlops_assets.cli.supervision import supervise
from mlops_assets.dashboard.settings import DashboardSettings
from mlops_assets.dashboard.theme import MODEL
from mlops_assets.environment import ENV_FILE_VARIABLE, find_project
from mlops_assets.errors import PermanentError, SettingsError
from mlops_assets.orchestration.instance import open_instance, prepare_instance, recover_abandoned_runs
from mlops_assets.settings import Settings, load_settings

_WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"
_DASHBOARD = Path(__file__).resolve().parents[1] / "dashboard" / "app.py"
_TRIED_PORTS = 100


def use_instance(settings: Settings) -> Path:
    """Make the places of the settings and a Dagster home those of this process and its children.

    A home that the environment names, as in a container, is used as it is; else the one of the data directory is prepared.
    """
    _use_places(settings)
    if "DAGSTER_HOME" not in os.environ:
        os.environ["DAGSTER_HOME"] = str(prepare_instance(settings.data_dir))
    return Path(os.environ["DAGSTER_HOME"])


def _use_places(settings: Settings) -> None:
    """Make the places of the settings those of this process and its children."""
    os.environ.update(settings.as_environment())
    if env_file := find_project().env_file:
        os.environ[ENV_FILE_VARIABLE] = str(env_file)


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
    _run("dagster", "dev", "--host", host, "--port", str(port), *where, folder=home)


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
    _run("mlflow", "server", "--host", host, "--port", str(port), *where, "--workers", "1", folder=database.parent)


def run_dashboard(console: Console, host: str | None, port: int | None) -> None:
    """Run the pages by Streamlit, until Ctrl-C.

    Args:
        console: gets the address.
        host: address to listen on; that of the settings by default.
        port: of the pages; that of the settings by default.

    Raises:
        SettingsError: the port is in use.
        PermanentError: Streamlit is not installed, or ended by itself.
    """
    if find_spec("streamlit") is None:
        raise PermanentError("the dashboard needs Streamlit; run: make install-dashboard, or pip install 'mlops-assets[dashboard]'")
    settings, own = load_settings(), DashboardSettings()
    host, port = host or own.host, port or own.port
    require_free_port(host, port)
    _use_places(settings)
    say_where(console, settings)
    console.print(f"Dashboard: [bold]http://{host}:{port}[/bold]   (Ctrl-C stops it)")
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "logger.hideWelcomeMessage": "true",
        "theme.base": "light",
        "theme.primaryColor": MODEL,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    _run("streamlit", "run", str(_DASHBOARD), *flags, folder=find_project().folder)


def require_free_port(host: str, port: int) -> None:
    """Refuse a port at which another server listens already.

    Raises:
        SettingsError: it does, or the address is not one of this machine; the message says what to write instead.
    """
    error = _listening_error(host, port)
    if error is None:
        return
    if error.errno != errno.EADDRINUSE:
        raise SettingsError(f"cannot listen at {host}:{port}: {error.strerror or error}; choose others with --host and --port")
    free = next((other for other in range(port + 1, port + _TRIED_PORTS) if _listening_error(host, other) is None), None)
    raise SettingsError(
        f"port {port} of {host} is in use, perhaps by another server of yours: http://{host}:{port}; end that one"
        + (f", or choose another port: --port {free}" if free else "")
    )


def _listening_error(host: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            # As servers do; otherwise a port would count as used for a minute after its server has stopped.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        return error
    return None


def _run(program: str, *arguments: str, folder: Path) -> None:
    """Run a program that is installed beside this Python until it ends."""
    path = Path(sys.executable).with_name(program)
    environment = {**os.environ, "PATH": f"{path.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command: Sequence[str] = [str(path), *arguments]
    try:
        code = supervise(command, environment, folder)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{program} and all that it started have stopped") from None
    if code:
        raise PermanentError(f"{program} ended by itself with exit code {code}; its last lines above say why")
