"""Google Cloud Storage: an emulator in a process of its own.

What it does not imitate, tests cannot see: permissions, and rules of a lifecycle at work.
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


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("gcs_emulator.py"), str(port)]

    def is_ready() -> bool:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)

    with running(command, folder / "log.txt", is_ready):
        yield {GCS.variable: f"gs://{BUCKET}", "STORAGE_EMULATOR_HOST": address}


GCS = Service(name="gcs", variable="MLOPS_TEST_GCS_URL", start=_start, lacks=lambda: None)


@pytest.fixture(scope="session")
def gcs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a bucket."""
    with provided(GCS, tmp_path_factory.mktemp("gcs")) as url:
        open_object_storage(url).prepare()
        yield url
