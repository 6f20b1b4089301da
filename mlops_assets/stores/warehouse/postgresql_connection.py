"""Connections to PostgreSQL that open quickly.

Before its first connection to a server, the driver asks for all types that the server has, which takes several times as long as
connecting. For a process that writes partition after partition, the answer is kept.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adbc_driver_manager import AdbcDatabase
    from adbc_driver_manager.dbapi import Connection


def connect(url: str) -> Connection:
    """Open a connection that knows the types which PostgreSQL has by itself.

    Types that people add to a database are known if they were there at the first call.

    Args:
        url: as libpq wants it.
    """
    from adbc_driver_manager import AdbcConnection, dbapi

    connection = AdbcConnection(_database(url))
    try:
        # All that a connection does with the database is to close it.
        return dbapi.Connection(_Kept(), connection)  # type: ignore[arg-type]
    except BaseException:
        connection.close()
        raise


@cache
def _database(url: str) -> AdbcDatabase:
    """Return what the driver knows of a database. It holds no connection, and threads may share it."""
    import adbc_driver_postgresql

    return adbc_driver_postgresql.connect(url)


class _Kept:
    """Takes the place of what a connection would close when it is closed itself."""

    def close(self) -> None:
        """Close nothing."""
