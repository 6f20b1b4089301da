"""The process that serves: how it starts, follows champions under load, outlives its registry and its workers, and stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.orchestration.instance import process_is_alive
from mlops_assets.serving.prediction_log import TOPIC
from mlops_assets.stores.events import open_event_log
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.registry import ModelRegistry
from mlops_assets.stores.models.versions import ModelVersion
from mlops_assets_tests.serving.processes import ServingProcess, free_ports, serving_process
from mlops_assets_tests.serving.rest_client import BALL, PREDICT
from mlops_assets_tests.serving.servers import NOON, colour_bundle
from mlops_assets_tests.test_cli import mlops_assets

SONGS = "/v1/models/song_preference/preference_model"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a bundle."""
    folder = tmp_path_factory.mktemp("bundle")
    colour_bundle().save(folder)
    return folder


@pytest.fixture
def registry(tmp_path: Path, mlflow_database: Path) -> ModelRegistry:
    """Give the registry of the project in `tmp_path`, without models."""
    (tmp_path / "data" / "mlflow").mkdir(parents=True)
    database = tmp_path / "data" / "mlflow" / "mlflow.db"
    shutil.copy(mlflow_database, database)
    return open_model_registry(f"sqlite:///{database}", database.parent / "artifacts")


def save(registry: ModelRegistry, threshold: float, partition: str) -> ModelVersion:
    """Save a version that says yes of the ball if the threshold is under 0.7."""
    bundle, asset = colour_bundle(threshold=threshold), "song_preference/preference_model"
    return registry.save(bundle, model_name=asset.replace("/", "."), asset=asset, partition=partition, now=NOON)


def events(folder: Path, domain: str = "examples") -> list[dict[str, Any]]:
    """Return what the log of predictions has."""
    log = open_event_log(f"sqlite:{folder / 'data' / 'events.db'}")
    return [json.loads(value) for at in log.watermarks(TOPIC).values() for value in log.read(TOPIC, at)["value"].to_pylist()]


