"""Several processes that serve at the same ports, and the one that looks after them."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.connection import wait
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError, PlatformError
from mlops_assets.serving.logs import log_as_json
from mlops_assets.serving.metrics import SHARED_FOLDER
from mlops_assets.serving.server import ServingPlan, listen, serve

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from mlops_assets.serving.extension import DomainServing

FindExtensions = Callable[[], "Iterable[DomainServing]"]

_REFUSED = 78
"""The exit code of a process that would only fail again, `EX_CONFIG` of sysexits.h."""
_PR_SET_PDEATHSIG = 1
_MARGIN_SECONDS = 10
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_logger = logging.getLogger(__name__)


def serve_in_processes(plan: ServingPlan, find_extensions: FindExtensions) -> None:
    """Serve in as many processes as the settings say, and start another for one that dies, until interrupted.

    Args:
        plan: what is served; ports of 0 are chosen here, once for all processes.
        find_extensions: finds in each process what domains add; a function of a module.

    Raises:
        KeyboardInterrupt: this process was asked to stop, and so have all others been, which have stopped.
        SettingsError: somebody else listens at a port.
        PermanentError: the processes cannot start.
    """
    with _ports_held(plan) as fixed, _metrics_shared():
        family = _Family(fixed, find_extensions)
        try:
            family.run()
        finally:
            family.stop(fixed.settings.stop_seconds + _MARGIN_SECONDS)


class _Family:
    """The processes that serve, by the time at which each began."""

    def __init__(self, plan: ServingPlan, find_extensions: FindExtensions) -> None:
        self._plan, self._find_extensions = plan, find_extensions
        # A fork would copy whatever threads and locks this process has.
        self._context = multiprocessing.get_context("spawn")
        self._began: dict[BaseProcess, float] = {}
        self._pause = _FIRST_PAUSE_SECONDS

    def run(self) -> None:
        for _ in range(self._plan.settings.workers):
            self._start()
        while True:
            wait([process.sentinel for process in self._began])
            for process in [each for each in self._began if each.exitcode is not None]:
                self._replace(process)

    def stop(self, seconds: float) -> None:
        """Ask all to stop, wait for them, and kill who does not."""
        for process in self._began:
            process.terminate()
        end = time.monotonic() + seconds
        for process in self._began:
            process.join(max(0.0, end - time.monotonic()))
            if process.exitcode is None:
                _logger.error("process %d did not stop in %.0f s and is killed", process.pid, seconds)
                process.kill()
                process.join()

    def _start(self) -> None:
        process = self._context.Process(
            target=_serve_as_child, args=(self._plan, self._find_extensions, os.getpid()), name="serving"
        )
        process.start()
        self._began[process] = time.monotonic()

    def _replace(self, process: BaseProcess) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        lived = time.monotonic() - self._began.pop(process)
        if process.exitcode == _REFUSED:
            raise PermanentError("a serving process cannot start; its line above says why")
        _logger.error("process %s ended with exit code %s; another one takes its place", process.pid, process.exitcode)
        mark_process_dead(process.pid)
        self._pause = _FIRST_PAUSE_SECONDS if lived > _LONGEST_PAUSE_SECONDS else min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        time.sleep(self._pause)
        self._start()


def _serve_as_child(plan: ServingPlan, find_extensions: FindExtensions, parent: int) -> None:
    _die_with(parent)
    log_as_json()
    try:
        serve(plan, tuple(find_extensions()))
    except PlatformError as error:
        _logger.error("%s", error)
        sys.exit(_REFUSED)


def _die_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent is gone; only Linux offers it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(1)


@contextmanager
def _ports_held(plan: ServingPlan) -> Iterator[ServingPlan]:
    """Yield the plan with ports that are numbers; sockets that do not listen keep them free for the processes."""
    settings = plan.settings
    with ExitStack() as held:
        rest, grpc = (
            held.enter_context(listen(settings.host, port, is_shared=True)) for port in (settings.port, settings.grpc_port)
        )
        yield replace(plan, settings=settings.model_copy(update={"port": _port(rest), "grpc_port": _port(grpc)}))


def _port(held: socket.socket) -> int:
    port: int = held.getsockname()[1]
    return port


@contextmanager
def _metrics_shared() -> Iterator[None]:
    """Let the processes share what they count in a folder that lives as long as they do."""
    with TemporaryDirectory(prefix="mlops-serving-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]
