"""What every service has in common: where it comes from, how it is waited for, and what a test does without it.

A test asks for a service by its fixture. If the environment names a server (`MLOPS_TEST_POSTGRES_URL=...`), that one is used as
it is; else one is started in a temporary folder for the test session; where that is impossible the test skips and says why, or
fails if `MLOPS_REQUIRE_SERVICES` (comma-separated names, or `all`) claims the service.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_START_SECONDS = 60


@dataclass(frozen=True)
class Service:
    """One kind of server.

    Attributes:
        name: as in `MLOPS_REQUIRE_SERVICES`.
        variable: the environment variable whose presence means that a server exists already.
        start: run the server with its files in a folder, and yield the environment variables, `variable` among them, by which
            clients find it.
        lacks: what the machine lacks to start it, in words for the skip reason; None if nothing.
    """

    name: str
    variable: str
    start: Callable[[Path], AbstractContextManager[Mapping[str, str]]]
    lacks: Callable[[], str | None]


@contextmanager
def provided(service: Service, folder: Path) -> Iterator[str]:
    """Yield the URL of a service, its variables being in the environment meanwhile; skip or fail the test without it."""
    if url := os.environ.get(service.variable):
        yield url
        return
    lacking = service.lacks()
    if lacking is not None:
        _skip_or_fail(service, lacking)
    with service.start(folder) as variables, _in_environment(variables):
        yield variables[service.variable]


def _skip_or_fail(service: Service, lacking: str) -> None:
    reason = f"no {service.name}: {lacking}, and {service.variable} names no server"
    required = os.environ.get("MLOPS_REQUIRE_SERVICES", "").split(",")
    if service.name in required or "all" in required:
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    is_ready: Callable[[], object],
    *,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; wait first until `is_ready`, a real request, neither raises nor returns False.

    Args:
        command: the program and its arguments.
        log: where its output goes; shown if it does not start.
        is_ready: asked again and again until it succeeds.
        environment: variables besides those of this process.
        stop_signal: what makes the server stop in good order.
    """
    with log.open("ab") as output:
        # A group of its own, so that children of the server end with it.
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, log, is_ready)
        yield process
    finally:
        _stop(process, stop_signal)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        complaint: object = "it answers no"
        try:
            if is_ready() is not False:
                return
        # Whatever a client raises while its server starts: each has its own classes.
        except Exception as error:
            complaint = error
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"{process.args!r} did not start (exit {process.poll()}, {complaint}):\n{tail}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, stop_signal)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
