"""Serve champions in the foreground, in one process or several, until Ctrl-C; also as a container of Vertex AI."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mlops_assets.cli.ports import require_free_port
from mlops_assets.domains import serving_extensions
from mlops_assets.serving.settings import ServingSettings
from mlops_assets.serving.vertex import VertexContainer, find_container
from mlops_assets.settings import load_settings

if TYPE_CHECKING:
    from mlops_assets.serving.server import ServingPlan


def run_serving(console: Console, models: Sequence[str], bundles: Sequence[Path], options: Mapping[str, Any]) -> None:
    """Serve until Ctrl-C or a plain kill.

    Args:
        console: gets the addresses.
        models: those that must answer before the service is ready; any one will do if empty.
        bundles: folders with a bundle each, instead of the registry.
        options: settings of serving that the command line gives; a container of Vertex AI listens where that says.

    Raises:
        SettingsError: a port is in use, a model is not there, or the host needs keys.
        PermanentError: a folder has no bundle.
        KeyboardInterrupt: it was asked to stop, and has stopped.
    """
    from mlops_assets.serving.server import ServingPlan
    from mlops_assets.serving.sources import parse_model_name

    platform, container = load_settings(), find_container()
    settings = ServingSettings(**{**options, **(container.address if container else {})})
    asked = models or ([settings.vertex_model] if container and settings.vertex_model else [])
    names = tuple(parse_model_name(text) for text in asked)
    with _bundle_folders(bundles, container) as folders:
        _serve(console, ServingPlan(settings, platform.build_stores(), names, folders, container))


def _serve(console: Console, plan: ServingPlan) -> None:
    from mlops_assets.serving.logs import log_as_json
    from mlops_assets.serving.server import serve

    settings = plan.settings
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


@contextmanager
def _bundle_folders(bundles: Sequence[Path], container: VertexContainer | None) -> Iterator[tuple[Path, ...]]:
    """Give the folders of bundles: those of the command line, or the one that Vertex AI names, for as long as it is served."""
    if bundles or container is None or not container.storage_uri:
        yield tuple(path.absolute() for path in bundles)
        return
    from mlops_assets.stores.bundle_objects import fetch_bundle

    with TemporaryDirectory(prefix="mlops-bundle-") as folder:
        fetch_bundle(container.storage_uri, Path(folder))
        yield (Path(folder),)
