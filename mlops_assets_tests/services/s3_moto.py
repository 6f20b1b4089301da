"""S3: moto's server in a process of its own, quick and to be had everywhere.

What it does not imitate, tests cannot see: it takes any credentials, and nothing ever expires.
"""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.services.base import Service, free_port, provided, running
from mlops_assets_tests.services.buckets import BUCKET

S3_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest"}


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        with urllib.request.urlopen(f"{address}/moto-api/", timeout=10) as answer:
            return bool(answer.status == 200)

    with running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], folder / "log.txt", is_ready):
        yield {S3.variable: f"s3://{BUCKET}?endpoint={address}", **S3_CREDENTIALS}


S3 = Service(name="s3", variable="MLOPS_TEST_S3_URL", start=_start, lacks=lambda: None)


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a bucket."""
    with provided(S3, tmp_path_factory.mktemp("s3")) as url:
        open_object_storage(url).prepare()
        yield url