def test_serving_imports_no_dagster_and_starts_lean() -> None:
    """Nor what only training needs; the models' own libraries come with the models."""
    code = (
        "import sys; import mlops_assets.cli.serve, mlops_assets.serving.server, mlops_assets.serving.workers;"
        "import mlops_assets.serving.rest.app, mlops_assets.serving.grpc.server, mlops_assets.serving.graphql;"
        "from mlops_assets.domains import serving_extensions; tuple(serving_extensions());"
        "from mlops_assets.settings import load_settings; load_settings().build_stores();"
        "print(*sorted({'dagster', 'mlflow', 'sklearn', 'pandas', 'matplotlib', 'optuna', 'geopandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""


def test_a_folder_is_served_without_a_registry_and_a_stop_loses_nothing(tmp_path: Path, bundle: Path) -> None:
    """A question that is on its way when the stop comes is answered, and every answer is in the log of predictions."""
    with serving_process(tmp_path, "--bundle", bundle) as serving:
        serving.wait_until_ready()
        assert not (tmp_path / "data" / "mlflow").exists()
        for _ in range(20):
            assert serving.ask("POST", PREDICT, {"record": BALL})[0] == 200
        body = json.dumps({"record": BALL}).encode()
        with socket.create_connection(("127.0.0.1", serving.port)) as client:
            head = f"POST {PREDICT} HTTP/1.1\r\nHost: serving\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            client.sendall(head + body[:5])
            time.sleep(0.2)
            serving.process.send_signal(signal.SIGTERM)
            serving.wait_until(lambda: serving.status("/ready") in (503, 0))
            time.sleep(0.8)
            client.sendall(body[5:])
            assert client.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
        assert serving.process.wait(30) == 143
        assert serving.errors().endswith("Interrupted: serving has stopped; questions in flight were answered\n")
        assert {"rest"} == {line["protocol"] for line in serving.lines() if line["message"] == "answered"}
    assert len(events(tmp_path)) == 21


def test_a_killed_process_leaves_whole_events(tmp_path: Path, bundle: Path) -> None:
    """What it had noted is there, at most once; what it had not is lost, and the next process goes on."""
    asked = 50
    with serving_process(tmp_path, "--bundle", bundle) as serving:
        serving.wait_until_ready()
        for _ in range(asked):
            serving.ask("POST", PREDICT, {"record": BALL})
        serving.process.kill()
        serving.process.wait()
    with serving_process(tmp_path, "--bundle", bundle) as serving:
        serving.wait_until_ready()
        assert serving.ask("POST", PREDICT, {"record": BALL})[0] == 200
        serving.process.send_signal(signal.SIGINT)
        assert serving.process.wait(30) == 130
    found = [event["prediction_id"] for event in events(tmp_path)]
    assert 1 <= len(found) == len(set(found)) <= asked + 1


class Load:
    """Clients that ask one question after the other, until they are told to stop.

    Attributes:
        answers: the time, the version and the value of each answer.
        failures: whatever else came back.
    """

    def __init__(self, serving: ServingProcess, clients: int = 3) -> None:
        self._serving, self._is_over = serving, threading.Event()
        self.answers: list[tuple[float, int, bool]] = []
        self.failures: list[Any] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        while not self._is_over.is_set():
            try:
                status, body = self._serving.ask("POST", f"{SONGS}/predict", {"record": BALL})
            except OSError as error:
                self.failures.append(error)
                continue
            if status == 200:
                self.answers.append((time.monotonic(), body["model"]["version"], body["value"]))
            else:
                self.failures.append(body)

    def seconds_until(self, version: int) -> float:
        """Wait until a version answers, and return how long that took."""
        started = time.monotonic()
        while not any(at > started and answered == version for at, answered, _ in self.answers[-1:]):
            assert time.monotonic() - started < 10, self.failures
            time.sleep(0.05)
        return time.monotonic() - started


def test_champions_are_followed_under_load_and_outlive_their_registry(tmp_path: Path, registry: ModelRegistry) -> None:
    """From nobody, to a first champion, a promotion, a rollback, a registry that is gone and comes back: every answer is whole."""
    database = tmp_path / "data" / "mlflow" / "mlflow.db"
    with serving_process(tmp_path, "song_preference/preference_model", MLOPS_SERVING_POLL_SECONDS="1") as serving:
        serving.wait_until(lambda: serving.status("/health") == 200)
        serving.wait_until(lambda: "mlops-assets bootstrap song_preference" in str(serving.ask("GET", "/ready")))
        status, body = serving.ask("POST", f"{SONGS}/predict", {"record": BALL})
        assert (status, body["error"]["code"]) == (503, "no_champion")
        first, second = save(registry, 0.1, "2024-01"), save(registry, 0.99, "2024-02")
        registry.promote(first, now=NOON)
        serving.wait_until_ready()
        with Load(serving) as load:
            assert load.seconds_until(1) < 10
            registry.promote(second, now=NOON)
            assert load.seconds_until(2) < 10
            registry.rollback(second.name, now=NOON)
            assert load.seconds_until(1) < 10
            database.rename(database.with_name("away"))
            database.write_bytes(b"this is no database" * 100)
            serving.wait_until(lambda: bool(serving.ask("GET", "/ready")[1]["registry_problem"]), 30)
            assert serving.status("/ready") == 200
            database.with_name("away").replace(database)
            serving.wait_until(lambda: serving.ask("GET", "/ready")[1]["registry_problem"] is None, 30)
        assert load.failures == []
        # The first one says yes of everything over 0.1, the second one no.
        assert {(version, value) for _, version, value in load.answers} == {(1, True), (2, False)}


def test_workers_share_ports_and_metrics_and_are_replaced(tmp_path: Path, bundle: Path) -> None:
    """A worker that is killed is replaced while the other one answers; whichever is asked counts for all; a stop ends all."""
    with serving_process(tmp_path, "--bundle", bundle, "--workers", 2) as serving:
        serving.wait_until_ready()
        workers = _children(serving.process.pid)
        serving.wait_until(lambda: sum(line["message"] == "listening" for line in serving.lines()) == 2)
        for _ in range(40):
            serving.wait_until(lambda: serving.ask("POST", PREDICT, {"record": BALL})[0] == 200)
        counted = 'mlops_predictions_total{domain="examples",model="colour_model",protocol="rest"} 40.0'
        for _ in range(5):
            assert counted in serving.ask("GET", "/metrics")[1]
        os.kill(workers[0], signal.SIGKILL)
        serving.wait_until(lambda: sum(line["message"] == "listening" for line in serving.lines()) == 3)
        assert counted in serving.ask("GET", "/metrics")[1]
        replaced = _children(serving.process.pid)
        assert len(replaced) == 2
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(30) == 143
        assert not [pid for pid in replaced if process_is_alive(pid, time.time())]


def _children(pid: int) -> list[int]:
    """Return the processes that serve; Python keeps one more that tracks shared resources."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_what_cannot_be_served_ends_at_once_with_a_sentence(tmp_path: Path, bundle: Path) -> None:
    """Ports in use, other machines without keys, models and folders that are not there."""
    (free, grpc) = free_ports(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        for arguments, sentence in (
            (["--port", used], f"port {used} of 127.0.0.1 is in use"),
            (["--port", free, "--grpc-port", used], "choose another port: --grpc-port"),
            (["--host", "0.0.0.0"], "set MLOPS_SERVING_API_KEYS"),
            (["song_preference"], "models are called like chicago_crimes/arrest_model"),
            (["song_preference/song_model"], "there is no model song_preference/song_model; models:"),
            (["--workers", 2, "--bundle", tmp_path / "nothing"], "a serving process cannot start"),
            (["--bundle", bundle, "--bundle", bundle], "there is a bundle of examples/colour_model among the folders already"),
        ):
            ports = [] if "--port" in arguments else ["--port", free, "--grpc-port", grpc]
            done = mlops_assets("serve", *map(str, [*arguments, *ports]), cwd=tmp_path)
            assert done.returncode in (1, 2), done.stderr
            assert sentence in " ".join(done.stderr.split())
