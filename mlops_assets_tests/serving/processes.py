"""`mlops-assets serve` as a process of its own."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_assets_tests.test_cli import NO_SETTINGS


@dataclass
class ServingProcess:
    """A process that serves, and its port.

    Attributes:
        process: the command.
        port: of REST.
        folder: its project, with what it has written: `out.log` and `err.log`.
    """

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def ask(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """Send a request in a connection of its own; return status and what the body says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, None if content is None else json.dumps(content))
            response = connection.getresponse()
            body = response.read()
            return response.status, json.loads(body) if body.startswith(b"{") else body.decode()
        finally:
            connection.close()

    def status(self, path: str) -> int:
        """Return the status of a page; 0 while nobody answers."""
        try:
            return self.ask("GET", path)[0]
        except OSError:
            return 0

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something is so, as long as the process lives."""
        end = time.monotonic() + seconds
        while not is_so():
            assert self.process.poll() is None, self.errors()
            assert time.monotonic() < end, self.errors()
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        """Wait until a champion answers."""
        self.wait_until(lambda: self.status("/ready") == 200)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of its log."""
        return [json.loads(line) for line in self.errors().splitlines() if line.startswith("{")]

    def errors(self) -> str:
        """Return what it wrote to standard error."""
        return (self.folder / "err.log").read_text()


@contextmanager
def serving_process(folder: Path, *arguments: object, **environment: str) -> Iterator[ServingProcess]:
    """Run `mlops-assets serve` with a folder as its project, and kill it at the latest when the block ends."""
    (folder / ".env").touch()
    port, grpc_port = free_ports(2)
    ports = ["--port", str(port), "--grpc-port", str(grpc_port)]
    command = [sys.executable, "-m", "mlops_assets.cli", "serve", *map(str, arguments), *ports]
    with ExitStack() as open_files:
        out, err = (open_files.enter_context((folder / name).open("wb")) for name in ("out.log", "err.log"))
        process = subprocess.Popen(
            command, cwd=folder, env={**NO_SETTINGS, "HOME": str(folder), **environment}, stdout=out, stderr=err
        )
        try:
            yield ServingProcess(process, port, folder)
        finally:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
