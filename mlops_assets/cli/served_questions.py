"""The end of a demonstration: serve its champion for a moment, and ask it the same question by every protocol."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from typing import IO, TYPE_CHECKING

from rich.console import Console

from mlops_assets.cli.ports import free_ports
from mlops_assets.errors import PermanentError, TransientError
from mlops_assets.terminal import new_table

if TYPE_CHECKING:
    from rich.table import Table

    from mlops_assets.dashboard.clients import Answer, PredictionClient
    from mlops_assets.orchestration.demo import Question

_HOST = "127.0.0.1"
_START_SECONDS = 60
_STOP_SECONDS = 30
_SHOWN_INPUTS = 3


def ask_served_champion(console: Console, question: Question) -> None:
    """Serve the champion that a question is about, ask it by REST, GraphQL and gRPC, and print the answers.

    Raises:
        PermanentError: the service did not become ready.
    """
    domain, name = question.domain, question.model
    console.print(f"Served by [bold]mlops-assets serve {domain}/{name}[/bold], asked about {question.about}:", highlight=False)
    with _serving(f"{domain}/{name}") as clients:
        for client in clients.values():
            # The first question of a client pays for its connection.
            client.ask(domain, name, question.record, explain=False)
        plain = {protocol: client.ask(domain, name, question.record, explain=False) for protocol, client in clients.items()}
        explained = next(iter(clients.values())).ask(domain, name, question.record, explain=True)
    console.print(_answer_table(plain))
    effects = ", ".join(f"{effect.name} {effect.effect:+.2f}" for effect in explained.explanation[:_SHOWN_INPUTS])
    console.print(f"What moved the probability most, against a typical record: {effects}.", highlight=False)


def _answer_table(answers: Mapping[str, Answer]) -> Table:
    table = new_table("The same question by every protocol", "protocol", "answer", "probability", "version", "milliseconds")
    for protocol, answer in answers.items():
        table.add_row(protocol, str(answer.value), f"{answer.probability:.4f}", str(answer.version), f"{answer.latency_ms:.1f}")
    return table


@contextmanager
def _serving(model: str) -> Iterator[dict[str, PredictionClient]]:
    """Serve a model as a process of its own until the block ends; yields a client for each protocol."""
    from mlops_assets.dashboard.clients import open_clients
    from mlops_assets.dashboard.settings import DashboardSettings
    from mlops_assets.serving.settings import ServingSettings

    port, grpc_port = free_ports(2)
    keys = ServingSettings().api_keys
    settings = DashboardSettings(
        serving_url=f"http://{_HOST}:{port}", grpc_target=f"{_HOST}:{grpc_port}", api_key=keys[0] if keys else None
    )
    ports = ["--host", _HOST, "--port", str(port), "--grpc-port", str(grpc_port)]
    with (
        tempfile.TemporaryFile() as log,
        _process([sys.executable, "-m", "mlops_assets.cli", "serve", model, *ports], log) as server,
    ):
        _wait_until_ready(server, port, log)
        yield open_clients(settings)


@contextmanager
def _process(command: list[str], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    # The question is none of a client's, so it is not noted.
    environment = {**os.environ, "MLOPS_SERVING_LOG_PREDICTIONS": "off", "MLOPS_SERVING_WORKERS": "1"}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        if _is_ready(port):
            return
        time.sleep(0.1)
    log.seek(0)
    said = log.read().decode(errors="replace")[-2_000:]
    if server.poll() is None:
        raise TransientError(f"the service was not ready within {_START_SECONDS} s; it said:\n{said}")
    raise PermanentError(f"the service ended by itself; it said:\n{said}")


def _is_ready(port: int) -> bool:
    connection = HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
