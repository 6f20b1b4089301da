"""Pages of the platform in a real browser: Chromium, and the servers of `mlops-assets` that it opens."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_START_SECONDS = 90


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of Chromium."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        message = "no Chromium on this machine"
        if os.environ.get("MLOPS_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found


@contextmanager
def serving(command: str, data: Path, probe: str, **variables: str) -> Iterator[str]:
    """Run a command of `mlops-assets` that serves pages, and yield its URL once it answers.

    Args:
        command: which one; it takes `--port`.
        data: the data directory.
        probe: a path that answers as soon as pages can be opened.
        **variables: further settings.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MLOPS_DATA_DIR": str(data), **variables}
    arguments = [sys.executable, "-m", "mlops_assets.cli", command, "--port", str(port)]
    url, path = f"http://127.0.0.1:{port}", data.parent / f"{command}-{port}.log"
    with path.open("w") as log:
        server = subprocess.Popen(arguments, env=environment, cwd=data.parent, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_for(f"{url}/{probe}", server, path)
            yield url
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the server ended at once:\n{log.read_text()}")
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    pytest.fail(f"the server did not answer within {_START_SECONDS} s:\n{log.read_text()}")
