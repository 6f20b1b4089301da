"""A SQLite file that holds a store: its connections, its transactions, and what its errors mean.

Any number of processes may read and write: a write is one transaction under SQLite's own lock, for which others wait, and readers
go on meanwhile (WAL). The file must lie on a disk of this machine; SQLite's locks do not hold on network shares.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError, PlatformError, StoreUnavailableError
from mlops_assets.stores.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY = ("is locked", "locking protocol")


class SQLiteFile:
    """A SQLite file. Every use opens it anew, so that threads and forked processes share no connection."""

    def __init__(self, path: Path, store: str, timeout_seconds: float) -> None:
        """Use the file at `path`, made at the first use.

        Args:
            path: the file.
            store: what it holds, as errors shall name it.
            timeout_seconds: how long to wait for others who are writing to it.
        """
        self.path = path
        self._label = f"the {store} {path}"
        self._timeout_seconds = timeout_seconds

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction that is on the disk, or undone, when the block ends.

        Raises:
            StoreUnavailableError: another writer held the file for all the time.
            StoreAccessError: the disk refuses.
            PermanentError: SQLite does.
        """
        with self.connection() as connection, connection:
            # The lock comes first: two that read and then both want to write could only fail.
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection without a transaction.

        Raises:
            StoreUnavailableError: another writer held the file for all the time.
            StoreAccessError: the disk refuses.
            PermanentError: SQLite does.
        """
        try:
            with disk_errors(f"cannot use {self._label}"):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self.path, timeout=self._timeout_seconds, isolation_level=None)) as connection:
                    self._keep_readers_apart(connection)
                    # Some builds of SQLite leave this out with a write-ahead log, and a power cut could undo what was committed.
                    connection.execute("PRAGMA synchronous = FULL")
                    yield connection
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _keep_readers_apart(self, connection: sqlite3.Connection) -> None:
        """Let readers see the state before a write that goes on, by a write-ahead log, which a new file does not have yet.

        Whoever asks for the log while another process does is refused at once, in spite of the connection's timeout.
        """
        import tenacity

        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_message(match="database is locked"),
            wait=tenacity.wait_random(0.01, 0.05),
            stop=tenacity.stop_after_delay(self._timeout_seconds),
            reraise=True,
        )
        attempts(connection.execute, "PRAGMA journal_mode = WAL")

    def _translated(self, error: sqlite3.Error) -> PlatformError:
        complaint = str(error).lower()
        if any(sign in complaint for sign in _BUSY):
            return StoreUnavailableError(f"{self._label} was in use by another writer for {self._timeout_seconds:g} s: {error}")
        return PermanentError(f"cannot use {self._label}: {error}")
