"""Connections to MySQL and MariaDB, and what they complain about, sorted by whether trying again may help."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_assets.errors import ContractError, PermanentError, PlatformError, SettingsError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.urls import options_of, parse_url
from mlops_assets.stores.warehouse.mysql_values import fetch_arrow
from mlops_assets.stores.warehouse.server_url import database_of, password_of, user_of, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from pymysql import Connection, Error

_PORT = 3306
_CONNECT_SECONDS = 10.0
_LOCAL_FILES = 1 << 7
"""The protocol's flag CLIENT_LOCAL_FILES."""
_ANSWER_SECONDS = 600.0
"""How long one statement may take: longer than any lock is waited for, shorter than a server that never answers again."""
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds, seconds and times, by names of socket options that not every system has."""


def _flag(text: str) -> bool:
    return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}[text.lower()]


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "connect_timeout": float,
    "read_timeout": float,
    "write_timeout": float,
    "local_infile": _flag,
    "ssl_ca": str,
    "ssl_cert": str,
    "ssl_key": str,
    "ssl_key_password": str,
    "ssl_disabled": _flag,
    "ssl_verify_cert": _flag,
    "ssl_verify_identity": _flag,
    "unix_socket": str,
}
"""Parameters of PyMySQL that a URL may set, and how each is read."""

_NO_CONNECTION = 2003
_UNAVAILABLE = {
    0: "the connection was lost; try again",
    1040: "the server has too many connections; try again later, or raise max_connections",
    1047: "the server is not ready; try again",
    1053: "the server shuts down; try again",
    1077: "the server shuts down; try again",
    1079: "the server shuts down; try again",
    1158: "the connection was lost; try again",
    1159: "the connection was lost; try again",
    1160: "the connection was lost; try again",
    1161: "the connection was lost; try again",
    1203: "the user has too many connections; try again later",
    1205: "another transaction holds the table or partition; try again when it has ended",
    1213: "another transaction was in the way; try again",
    1226: "the user has used up what the server allows; try again later",
    1317: "the statement was cancelled; try again",
    1927: "the connection was cut by the server; try again",
    2002: "check that the server runs, and try again",
    _NO_CONNECTION: "check that host and port in the URL are right and the server runs, and try again",
    2006: "the connection was lost; try again",
    2013: "the connection was lost; try again",
    3058: "another transaction was in the way; try again",
    4031: "the connection was idle for too long; try again",
}
_ACCESS = {
    1045: "check the user and the password in the URL",
    1049: "create the database, or correct its name in the URL",
    1129: "the server has blocked this host; run FLUSH HOSTS there",
    1130: "the server does not accept connections from this host; make a user for it",
    1251: "the server wants another authentication plugin",
    1290: "the server only reads; name one that writes in the URL",
    1698: "the user logs in by other means than a password; make one with a password",
    1792: "queries only read",
    1836: "the server only reads; name one that writes in the URL",
    2026: "check ssl_ca and the other ssl parameters in the URL against what the server offers",
    # Three kinds of a full disk: 28 is the system's ENOSPC, inside messages of storage engines.
    3: "the server's disk is full; make room",
    1021: "the server's disk is full; make room",
    1114: "the server's disk or tablespace is full; make room",
}
_NOT_GRANTED = {1044, 1142, 1143, 1227, 1370}
_CONTRACT = {
    1062: "rows repeat the key of others",
    1071: "a key is too long for MySQL",
    1059: "MySQL has names of at most 64 characters",
    1118: "the table has too many columns for MySQL",
    1153: "a row is longer than the server's max_allowed_packet; raise it",
    1264: "a value does not fit its column",
    1292: "a value does not fit its column",
    1366: "a value does not fit its column",
    1406: "a value does not fit its column",
    3140: "a value is no JSON document for MySQL",
    4025: "a value is no JSON document for MariaDB",
}


def require_readable(url: str) -> None:
    """Refuse the URL of a server that says what no connection can be made of.

    Raises:
        SettingsError: the URL names several hosts, a port that is none, more than a database, or a parameter that is not known.
    """
    parts = parse_url(url)
    if "," in parts.hosts or "/" in parts.path.strip("/"):
        raise SettingsError(f"{parts.shown!r} is not of the form mysql://host:3306/database")
    _host_and_port(url)
    _options(url)


def open_connection(url: str, *, timeout_seconds: float, read_only: bool) -> Connection:
    """Open a connection in UTC, in strict mode, at READ COMMITTED, that waits this long for locks and gives values as bytes.

    READ COMMITTED, because writers of neighbouring partitions would otherwise lock the gap between them, and then each other.

    Raises:
        SettingsError: the URL cannot be understood.
        pymysql.Error: nobody answers, or not as a server does that lets the user in.
    """
    import pymysql
    from pymysql.converters import encoders
    from pymysql.cursors import SSCursor

    options = _options(url)
    host, port = _host_and_port(url)
    seconds = max(round(timeout_seconds), 1)
    connection = pymysql.connect(
        **options,
        host=host,
        port=port,
        user=user_of(url),
        # PyMySQL would encode text as Latin-1.
        password=(password_of(url) or "").encode(),
        database=database_of(url),
        charset="utf8mb4",
        init_command=(
            "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
            f"innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
        ),
        conv=encoders,
        use_unicode=False,
        cursorclass=SSCursor,
        program_name="mlops-assets",
        defer_connect=True,
    )
    is_local = "unix_socket" in options
    connection.connect(None if is_local else _connected_socket(host, port, options["connect_timeout"]))
    run(connection, f"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED{', READ ONLY' if read_only else ''}")
    return connection


def _options(url: str) -> dict[str, Any]:
    options: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _ANSWER_SECONDS, "local_infile": True}
    for name, text in options_of(parse_url(url), _OPTIONS).items():
        try:
            options[name] = _OPTIONS[name](text)
        except (KeyError, ValueError):
            kind = "a number of seconds" if _OPTIONS[name] is float else "true or false"
            raise SettingsError(f"{without_credentials(url)}: the option {name} must be {kind}") from None
    return options


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(without_credentials(url))
    try:
        return parts.hostname or "localhost", parts.port or _PORT
    except ValueError as error:
        raise SettingsError(f"{without_credentials(url)}: {error}") from error


def _connected_socket(host: str, port: int, seconds: float) -> socket.socket:
    """Return a socket at whose other end a server has begun to speak, and whose silence is noticed after a minute."""
    import pymysql

    connected = None
    try:
        connected = socket.create_connection((host, port), seconds)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        # The server speaks first. PyMySQL would wait for that as long as for the answer to a statement.
        connected.recv(1, socket.MSG_PEEK)
    except OSError as error:
        if connected is not None:
            connected.close()
        raise pymysql.err.OperationalError(_NO_CONNECTION, f"no connection: {error}") from error
    return connected


def may_load_data(connection: Connection) -> bool:
    """Return whether the URL lets the client send files to the server."""
    return bool(connection.client_flag & _LOCAL_FILES)


def run(connection: Connection, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table:
    """Run a statement and return its rows."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement, parameters)
        return fetch_arrow(cursor)
    except BaseException:
        # When it is closed, a cursor reads the rows that are left, and fails again if the connection is lost.
        if cursor._result is not None:
            cursor._result.unbuffered_active = False
        raise
    finally:
        cursor.close()


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """Return the few rows of a query about the server itself."""
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def translated(error: Error, url: str, subject: str, needed: str) -> PlatformError:
    """Return the error of this package that an error of the driver means.

    Args:
        error: what the driver raised.
        url: the warehouse's URL.
        subject: the table, or what else was worked on.
        needed: the GRANT that the work needs.
    """
    code, said = (*error.args, "", "")[:2] if isinstance((error.args or ("",))[0], int) else (-1, str(error))
    kind, advice = _sort_error(code, str(said), f"{needed} TO {user_of(url) or 'the user'}")
    return kind(f"{without_credentials(url)}: {subject}: {said or 'no connection'} ({code}); {advice}")


def _sort_error(code: int, said: str, grant: str) -> tuple[type[PlatformError], str]:
    if code in _NOT_GRANTED:
        return StoreAccessError, f"ask for {grant}"
    if "No space left" in said or "errno: 28" in said:
        return StoreAccessError, _ACCESS[1021]
    if "certificate" in said:
        return StoreAccessError, _ACCESS[2026]
    kinds: tuple[tuple[type[PlatformError], dict[int, str]], ...] = (
        (StoreUnavailableError, _UNAVAILABLE),
        (StoreAccessError, _ACCESS),
        (ContractError, _CONTRACT),
    )
    for kind, advices in kinds:
        if code in advices:
            return kind, advices[code]
    return PermanentError, "MySQL explains the error by its number"
