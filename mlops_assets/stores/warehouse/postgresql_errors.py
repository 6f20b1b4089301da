"""What PostgreSQL complains about, sorted by whether trying again may help, with what to do about it.

Statements fail with an SQLSTATE. Connecting does not: libpq gives words only, the server's after `FATAL:`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_assets.errors import ContractError, PermanentError, PlatformError, SettingsError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.warehouse.server_url import database_of, user_of, without_credentials

if TYPE_CHECKING:
    from adbc_driver_manager import Error

# SQLSTATEs or their first two characters, the class: https://www.postgresql.org/docs/current/errcodes-appendix.html
_UNAVAILABLE = {
    "08": "the connection was lost; try again",
    "40": "another transaction was in the way; try again",
    "42701": "another writer added the column at the same moment; try again",
    "42P06": "another writer made the schema at the same moment; try again",
    "42P07": "another writer made the table at the same moment; try again",
    "53200": "the server is out of memory; try again later",
    "53300": "the server has too many connections; try again later, or raise max_connections",
    "55P03": "another transaction holds the table or partition; try again when it has ended",
    "57": "the server was stopped or the statement was cancelled; try again",
    "25P03": "the server ended an idle transaction; try again",
}
_ACCESS = {
    "25006": "queries only read; if this was a write, the server is a standby: name its primary in the URL",
    "28": "check the user and the password in the URL",
    "3D000": "create the database, or correct its name in the URL",
    "53100": "the server's disk is full; make room",
}
_CONTRACT = {
    "21": "rows repeat their key",
    "22": "a value does not fit its column; PostgreSQL texts hold no NUL character",
    "23505": "rows repeat the key of others",
    "54": "a row or a key is too long for PostgreSQL",
}
_BUSY_AT_CONNECTING = re.compile(
    "starting up|shutting down|recovery|not yet accepting|too many|connection slots|terminating"
    # PgBouncer's.
    "|no more connections|cannot connect|login has been failing|wait_timeout"
)
_MISUNDERSTOOD_URL = re.compile(r"invalid (URI|port|connection option|percent|integer|\w+ value)|forbidden value|missing")
_NO_ENCRYPTION = re.compile(r"SSL was required|certificate|root\.crt|sslmode")


def translated(error: Error, url: str, subject: str) -> PlatformError:
    """Return the error of this package that an error of the driver means.

    Args:
        error: what the driver raised.
        url: the warehouse's URL.
        subject: the table, or what else was worked on.
    """
    from adbc_driver_manager import AdbcStatusCode

    said = _first_words(str(error))
    if error.sqlstate is None:
        lost = error.status_code in (AdbcStatusCode.IO, AdbcStatusCode.CANCELLED, AdbcStatusCode.TIMEOUT)
        kind, advice = _sort_connection_error(said, url) if lost else (PermanentError, "the driver cannot do that")
    else:
        kind, advice = _sort_statement_error(error.sqlstate, said, url)
    return kind(f"{without_credentials(url)}: {subject}: {said}; {advice}")


def _sort_connection_error(said: str, url: str) -> tuple[type[PlatformError], str]:
    if "Failed to connect" not in said:
        return StoreUnavailableError, "the connection was lost; try again"
    if _MISUNDERSTOOD_URL.search(said):
        return SettingsError, "a URL has the parts and parameters that libpq knows"
    if _NO_ENCRYPTION.search(said):
        return StoreAccessError, "check sslmode and sslrootcert in the URL against what the server offers"
    if "FATAL:" not in said or _BUSY_AT_CONNECTING.search(said):
        return StoreUnavailableError, "check that host and port in the URL are right and the server runs, and try again"
    if "permission denied for database" in said:
        return StoreAccessError, f"ask for GRANT CONNECT ON DATABASE {database_of(url)} TO {user_of(url)}"
    return StoreAccessError, "check user, password and database in the URL, and the server's pg_hba.conf"


def _sort_statement_error(sqlstate: str, said: str, url: str) -> tuple[type[PlatformError], str]:
    if sqlstate == "42501":
        return StoreAccessError, _grant_needed(said, url)
    kinds: tuple[tuple[type[PlatformError], dict[str, str]], ...] = (
        (StoreUnavailableError, _UNAVAILABLE),
        (StoreAccessError, _ACCESS),
        (ContractError, _CONTRACT),
    )
    for kind, advices in kinds:
        for code in (sqlstate, sqlstate[:2]):
            if code in advices:
                return kind, advices[code]
    return PermanentError, f"SQLSTATE {sqlstate}"


def _grant_needed(said: str, url: str) -> str:
    user = user_of(url) or "the user"
    object_name = (re.findall(r"(?:for|of) \w+ (\S+)", said) or ["..."])[0]
    if "for database" in said:
        return f"ask for GRANT CREATE ON DATABASE {object_name} TO {user}, or for the schema to be made and granted"
    if "for schema" in said:
        return f"ask for GRANT USAGE, CREATE ON SCHEMA {object_name} TO {user}"
    if "must be owner" in said:
        return f"only the owner adds columns: ask for ALTER TABLE {object_name} OWNER TO {user}"
    return f"ask for GRANT SELECT, INSERT, DELETE ON {object_name} TO {user}"


def _first_words(message: str) -> str:
    """Return a message without the statement that the driver appends, on one line."""
    words = message.partition("\nQuery was:")[0].partition("\nLINE ")[0].partition(" SQLSTATE:")[0]
    return " ".join(words.split()).rstrip(" .;")
