"""`python -m benchmarks.serving`: measure serving against bare servers and MLflow's own, and print it with its limits.

Whatever is compared runs on the same machine in turn. A client asks one question after the other over one connection, so that p50
is what one question costs; the throughput of several clients is measured for MLflow, whose server has a process per core.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import psutil
from rich.console import Console

from benchmarks.served_models import PREDICT, RECORD, save_bundle, save_mlflow_model
from mlops_assets.cli.ports import free_ports
from mlops_assets.serving.grpc.v1 import predictions_pb2 as pb
from mlops_assets.serving.grpc.v1.predictions_pb2_grpc import PredictionsStub

console = Console()
_ROUNDS, _ASKED = 7, 700
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        process: of it.
        port: of HTTP.
        grpc_port: of gRPC.
        seconds: from its start until it was ready.
    """

    process: subprocess.Popen[bytes]
    port: int
    grpc_port: int
    seconds: float


def main() -> None:
    """Measure one thing after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--soak-minutes", type=float, default=0.5, help="how long the service runs at half load (30 before a release)"
    )
    parser.add_argument(
        "--cases", type=int, default=1_000, help="requests made from the OpenAPI description (10000 before a release)"
    )
    parser.add_argument("--family", default="soft_vote", help="kind of preference model; by default the slowest")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        root = Path(folder)
        bundle = save_bundle(root / "bundle", options.family)
        with serve(root, bundle) as ours, bare(root) as plain:
            _verdict("start to ready", f"{ours.seconds:.1f} s", ours.seconds < 4, "under 4 s")
            _report_singles(ours, plain)
            _report_batch(ours)
        with serve(root, bundle) as ours, mlflow_serve(root, save_mlflow_model(root / "mlflow-model", bundle)) as theirs:
            _report_throughput(ours, theirs)
        with serve(root, bundle) as ours:
            _report_soak(ours, options.soak_minutes)
            _report_cases(ours, options.cases, root)


@contextmanager
def serve(root: Path, bundle: Path) -> Iterator[Server]:
    """Run `mlops-assets serve` on a bundle, as it is by default: one worker, with logs."""
    port, grpc_port = free_ports(2)
    ports = ["--port", str(port), "--grpc-port", str(grpc_port)]
    command = [sys.executable, "-m", "mlops_assets.cli", "serve", "--bundle", str(bundle), *ports]
    with _running(root, command, lambda: _status(port, "/ready") == 200) as (process, seconds):
        yield Server(process, port, grpc_port, seconds)


@contextmanager
def bare(root: Path) -> Iterator[Server]:
    """Run handlers of the same frameworks that return a constant."""
    port, grpc_port = free_ports(2)
    command = [sys.executable, "-m", "benchmarks.bare_servers", str(port), str(grpc_port)]
    with _running(root, command, lambda: _status(port, "/health") == 200) as (process, seconds):
        yield Server(process, port, grpc_port, seconds)


@contextmanager
def mlflow_serve(root: Path, model: Path) -> Iterator[Server]:
    """Run MLflow's own server on the same model."""
    (port,) = free_ports(1)
    command = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--model-uri", str(model), "--port", str(port)]
    with _running(root, [*command, "--env-manager", "local", "--workers", "1"], lambda: _status(port, "/ping") == 200) as (
        process,
        s,
    ):
        yield Server(process, port, 0, s)


def _report_singles(ours: Server, plain: Server) -> None:
    with ExitStack() as clients:
        rest = {
            "bare": clients.enter_context(rest_client(plain.port, "/constant", {"record": RECORD})),
            "ours": clients.enter_context(rest_client(ours.port, PREDICT, {"record": RECORD})),
        }
        by_grpc = {
            "bare": clients.enter_context(grpc_client(plain.grpc_port)),
            "ours": clients.enter_context(grpc_client(ours.grpc_port)),
        }
        for title, ways, limit in (("REST, one record", rest, 1.5), ("gRPC, one record", by_grpc, 2.0)):
            p50 = _p50_in_turn(ways)
            ratio = p50["ours"] / p50["bare"]
            text = f"p50 {p50['ours'] * 1e6:.0f} us = {ratio:.2f} x bare"
            _verdict(title, text, ratio <= limit, f"at most {limit:g} x the {p50['bare'] * 1e6:.0f} us of a constant")


def _report_batch(ours: Server) -> None:
    with ExitStack() as clients:
        ways = {
            "single": clients.enter_context(rest_client(ours.port, PREDICT, {"record": RECORD})),
            "batch": clients.enter_context(rest_client(ours.port, f"{PREDICT}/batch", {"records": [RECORD] * 100})),
        }
        p50 = _p50_in_turn(ways, asked=200)
    row = p50["batch"] / 100
    text = f"{row * 1e6:.1f} us per row = {p50['single'] / row:.0f} x cheaper"
    _verdict("batch of 100", text, p50["single"] / row >= 20, "at least 20 x cheaper than singles")


