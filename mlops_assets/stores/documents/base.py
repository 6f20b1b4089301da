"""What every document store does, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mlops_assets.contracts import DocumentContract
    from mlops_assets.stores.health import HealthCheck


@dataclass(frozen=True)
class WriteCounts:
    """What became of the documents of one call; documents that share an id are one.

    Attributes:
        new: were not there before.
        changed: have other fields than before.
        same: were already as they should be.
        absent: should be changed but are not there, so that nothing was written for them.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    absent: int = 0


class DocumentStore(Protocol):
    """Documents of collections `domain.name`, with the values that `contracts.document_values` allows.

    A write sets exactly the fields it is given, each as a whole, and leaves all others, whoever wrote them; the last write of a
    field wins, within a call as between calls. So every write may be repeated. Moments are kept in UTC to the millisecond; what
    is below is cut off, of moments in documents and of those that windows begin and end with.
    """

    def upsert(self, contract: DocumentContract, documents: Iterable[Mapping[str, Any]]) -> WriteCounts:
        """Add the documents that are not there, each with its id, time and the contract's initial fields, and change the others.

        A document that is delivered again changes nothing, and keeps the state and whatever else it got meanwhile.

        Raises:
            ContractError: a document cannot be stored; none is. `contract.conform` tells beforehand.
        """

    def update(self, contract: DocumentContract, changes: Iterable[Mapping[str, Any]]) -> WriteCounts:
        """Set fields of documents that are there, such as a new state and what led to it; each change has an id and some fields.

        Raises:
            ContractError: a change cannot be stored; none is.
        """

    def read(
        self,
        contract: DocumentContract,
        *,
        state: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return the documents of a state, or of all states, in the half-open window `[since, until)`, by time, then by id.

        Args:
            contract: names the collection; one not made yet has no documents.
            state: one of the contract's states.
            since: the first moment of the window; without it, from the beginning.
            until: the first moment after the window; without it, to the end.
            limit: return no more than the first so many.
        """

    def fetch(self, contract: DocumentContract, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of some ids by id, in the order of `ids`; ids without a document are left out."""

    def count_by_state(
        self, contract: DocumentContract, *, since: datetime | None = None, until: datetime | None = None
    ) -> dict[str, int]:
        """Count the documents in the window `[since, until)` for every state of the contract, in the contract's order."""

    def location(self, contract: DocumentContract) -> str:
        """Return where the collection is, as people and other tools write it, without credentials."""

    def check_health(self) -> HealthCheck:
        """Write something small, read it back and remove it; raise what a user of the store would meet."""
