"""Documents in MongoDB: a collection per contract, `_id` being the document's id.

A document is written in one step, a batch is not one transaction: when a connection breaks, some documents of a call are written
and others not, and the same call again completes it.
"""

from __future__ import annotations

import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from mlops_assets.stores.documents.base import WriteCounts
from mlops_assets.stores.documents.mongodb_client import open_client, platform_errors
from mlops_assets.stores.documents.rules import (
    every_state,
    index_fields,
    initial_besides,
    merged_by_id,
    state_field,
    window_bound,
)
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from pymongo import UpdateOne
    from pymongo.collection import Collection
    from pymongo.database import Database

    from mlops_assets.contracts import DocumentContract

_Item = TypeVar("_Item")
_DEFAULT_DATABASE = "mlops_assets"
_WITHOUT_OWN_ID = {"_id": False}


class MongoDocuments:
    """A document store in a MongoDB database."""

    def __init__(
        self, url: str, *, connect_seconds: float = 5, answer_seconds: float = 60, documents_per_batch: int = 1_000
    ) -> None:
        """Use the database that the URL's path names, `mlops_assets` if none. Nothing is contacted before the first use.

        Args:
            url: `mongodb://user:password@server:27017/database?option=value`; its options win over these arguments.
            connect_seconds: how long a server may take to be found.
            answer_seconds: how long it may take to answer.
            documents_per_batch: how many documents are sent at once.
        """
        parts = parse_url(url)
        self._url, self._connect_seconds, self._answer_seconds = url, connect_seconds, answer_seconds
        self._database_name = unquote(parts.path.strip("/")) or _DEFAULT_DATABASE
        # Neither user nor options: an option may be a secret.
        self._place = f"{parts.scheme}://{parts.hosts}/{self._database_name}"
        self._documents_per_batch = documents_per_batch

    def upsert(self, contract: DocumentContract, documents: Iterable[Mapping[str, Any]]) -> WriteCounts:
        """Add the documents that are not there and change the others, in unordered batches."""
        from pymongo import UpdateOne

        incoming = merged_by_id(contract, map(contract.conform, documents))
        operations = []
        for key, fields in incoming.items():
            initial = initial_besides(contract, fields)
            # Servers before 5.0 refuse an operator without fields.
            change = {"$set": fields, "$setOnInsert": initial} if initial else {"$set": fields}
            operations.append(UpdateOne({"_id": key}, change, upsert=True))
        with platform_errors(self._place):
            collection = self._collection(contract)
            _make_indexes(collection, contract)
            return self._write(collection, operations)

    def update(self, contract: DocumentContract, changes: Iterable[Mapping[str, Any]]) -> WriteCounts:
        """Set fields of documents that are there, in unordered batches."""
        from pymongo import UpdateOne

        incoming = merged_by_id(contract, map(contract.conform_change, changes))
        with platform_errors(self._place):
            return self._write(
                self._collection(contract), [UpdateOne({"_id": key}, {"$set": fields}) for key, fields in incoming.items()]
            )

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
        condition = _window(contract, since, until)
        if state is not None:
            condition[state_field(contract, state)] = state
        if limit == 0:
            # To MongoDB, 0 is no limit.
            return []
        order = [(contract.time_field, 1), (contract.id_field, 1)]
        with platform_errors(self._place):
            return list(self._collection(contract).find(condition, _WITHOUT_OWN_ID, sort=order, limit=limit or 0))

    def fetch(self, contract: DocumentContract, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of some ids."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, dict[str, Any]] = {}
        with platform_errors(self._place):
            collection = self._collection(contract)
            for batch in self._batches(wanted):
                documents = collection.find({"_id": {"$in": batch}}, _WITHOUT_OWN_ID)
                found.update((document[contract.id_field], document) for document in documents)
        return {key: found[key] for key in wanted if key in found}

    def count_by_state(
        self, contract: DocumentContract, *, since: datetime | None = None, until: datetime | None = None
    ) -> dict[str, int]:
        """Count the documents of every state in a window."""
        stages = [
            {"$match": _window(contract, since, until)},
            {"$group": {"_id": f"${state_field(contract)}", "documents": {"$sum": 1}}},
        ]
        with platform_errors(self._place):
            counted = self._collection(contract).aggregate(stages)
            return every_state(contract, {group["_id"]: group["documents"] for group in counted})

    def location(self, contract: DocumentContract) -> str:
        """Return server, database and collection."""
        return f"{self._place}: {contract.domain}.{contract.name}"

    def check_health(self) -> HealthCheck:
        """Write a document to a collection of its own, read it back and drop it; tell the server's version and time."""
        with platform_errors(self._place):
            database = self._database()
            trial = database[f"mlops_assets_doctor_{uuid.uuid4().hex}"]
            trial.insert_one({"_id": 1})
            try:
                trial.find_one({"_id": 1})
            finally:
                trial.drop()
            version = database.command("buildInfo")["version"]
            clock_at = database.command("hello", codec_options=database.codec_options)["localTime"]
            return HealthCheck(f"MongoDB {version}", clock_at)

    def _collection(self, contract: DocumentContract) -> Collection[dict[str, Any]]:
        return self._database()[f"{contract.domain}.{contract.name}"]

    def _database(self) -> Database[dict[str, Any]]:
        return open_client(self._url, self._connect_seconds, self._answer_seconds)[self._database_name]

    def _write(self, collection: Collection[dict[str, Any]], operations: list[UpdateOne]) -> WriteCounts:
        new = changed = matched = 0
        for batch in self._batches(operations):
            written = collection.bulk_write(batch, ordered=False)
            new, changed, matched = new + written.upserted_count, changed + written.modified_count, matched + written.matched_count
        return WriteCounts(new, changed, matched - changed, len(operations) - new - matched)

    def _batches(self, items: Iterable[_Item]) -> Iterator[list[_Item]]:
        remaining = iter(items)
        while batch := list(islice(remaining, self._documents_per_batch)):
            yield batch


def _make_indexes(collection: Collection[dict[str, Any]], contract: DocumentContract) -> None:
    from pymongo import IndexModel

    collection.create_indexes([IndexModel([(field, 1) for field in fields]) for fields in index_fields(contract)])


def _window(contract: DocumentContract, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """Return the condition that a document lies in `[since, until)`."""
    bounds = {"$gte": since, "$lt": until}
    given = {comparison: window_bound(contract, bound) for comparison, bound in bounds.items() if bound is not None}
    return {contract.time_field: given} if given else {}
