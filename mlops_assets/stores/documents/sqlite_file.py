"""Documents in one SQLite file: a table per collection, a row per document, its text as JSON."""

# ruff: noqa: S608
# Names in statements are quoted, fields in indexes are identifiers, values are parameters.
from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops_assets.stores.documents.base import WriteCounts
from mlops_assets.stores.documents.extended_json import DATE_KEY, date_text, dumps, loads
from mlops_assets.stores.documents.rules import (
    every_state,
    index_fields,
    initial_besides,
    merged_by_id,
    state_field,
    window_bound,
)
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.sqlite import SQLiteFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from mlops_assets.contracts import DocumentContract


class SQLiteDocuments:
    """A document store in a SQLite file."""

    def __init__(self, path: Path, timeout_seconds: float = 60) -> None:
        """Use the file at `path`, made at the first use, and wait this long for others who are writing to it."""
        self._file = SQLiteFile(path, "document store", timeout_seconds)

    def upsert(self, contract: DocumentContract, documents: Iterable[Mapping[str, Any]]) -> WriteCounts:
        """Add the documents that are not there and change the others, in one transaction."""
        incoming = merged_by_id(contract, map(contract.conform, documents))
        with self._writing(contract) as connection:
            kept = _texts(connection, contract, incoming)
            new = {key: {**fields, **initial_besides(contract, fields)} for key, fields in incoming.items() if key not in kept}
            _insert(connection, contract, new)
            changed = _change(connection, contract, kept, incoming)
            return WriteCounts(len(new), changed, len(kept) - changed)

    def update(self, contract: DocumentContract, changes: Iterable[Mapping[str, Any]]) -> WriteCounts:
        """Set fields of documents that are there, in one transaction."""
        incoming = merged_by_id(contract, map(contract.conform_change, changes))
        with self._writing(contract) as connection:
            kept = _texts(connection, contract, incoming)
            changed = _change(connection, contract, kept, incoming)
            return WriteCounts(0, changed, len(kept) - changed, len(incoming) - len(kept))

    def read(
        self,
        contract: DocumentContract,
        *,
        state: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return the documents of a state in a window, by time, then by id."""
        where, values = _window(contract, since, until)
        if state is not None:
            where, values = f"{where} AND {_expression(state_field(contract, state), contract)} = ?", [*values, state]
        order = f"{_expression(contract.time_field, contract)}, id"
        statement = f"SELECT document FROM {_table(contract)} WHERE {where} ORDER BY {order} LIMIT ?"
        with self._reading(contract) as connection:
            return [loads(text) for (text,) in connection.execute(statement, [*values, -1 if limit is None else limit])]

    def fetch(self, contract: DocumentContract, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of some ids."""
        with self._reading(contract) as connection:
            return {key: loads(text) for key, text in _texts(connection, contract, ids).items()}

    def count_by_state(
        self, contract: DocumentContract, *, since: datetime | None = None, until: datetime | None = None
    ) -> dict[str, int]:
        """Count the documents of every state in a window."""
        state = _expression(state_field(contract), contract)
        where, values = _window(contract, since, until)
        statement = f"SELECT {state}, count(*) FROM {_table(contract)} WHERE {where} GROUP BY 1"
        with self._reading(contract) as connection:
            return every_state(contract, dict(connection.execute(statement, values)))

    def location(self, contract: DocumentContract) -> str:
        """Return the file and the table's name in it."""
        return f"{self._file.path}: {contract.domain}.{contract.name}"

    def check_health(self) -> HealthCheck:
        """Write a table, read it back and drop it, and tell the version."""
        with self._file.writing() as connection:
            connection.execute("CREATE TABLE mlops_assets_doctor AS SELECT sqlite_version() AS version")
            (version,) = connection.execute("SELECT version FROM mlops_assets_doctor").fetchone()
            connection.execute("DROP TABLE mlops_assets_doctor")
        return HealthCheck(f"SQLite {version}")

    @contextmanager
    def _writing(self, contract: DocumentContract) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction in which the contract's table exists with all its indexes."""
        with self._file.writing() as connection:
            _make_table(connection, contract)
            for fields in index_fields(contract):
                expressions = ", ".join(_expression(name, contract) for name in fields)
                name = _quoted(f"{contract.domain}.{contract.name} by {', '.join(fields)}")
                connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {_table(contract)} ({expressions})")
            yield connection

    @contextmanager
    def _reading(self, contract: DocumentContract) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees one state of the contract's table throughout."""
        with self._file.connection() as connection:
            _make_table(connection, contract)
            connection.execute("BEGIN")
            yield connection


def _make_table(connection: sqlite3.Connection, contract: DocumentContract) -> None:
    connection.execute(f"CREATE TABLE IF NOT EXISTS {_table(contract)} (id TEXT PRIMARY KEY NOT NULL, document TEXT NOT NULL)")


def _texts(connection: sqlite3.Connection, contract: DocumentContract, ids: Iterable[str]) -> dict[str, str]:
    """Return the texts of those documents that are there."""
    statement = f"SELECT document FROM {_table(contract)} WHERE id = ?"
    rows = ((key, connection.execute(statement, [key]).fetchone()) for key in ids)
    return {key: row[0] for key, row in rows if row is not None}


def _insert(connection: sqlite3.Connection, contract: DocumentContract, documents: Mapping[str, dict[str, Any]]) -> None:
    rows = ((key, dumps(document)) for key, document in documents.items())
    connection.executemany(f"INSERT INTO {_table(contract)} (id, document) VALUES (?, ?)", rows)


def _change(
    connection: sqlite3.Connection,
    contract: DocumentContract,
    kept: Mapping[str, str],
    incoming: Mapping[str, dict[str, Any]],
) -> int:
    """Set fields of documents whose texts are `kept`, and return how many are other than before."""
    merged = {key: dumps({**loads(text), **incoming[key]}) for key, text in kept.items()}
    changed = [(text, key) for key, text in merged.items() if text != kept[key]]
    connection.executemany(f"UPDATE {_table(contract)} SET document = ? WHERE id = ?", changed)
    return len(changed)


def _window(contract: DocumentContract, since: datetime | None, until: datetime | None) -> tuple[str, list[Any]]:
    """Return the condition that a document lies in `[since, until)`, and its values."""
    moment = _expression(contract.time_field, contract)
    bounds = [(">=", since), ("<", until)]
    given = [(comparison, window_bound(contract, bound)) for comparison, bound in bounds if bound is not None]
    conditions = ["TRUE", *(f"{moment} {comparison} ?" for comparison, _ in given)]
    return " AND ".join(conditions), [date_text(bound) for _, bound in given]


def _expression(field: str, contract: DocumentContract) -> str:
    """Return the expression for a field; an index serves only queries that say it in the same words."""
    if field == contract.id_field:
        return "id"
    date_part = f'."{DATE_KEY}"' if field == contract.time_field else ""
    return f"json_extract(document, '$.{field}{date_part}')"


def _table(contract: DocumentContract) -> str:
    return _quoted(f"{contract.domain}.{contract.name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