def _report_throughput(ours: Server, theirs: Server) -> None:
    invocation = {"dataframe_records": [RECORD]}
    rates = {
        "ours": _throughput(lambda: rest_client(ours.port, PREDICT, {"record": RECORD})),
        "mlflow": _throughput(lambda: rest_client(theirs.port, "/invocations", invocation)),
    }
    ratio = rates["ours"] / rates["mlflow"]
    text = f"{rates['ours']:,.0f} answers/s = {ratio:.1f} x the {rates['mlflow']:,.0f} of `mlflow models serve`"
    _verdict("throughput of four clients", text, ratio >= 10, "at least 10 x")


def _report_soak(ours: Server, minutes: float) -> None:
    """Ask at half of what one client can, and look at memory: after the first quarter it must not grow."""
    process, memory = psutil.Process(ours.process.pid), list[float]()
    with rest_client(ours.port, PREDICT, {"record": RECORD}) as ask:
        pause = min(_seconds(ask) for _ in range(200))
        asked, end = 0, time.monotonic() + minutes * 60
        while time.monotonic() < end:
            for _ in range(200):
                ask()
                time.sleep(pause)
            asked += 200
            memory.append(process.memory_info().rss / 2**20)
    quarter = memory[len(memory) // 4]
    text = f"{asked:,} answers, no error, {quarter:.0f} to {memory[-1]:.0f} MiB"
    _verdict(f"soak of {minutes:g} minutes", text, memory[-1] < quarter * 1.05 + 5, "flat memory, no error")


def _report_cases(ours: Server, wanted: int, root: Path) -> None:
    from mlops_assets_tests.serving.api_cases import run_cases

    count, report = run_cases(f"http://127.0.0.1:{ours.port}", max(1, wanted // 11), root)
    _verdict("requests made from OpenAPI", f"{count:,}", not report, "all answered as described")
    if report:
        console.print(report, markup=False, highlight=False)


@contextmanager
def rest_client(port: int, path: str, content: Any) -> Iterator[Callable[[], None]]:
    """Yield what sends a question over a connection and reads its answer."""
    body = json.dumps(content).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask() -> None:
            connection.sendall(head + body)
            answer = _received(connection)
            while b"\r\n\r\n" not in answer:
                answer += _received(connection)
            end = answer.index(b"\r\n\r\n") + 4
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode())
            lines = answer[:end].lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
            missing = length - (len(answer) - end)
            while missing > 0:
                missing -= len(_received(connection))

        yield ask


def _received(connection: socket.socket) -> bytes:
    part = connection.recv(65_536)
    if not part:
        raise RuntimeError("the server has closed the connection")
    return part


@contextmanager
def grpc_client(port: int) -> Iterator[Callable[[], None]]:
    """Yield what asks about a record by gRPC."""
    values: dict[str, pb.Value] = {}
    for name, value in RECORD.items():
        kind = "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        values[name] = pb.Value(**{kind: value})  # type: ignore[arg-type]
    _, _, domain, model, *_ = PREDICT.removeprefix("/").split("/")
    request = pb.PredictRequest(domain=domain, model=model, record=pb.Record(fields=values))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        predict = PredictionsStub(channel).Predict
        yield lambda: predict(request)


def _p50_in_turn(ways: dict[str, Callable[[], None]], asked: int = _ASKED) -> dict[str, float]:
    """Return the median seconds of each way; they take turns, and the first turn is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(_ROUNDS + 1):
        for name in list(ways) if number % 2 else reversed(list(ways)):
            found = [_seconds(ways[name]) for _ in range(asked)]
            seconds[name] += found if number else []
    return {name: statistics.median(found) for name, found in seconds.items()}


def _seconds(ask: Callable[[], None]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def _throughput(connect: Callable[[], Any], clients: int = 4, seconds: float = 6.0) -> float:
    """Return answers per second, all clients together."""
    counts, end = [0] * clients, time.monotonic() + seconds

    def ask_until_the_end(number: int) -> None:
        with connect() as ask:
            while time.monotonic() < end:
                ask()
                counts[number] += 1

    threads = [threading.Thread(target=ask_until_the_end, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


@contextmanager
def _running(root: Path, command: list[str], is_ready: Callable[[], bool]) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Run a server until the block ends; yields it, and how long it took to be ready."""
    environment = {
        **os.environ,
        "MLOPS_DATA_DIR": str(root / "data"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        # MLflow starts a server by its name.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    started = time.perf_counter()
    with (root / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            while not is_ready():
                if process.poll() is not None or time.perf_counter() - started > 120:
                    raise RuntimeError(f"{command} did not start:\n{(root / 'server.log').read_text()[-2_000:]}")
                time.sleep(0.01)
            yield process, time.perf_counter() - started
        finally:
            # It may have ended by itself.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def _verdict(what: str, measured: str, is_kept: bool, limit: str) -> None:
    console.print(f"{what}: [bold]{measured}[/bold] ({limit}: {'[green]kept[/green]' if is_kept else '[red]missed[/red]'})")


if __name__ == "__main__":
    main()
