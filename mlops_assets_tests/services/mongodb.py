"""MongoDB: nx-27017, which speaks its wire protocol over SQLite; and databases of their own for tests.

The emulator is repaired before it starts: it takes no names with dots, and some of its ways into SQL compare moments as texts of
whole seconds and write flags as numbers, so its slower ways in Python are taken throughout. It checks no credentials, and takes 1,
1.0 and true for the same when it counts what an update changed. `MLOPS_TEST_MONGODB_URL` names a real server, which does better.
"""

from __future__ import annotations

import importlib.util
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest

from mlops_assets_tests.services.base import Service, free_port, provided, running

_VARIABLE = "MLOPS_TEST_MONGODB_URL"
_REPAIRED_EMULATOR = """
import sys

from neosqlite import sql_utils
from neosqlite.collection.cursor import Cursor
from neosqlite.collection.query_helper import set_force_fallback
from nx_27017.nx_27017 import main


def quote(name):
    return '"' + name.replace('"', '""') + '"'


for module in list(sys.modules.values()):
    if module.__name__.startswith("neosqlite"):
        for function in ("quote_identifier", "quote_table_name"):
            if hasattr(module, function):
                setattr(module, function, quote)
# Asked for only where a part of a name is made: that of the unique index on _id.
sql_utils.quote_identifier = lambda name: name.replace(".", "_")
Cursor._contains_datetime_operations = lambda *_: False
set_force_fallback(True)
main()
"""


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    port = free_port()
    url = f"mongodb://127.0.0.1:{port}"
    own_files = ("--log-file", folder / "log", "--pid-file", folder / "pid")
    command = (sys.executable, "-c", _REPAIRED_EMULATOR, "--data-dir", "memory", "--host", "127.0.0.1", "-p", str(port), *own_files)
    with running(command, folder / "output", lambda: _answers(url)):
        yield {_VARIABLE: url}


def _answers(url: str) -> bool:
    from pymongo import MongoClient

    with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=500) as client:
        return bool(client.admin.command("ping")["ok"])


def _lacks() -> str | None:
    return None if importlib.util.find_spec("nx_27017") else "nx-27017 is not installed"


MONGODB = Service(name="mongodb", variable=_VARIABLE, start=_start, lacks=_lacks)


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a MongoDB server."""
    with provided(MONGODB, tmp_path_factory.mktemp("mongodb")) as url:
        yield url


@contextmanager
def own_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a new database on a server, and drop it afterwards."""
    from pymongo import MongoClient

    name = f"test_{uuid.uuid4().hex}"
    try:
        yield _with_database(server_url, name)
    finally:
        with MongoClient[dict[str, object]](server_url) as client:
            client.drop_database(name)


def _with_database(server_url: str, name: str) -> str:
    """Return the URL with another database, users being looked up where they were."""
    parts = urlsplit(server_url)
    query = parts.query
    if parts.username and "authSource" not in parse_qs(query):
        query = "&".join(filter(None, [query, f"authSource={parts.path.strip('/') or 'admin'}"]))
    return urlunsplit(parts._replace(path=f"/{name}", query=query))
