"""A broker that is killed and comes back with all that it had acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.services.base import free_port
from mlops_assets_tests.services.buckets import fresh_bucket, s3_place
from mlops_assets_tests.services.kafka_tansu import tansu
from mlops_assets_tests.services.s3_moto import S3, S3_CREDENTIALS


@dataclass
class DurableBroker:
    """Tansu, whose events are in a bucket.

    Attributes:
        folder: for its program and its output.
        storage: its bucket.
        environment: how it reaches the bucket.
        port: of it, before and after a stop.
        stops: how often it was killed.
    """

    folder: Path
    storage: str
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
    stops: int = 0

    def __post_init__(self) -> None:
        self._running = ExitStack()
        self._stopping = threading.Lock()

    @property
    def url(self) -> str:
        """The log, to which events are sent in batches."""
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def url_of_single_events(self) -> str:
        """The same log, in which each event that is sent shows at once."""
        return f"{self.url}?batch_num_messages=1"

    def start(self) -> None:
        """Start it."""
        self._running.enter_context(tansu(self.folder, port=self.port, storage=self.storage, environment=self.environment))

    def kill(self) -> None:
        """Kill it, if it runs."""
        self._running.close()

    def stop_when(self, is_due: Callable[[], bool], seconds: float) -> threading.Thread:
        """Kill it as soon as that is due, and start it again after some seconds; return the thread that sees to it."""

        def disturb() -> None:
            while not is_due():
                time.sleep(0.1)
            with self._stopping:
                self.kill()
                self.stops += 1
                time.sleep(seconds)
                self.start()

        thread = threading.Thread(target=disturb, daemon=True)
        thread.start()
        return thread


@contextmanager
def durable_broker(folder: Path) -> Iterator[DurableBroker]:
    """Run a broker and its bucket until the block ends."""
    folder.mkdir()
    with S3.start(folder) as variables:
        bucket = fresh_bucket(variables[S3.variable])
        with _credentials():
            open_object_storage(bucket).prepare()
        reaching = {
            **S3_CREDENTIALS,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT": str(s3_place(bucket).options["endpoint"]),
            "AWS_ALLOW_HTTP": "true",
        }
        broker = DurableBroker(folder, f"s3://{urlsplit(bucket).netloc}/", reaching)
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()


@contextmanager
def _credentials() -> Iterator[None]:
    import pytest

    with pytest.MonkeyPatch.context() as environment:
        for name, value in S3_CREDENTIALS.items():
            environment.setenv(name, value)
        yield
