"""Kafka: librdkafka's mock cluster in a process of its own, and a way to make topics and trouble in it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_assets_tests.services.base import Service, free_port, provided, running
from mlops_assets_tests.services.kafka_mock import library_path

_VARIABLE = "MLOPS_TEST_KAFKA_URL"
_CONTROL_VARIABLE = "MLOPS_TEST_KAFKA_CONTROL_PORT"


@dataclass(frozen=True)
class MockControl:
    """Does to a mock cluster what cannot be done over Kafka's protocol. The methods are those of `MockCluster`."""

    port: int

    def __call__(self, *words: object) -> str:
        """Send one command, such as `("topic", "songs", 3)`, and return the answer, or fail with it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection, connection.makefile("rw") as lines:
            lines.write(" ".join(map(str, words)) + "\n")
            lines.flush()
            answer = lines.readline().strip()
        if words[0] != "bootstrap" and answer != "ok":
            raise RuntimeError(f"{words}: {answer}")
        return answer


@contextmanager
def mock_cluster(folder: Path) -> Iterator[MockControl]:
    """Run a mock cluster of one broker until the block ends."""
    control = MockControl(free_port())
    command = [sys.executable, "-m", "mlops_assets_tests.services.kafka_mock", str(control.port)]
    with running(command, folder / "log.txt", lambda: control("bootstrap")):
        yield control


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    with mock_cluster(folder) as control:
        yield {_VARIABLE: f"kafka://{control('bootstrap')}", _CONTROL_VARIABLE: str(control.port)}


def _lacks() -> str | None:
    return None if library_path() else "confluent-kafka is built without a librdkafka of its own"


KAFKA = Service(name="kafka", variable=_VARIABLE, start=_start, lacks=_lacks)


@pytest.fixture(scope="session")
def kafka_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a cluster, which other tests use too."""
    with provided(KAFKA, tmp_path_factory.mktemp("kafka")) as url:
        yield url


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[MockControl]:
    """Give a mock cluster that no other test uses, to make trouble in."""
    if lacking := _lacks():
        pytest.skip(f"no mock of kafka: {lacking}")
    with mock_cluster(tmp_path) as control:
        yield control


def make_topic(topic: str, partitions: int) -> None:
    """Make a topic in the cluster of `kafka_url` if that is a mock; in a real one `create_topic` does it."""
    if port := os.environ.get(_CONTROL_VARIABLE):
        MockControl(int(port))("topic", topic, partitions)
