"""MySQL: the server that `MLOPS_TEST_MYSQL_URL` names, or Debian's MariaDB for the session."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from mlops_assets_tests.services.base import Service, free_port, provided, running

_QUICK = ["--skip-log-bin", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=0"]


def execute_on_mysql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements one by one, each committed, and return the rows of the last."""
    import pymysql

    parts = urlsplit(url)
    password = unquote(parts.password or "").encode()
    where = {"host": parts.hostname, "port": parts.port or 3306, "database": parts.path.strip("/") or None}
    with closing(pymysql.connect(user=parts.username, password=password, autocommit=True, **where)) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def _lacks() -> str | None:
    missing = [name for name in ("mariadbd", "mariadb-install-db") if _program(name) is None]
    return f"{' and '.join(missing)} of the Debian package mariadb-server not installed" if missing else None


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    # Paths of sockets are limited to about 100 characters, which folders of pytest may exceed.
    own_folder = Path(tempfile.mkdtemp(prefix="my-"))
    user = f"--user={own_folder.owner()}"
    data = f"--datadir={own_folder / 'data'}"
    install = [_program("mariadb-install-db"), "--no-defaults", data, user, "--auth-root-authentication-method=normal"]
    try:
        subprocess.run([str(part) for part in [*install, "--skip-test-db"]], check=True, capture_output=True)
        port = free_port()
        url = f"mysql://root@127.0.0.1:{port}/"
        server = [_program("mariadbd"), "--no-defaults", data, user, f"--port={port}", "--bind-address=127.0.0.1"]
        files = [f"--socket={own_folder / 'socket'}", f"--pid-file={own_folder / 'pid'}", "--character-set-server=utf8mb4"]
        is_ready = lambda: execute_on_mysql(url, "SELECT 1")  # noqa: E731
        with running([str(part) for part in [*server, *files, *_QUICK]], folder / "mariadb.log", is_ready):
            yield {MYSQL.variable: url}
    finally:
        shutil.rmtree(own_folder)


MYSQL = Service("mysql", "MLOPS_TEST_MYSQL_URL", _start, _lacks)


@pytest.fixture(scope="session")
def mysql_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a MySQL or MariaDB server, as a user who may do everything."""
    with provided(MYSQL, tmp_path_factory.mktemp("mysql")) as url:
        yield url.rstrip("/") + "/"


@pytest.fixture
def mysql_url(mysql_server_url: str) -> Iterator[str]:
    """Give the URL of a server without the database of the tests' domain, which is dropped again: do not name a server of value."""
    execute_on_mysql(mysql_server_url, "DROP DATABASE IF EXISTS weather")
    yield mysql_server_url
    execute_on_mysql(mysql_server_url, "DROP DATABASE IF EXISTS weather")


@pytest.fixture
def mysql_database_url(mysql_server_url: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    database = f"test_{uuid.uuid4().hex}"
    execute_on_mysql(mysql_server_url, f"CREATE DATABASE {database}")
    yield mysql_server_url + database
    execute_on_mysql(mysql_server_url, f"DROP DATABASE {database}")
