"""BigQuery: local-bigquery, an emulator that speaks its REST protocol and runs its SQL on DuckDB.

It needs Python 3.13 and packages that do not fit beside ours, hence a virtual environment of its own, `make bigquery-emulator`.
What it does not imitate, tests cannot see: permissions, quotas, locations, and transactions aborted by a concurrent update.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_assets_tests.services.base import Service, free_port, provided, running

_ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-bigquery"
_PROJECT = "tests"


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [_ENVIRONMENT / "bin" / "local-bigquery", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--grpc-port", str(free_port()), "--project", _PROJECT, "--data-dir", folder / "data"]

    def is_ready() -> bool:
        with urllib.request.urlopen(f"{address}/bigquery/v2/projects/{_PROJECT}/datasets", timeout=10) as answer:
            return bool(answer.status == 200)

    # The extensions of its DuckDB are in that home folder.
    with running(command, folder / "log.txt", is_ready, environment={"HOME": str(_ENVIRONMENT / "home")}):
        yield {BIGQUERY.variable: f"bigquery://{_PROJECT}", "BIGQUERY_EMULATOR_HOST": address}


def _lacks() -> str | None:
    if (_ENVIRONMENT / ".installed").exists():
        return None
    return "run make bigquery-emulator (needs Python 3.13)"


BIGQUERY = Service(name="bigquery", variable="MLOPS_TEST_BIGQUERY_URL", start=_start, lacks=_lacks)


@pytest.fixture(scope="session")
def bigquery_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a project; one named by the environment must be there for tests alone."""
    with provided(BIGQUERY, tmp_path_factory.mktemp("bigquery")) as url:
        yield url
