"""One process that serves: REST and GraphQL on one port and gRPC on another, on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SettingsError
from mlops_assets.serving.access import is_loopback
from mlops_assets.serving.champions import Champions, ChampionSource, ModelName
from mlops_assets.serving.metrics import SHARED_FOLDER, ServingMetrics
from mlops_assets.serving.prediction_log import PredictionLog
from mlops_assets.serving.service import PredictionService
from mlops_assets.serving.settings import LOOPBACK, ServingSettings
from mlops_assets.serving.sources import FolderSource, RegistrySource
from mlops_assets.serving.vertex import VertexContainer, answering_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import uvicorn
    from starlette.types import ASGIApp

    from mlops_assets.serving.extension import DomainServing
    from mlops_assets.serving.grpc.server import GrpcServer
    from mlops_assets.stores.registry import Stores

_BACKLOG = 2_048
_STATE_SECONDS = 1.0
_LAST_SECONDS = 0.5
"""How long new questions are answered after readiness has gone, so that load balancers notice."""
_SHARE_OF_ANSWERS = 0.75
"""Of the time that a stop may take."""
_INSIST_SECONDS = 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServingPlan:
    """What is served, and where.

    Attributes:
        settings: addresses, keys and limits.
        stores: where registry, event logs and the tables of domains' routes are.
        models: those that must answer before the process is ready; any one will do if empty, and all are served.
        bundles: folders with a bundle each, instead of the registry.
        container: what Vertex AI tells its container, where it alone can ask: its two routes need no key.
    """

    settings: ServingSettings
    stores: Stores
    models: tuple[ModelName, ...] = ()
    bundles: tuple[Path, ...] = ()
    container: VertexContainer | None = None

    def __post_init__(self) -> None:
        settings = self.settings
        if self.container is None and not settings.api_keys and settings.host not in LOOPBACK and not is_loopback(settings.host):
            raise SettingsError(
                f"without keys only this machine is served, so not at {settings.host}: set MLOPS_SERVING_API_KEYS, or listen at "
                "127.0.0.1"
            )


def build_source(plan: ServingPlan, extensions: Sequence[DomainServing]) -> ChampionSource:
    """Return where champions come from.

    Raises:
        SettingsError: a model is asked for that is not there.
        PermanentError: a folder has no bundle.
    """
    source: ChampionSource
    if plan.bundles:
        source = FolderSource(plan.bundles)
        known = sorted(source.names())
    else:
        known = sorted(ModelName(extension.domain, name) for extension in extensions for name in extension.models)
        source = RegistrySource(plan.stores.models(), known, plan.models)
    if unknown := [name for name in plan.models if name not in known]:
        raise SettingsError(f"there is no model {', '.join(map(str, unknown))}; models: {', '.join(map(str, known))}")
    return source


def serve(plan: ServingPlan, extensions: Sequence[DomainServing]) -> signal.Signals:
    """Serve until a signal asks for the end, and return that signal: answers in flight have been given, and noted.

    Raises:
        SettingsError: somebody else listens at a port, or a model is asked for that is not there.
        PermanentError: a folder has no bundle.
    """
    source = build_source(plan, extensions)
    with _signals_kept(), contextlib.closing(_new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(_Process(plan, extensions, source).run())
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)


class _Process:
    def __init__(self, plan: ServingPlan, extensions: Sequence[DomainServing], source: ChampionSource) -> None:
        self._plan, self._extensions = plan, extensions
        settings = plan.settings
        self._vertex = (plan.container, answering_model(plan.models, list(source.names()))) if plan.container else None
        self._champions = Champions(source, _now, plan.models)
        self._log = PredictionLog(plan.stores.events) if settings.log_predictions == "on" else None
        metrics = ServingMetrics()
        metrics.watch(self._champions, self._log)
        self._service = PredictionService(self._champions, settings, metrics, self._log, _now)

    async def run(self) -> signal.Signals:
        from mlops_assets.serving.grpc.server import build_grpc_server
        from mlops_assets.serving.rest.app import build_app

        settings = self._plan.settings
        asked = _stop_signal()
        rest = _uvicorn(build_app(self._service, self._extensions, self._plan.stores, self._vertex), settings)
        listening = listen(settings.host, settings.port, is_shared=settings.workers > 1)
        # Vertex AI does not ask by gRPC, and without its two routes the rule is that other machines need keys.
        by_grpc = settings.model_copy(update={"host": "127.0.0.1"}) if self._vertex else settings
        grpc = build_grpc_server(self._service, self._extensions, by_grpc)
        await grpc.start()
        answering = asyncio.create_task(rest.serve([listening]))
        _logger.info("listening", extra={"fields": {"rest_port": listening.getsockname()[1], "grpc_port": grpc.port}})
        if self._log is not None:
            self._log.start()
        stop_watching = threading.Event()
        watching = threading.Thread(target=self._watch, args=(stop_watching,), name="start", daemon=True)
        watching.start()
        noting = asyncio.create_task(self._note_state())
        try:
            ends: list[asyncio.Future[Any]] = [asked, answering]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            await self._stop(rest, answering, grpc)
            return await asked
        finally:
            stop_watching.set()
            noting.cancel()

    def _watch(self, stop: threading.Event) -> None:
        """Load the champions beside the event loop, which says meanwhile that nothing is ready yet."""
        try:
            self._champions.refresh()
        except Exception:
            _logger.exception("the champions could not be looked up")
        for name, status in self._champions.models.items():
            if status.served is None:
                _logger.warning("%s does not answer: %s", name, status.problem)
        self._champions.watch(self._plan.settings.poll_seconds, stop)

    async def _note_state(self) -> None:
        """Other processes that are asked for metrics know of this one what it has noted."""
        while SHARED_FOLDER in os.environ:
            self._service.metrics.update()
            await asyncio.sleep(_STATE_SECONDS)

    async def _stop(self, rest: uvicorn.Server, answering: asyncio.Task[None], grpc: GrpcServer) -> None:
        """Readiness goes first, then no more questions are taken, and at last what was answered is noted."""
        seconds = self._plan.settings.stop_seconds
        began = time.monotonic()
        self._service.announce_stop()
        _logger.info("stopping")
        await asyncio.sleep(min(_LAST_SECONDS, seconds / 4))
        rest.should_exit = True
        # Streams stay open as long as they may; what is left is for the log.
        await asyncio.gather(answering, grpc.stop(seconds * _SHARE_OF_ANSWERS))
        if self._log is not None:
            await asyncio.to_thread(self._log.stop, max(1.0, seconds - (time.monotonic() - began)))
        _logger.info("stopped")


def listen(host: str, port: int, *, is_shared: bool) -> socket.socket:
    """Return a socket that is bound, also to a port that other processes of this service are bound to.

    Raises:
        SettingsError: it cannot be.
    """
    if is_shared and not hasattr(socket, "SO_REUSEPORT"):
        raise SettingsError("processes cannot share a port on this system: MLOPS_SERVING_WORKERS is 1 here")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
    except OSError as error:
        raise SettingsError(
            f"cannot listen at {host}:{port}: {error.strerror or error}; choose others with --host and --port"
        ) from None
    return listening


def _uvicorn(app: ASGIApp, settings: ServingSettings) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals to this process, which has more to stop."""

        def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
            return contextlib.nullcontext()

    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            backlog=_BACKLOG,
            # Longer than the minute for which load balancers keep a connection, so that they end it and no request is lost.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        )
    )


def _stop_signal() -> asyncio.Future[signal.Signals]:
    """Return what becomes the first signal that asks for the end; who insists later ends the process at once."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[signal.Signals] = loop.create_future()
    since: list[float] = []

    def stop(number: signal.Signals) -> None:
        since.append(time.monotonic())
        if not asked.done():
            asked.set_result(number)
        elif since[-1] - since[0] > _INSIST_SECONDS:
            os._exit(128 + number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    return asked


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Put back the handlers that the event loop replaces."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    wakeup_fd = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup_fd)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _now() -> datetime:
    return datetime.now(timezone.utc)
