"""Run the dashboard in the foreground, until Ctrl-C."""

from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from mlops_assets.cli.places import say_where, use_places
from mlops_assets.cli.ports import require_free_port
from mlops_assets.cli.supervision import run_program
from mlops_assets.dashboard.settings import DashboardSettings
from mlops_assets.dashboard.theme import MODEL
from mlops_assets.environment import find_project
from mlops_assets.errors import PermanentError
from mlops_assets.settings import load_settings

_APP = Path(__file__).resolve().parents[1] / "dashboard" / "app.py"


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
    use_places(settings)
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
    run_program("streamlit", "run", str(_APP), *flags, folder=find_project().folder)
