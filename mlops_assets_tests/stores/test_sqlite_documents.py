"""Documents in a SQLite file: their contract, killed writers, and others who hold the file."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.errors import PermanentError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.documents import WriteCounts, open_documents
from mlops_assets.stores.documents.sqlite_file import SQLiteDocuments
from mlops_assets_tests.documents import MESSAGES, message
from mlops_assets_tests.processes import let_continue, python_process, wait_for_line
from mlops_assets_tests.stores.disk_contract import DiskContract
from mlops_assets_tests.stores.documents_contract import DocumentStoreContract

HANG_BEFORE_COMMIT = """
import sys, time
from pathlib import Path
from mlops_assets.stores.documents import sqlite_file
from mlops_assets_tests.documents import MESSAGES, message

def hang(*counts):
    print("written", flush=True)
    time.sleep(60)

sqlite_file.WriteCounts = hang
documents = [message("m1") | {"text": "half"}, *(message(f"n{number}") for number in range(2_000))]
sqlite_file.SQLiteDocuments(Path(sys.argv[1])).upsert(MESSAGES, documents)
"""
FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.documents.sqlite_file import SQLiteDocuments
from mlops_assets_tests.documents import MESSAGES, message

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
print("ready", flush=True)
sys.stdin.readline()
try:
    SQLiteDocuments(Path(sys.argv[1])).upsert(MESSAGES, [message("m1") | {"text": "x" * 1_000_000}])
except StoreAccessError as error:
    assert "the space left" in str(error), error
else:
    sys.exit("there was room")
"""


class TestSQLiteDocuments(DocumentStoreContract):
    @pytest.fixture
    def documents_url(self, tmp_path: Path) -> str:
        return f"sqlite:{tmp_path}/folder/documents.db"


class TestSQLiteDocumentsOnDisks(DiskContract):
    def write(self, folder: Path, number: int) -> None:
        open_documents(f"sqlite:{folder}/documents.db").upsert(MESSAGES, [message(f"m{number}") | {"text": "x" * 1_000_000}])

    def read(self, folder: Path) -> list[dict[str, Any]]:
        return open_documents(f"sqlite:{folder}/documents.db").read(MESSAGES)


def test_several_may_make_the_same_file_at_the_same_moment(tmp_path: Path) -> None:
    """Whoever comes second to a new file waits, which SQLite by itself does not: about one in a hundred would fail."""
    writers = 6
    start = threading.Barrier(writers)

    def deliver(number: int) -> None:
        for file in range(100):
            start.wait(timeout=60)
            SQLiteDocuments(tmp_path / f"{file}.db").upsert(MESSAGES, [message(f"m{number}")])

    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(deliver, range(writers)))
    ids = [f"m{number}" for number in range(writers)]
    assert sorted(SQLiteDocuments(tmp_path / "99.db").fetch(MESSAGES, ids)) == ids


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file with two messages."""
    path = tmp_path / "documents.db"
    SQLiteDocuments(path).upsert(MESSAGES, [message("m1"), message("m2")])
    return path


def test_killed_writer_leaves_the_old_documents(path: Path) -> None:
    """A process that dies before it commits has changed nothing, and the next writer need not wait."""
    before = SQLiteDocuments(path).read(MESSAGES)
    with python_process(HANG_BEFORE_COMMIT, path) as writer:
        wait_for_line(writer, "written")
        writer.kill()
        writer.wait()
    assert SQLiteDocuments(path).read(MESSAGES) == before
    assert SQLiteDocuments(path, timeout_seconds=5).upsert(MESSAGES, [message("m2"), message("m3")]) == WriteCounts(1, 0, 1)


def test_full_disk_is_permanent_and_changes_nothing(path: Path) -> None:
    """Somebody must make room; until then the documents are as they were."""
    before = SQLiteDocuments(path).read(MESSAGES)
    with python_process(FILL_THE_DISK, path) as writer:
        wait_for_line(writer, "ready")
        let_continue(writer)
    assert SQLiteDocuments(path).read(MESSAGES) == before


def test_writer_waits_for_another_one(path: Path) -> None:
    """Patience has an end, which is transient; whoever only reads does not wait."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"documents\.db was in use by another writer for 0\.2 s"):
            SQLiteDocuments(path, timeout_seconds=0.2).upsert(MESSAGES, [message("m3")])
        assert 0.1 < time.monotonic() - began < 5
        assert len(SQLiteDocuments(path, timeout_seconds=0.2).read(MESSAGES)) == 2
        other.execute("ROLLBACK")
    assert SQLiteDocuments(path).upsert(MESSAGES, [message("m3")]) == WriteCounts(new=1)


def test_file_of_another_kind_is_permanent(tmp_path: Path) -> None:
    """No patience helps against a file that is no database."""
    path = tmp_path / "documents.db"
    path.write_text("not a database" * 1000)
    with pytest.raises(PermanentError, match=r"cannot use the document store .*documents\.db: file is not a database"):
        SQLiteDocuments(path).read(MESSAGES)


@pytest.mark.parametrize("name", ["folder", "file/documents.db"])
def test_path_that_cannot_be_a_file_is_permanent(tmp_path: Path, name: str) -> None:
    """A folder in the file's place, or a file in its folder's: a person must act."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(StoreAccessError, match="cannot use the document store"):
        SQLiteDocuments(tmp_path / name).upsert(MESSAGES, [message("m1")])


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("json_extract(document, '$.user_id') = 'u1'", "chat.messages by user_id, sent_at"),
        ("""json_extract(document, '$.sent_at."$date"') >= '2024-01-01T12:00:00.000Z'""", "chat.messages by sent_at, message_id"),
        (
            """json_extract(document, '$.state') = 'landed' AND json_extract(document, '$.sent_at."$date"') < '2024-02'
            ORDER BY json_extract(document, '$.sent_at."$date"'), id""",
            "chat.messages by state, sent_at, message_id",
        ),
    ],
)
def test_other_tools_read_the_file_by_its_indexes(path: Path, condition: str, index: str) -> None:
    """The file is an ordinary SQLite database with JSON in it; what the contract indexes is found without reading all."""
    query = f'SELECT id FROM "chat.messages" WHERE {condition}'
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(query).fetchall() == [("m1",), ("m2",)]
        (step,) = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert step.startswith("SEARCH")
    assert index in step
