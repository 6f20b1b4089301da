"""Serve champions in the foreground, in one process or several, until Ctrl-C."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from mlops_assets.cli.ports import require_free_port
from mlops_assets.domains import serving_extensions
from mlops_assets.serving.settings import ServingSettings
from mlops_assets.settings import load_settings


def run_serving(console: Console, models: Sequence[str], bundles: Sequence[Path], options: Mapping[str, Any]) -> None:
    """Serve until Ctrl-C or a plain kill.

    Args:
        console: gets the addresses.
        models: those that must answer before the service is ready; any one will do if empty.
        bundles: folders with a bundle each, instead of the registry.
        options: settings of serving that the command line gives.

    Raises:
        SettingsError: a port is in use, a model is not there, or the host needs keys.
        PermanentError: a folder has no bundle.
        KeyboardInterrupt: it was asked to stop, and has stopped.
    """
    from mlops_assets.serving.logs import log_as_json
    from mlops_assets.serving.server import ServingPlan, serve
    from mlops_assets.serving.sources import parse_model_name

    platform, settings = load_settings(), ServingSettings(**options)
    names = tuple(parse_model_name(text) for text in models)
    plan = ServingPlan(settings, platform.build_stores(), names, tuple(path.absolute() for path in bundles))
    require_free_port(settings.host, settings.port)
    require_free_port(settings.host, settings.grpc_port, "--grpc-port")
    console.print(
        f"REST and GraphQL: [bold]http://{settings.host}:{settings.port}[/bold]   gRPC: [bold]{settings.host}:{settings.grpc_port}"
        "[/bold]   (Ctrl-C stops everything)",
        soft_wrap=not console.is_terminal,
    )
    log_as_json()
    try:
        if settings.workers > 1:
            from mlops_assets.serving.workers import serve_in_processes

            serve_in_processes(plan, serving_extensions)
        # The signal has been heeded; now it ends the command, too, with its exit code.
        signal.raise_signal(serve(plan, tuple(serving_extensions())))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("serving has stopped; questions in flight were answered") from None
