"""PostgreSQL: the server that `MLOPS_TEST_POSTGRES_URL` names, or one of Debian's `postgresql` package for the session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from mlops_assets_tests.services.base import Service, free_port, provided, running

_USER = "postgres"
# What URLs and shells find hard, so that every test tries it.
_PASSWORD = "p@ss:w/rd? %"
_QUICK = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


def execute_on_postgres(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements one by one, each committed, and return the rows of the last."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        rows: list[tuple[Any, ...]] = []
        for statement in statements:
            cursor.execute(statement)
            rows = cursor.fetchall()
    return rows


def _programs() -> Path | None:
    """Return the folder of the newest server's programs, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda program: int(program.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _lacks() -> str | None:
    return None if _programs() else "the Debian package postgresql is not installed"


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    programs = _programs()
    assert programs is not None
    as_user: list[str] = []
    # The server refuses to run as root; its own user cannot reach the folders of pytest.
    own_folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        shutil.chown(own_folder, _USER, _USER)
        as_user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    try:
        password = own_folder / "password"
        password.write_text(_PASSWORD)
        password.chmod(0o644)
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            own_folder / "data",
            "-U",
            _USER,
            f"--pwfile={password}",
            "--no-sync",
        ]
        settings = ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run([*as_user, *initdb, *settings], check=True, capture_output=True, cwd=own_folder)
        port = free_port()
        url = f"postgresql://{_USER}:{quote(_PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
        server: list[str | Path] = [
            programs / "postgres",
            "-D",
            own_folder / "data",
            "-p",
            str(port),
            "-c",
            "listen_addresses=127.0.0.1",
        ]
        socket = ["-c", f"unix_socket_directories={own_folder}", *_QUICK]
        is_ready = lambda: execute_on_postgres(url, "SELECT 1")  # noqa: E731
        with running([*as_user, *server, *socket], folder / "postgres.log", is_ready, stop_signal=signal.SIGINT):
            yield {POSTGRES.variable: url}
    finally:
        shutil.rmtree(own_folder)


POSTGRES = Service("postgres", "MLOPS_TEST_POSTGRES_URL", _start, _lacks)


@pytest.fixture(scope="session")
def postgres_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a database of a PostgreSQL server, as a user who may do everything."""
    with provided(POSTGRES, tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    database = f"test_{uuid.uuid4().hex}"
    execute_on_postgres(postgres_server_url, f"CREATE DATABASE {database}")
    yield urlsplit(postgres_server_url)._replace(path=f"/{database}").geturl()
    execute_on_postgres(postgres_server_url, f"DROP DATABASE {database} WITH (FORCE)")
