"""The description of a document: `DocumentContract`. Plain data, cheap to import."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlops_assets.contracts.document_values import kept_fields
from mlops_assets.errors import ContractError

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What can name a field in every store's language for indexes."""


@dataclass(frozen=True)
class DocumentContract:
    """What every document of one collection promises.

    Attributes:
        domain: the first part of its name, e.g. `message_sentiment`.
        name: the second part, e.g. `messages`.
        description: one or two sentences: what a document is and where it comes from.
        id_field: the field whose text tells one document from all others.
        time_field: the field with the moment by which documents are read, e.g. when a message was sent.
        state_field: the field that says how far a document has come; None where documents have no state.
        states: every state, in the order in which documents pass through them.
        initial: fields that a new document gets besides those it brings, its first state among them. Writing the document again
            leaves them as they are by then.
        indexes: fields that other programs search by, one index per tuple. Id, time, and state with time always have one.
    """

    domain: str
    name: str
    description: str
    id_field: str
    time_field: str
    state_field: str | None = None
    states: tuple[str, ...] = ()
    initial: Mapping[str, Any] = field(default_factory=dict, hash=False)
    indexes: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        roles = [self.id_field, self.time_field, *self._state_fields]
        if len(set(roles)) < len(roles):
            raise ContractError(f"{self.label}: id, time and state must be different fields")
        for name in [*roles, *(name for index in self.indexes for name in index)]:
            if not _IDENTIFIER.fullmatch(name):
                raise ContractError(f"{self.label}: {name!r} cannot be indexed; use letters, digits and _")
        if bool(self.states) != bool(self._state_fields) or not set(self._state_fields) <= set(self.initial):
            raise ContractError(f"{self.label}: a state field, all states and the initial one are declared together")
        object.__setattr__(self, "initial", self._kept(self.initial, "the initial fields"))

    @property
    def label(self) -> str:
        """The collection's name as people and asset keys write it: `domain/name`."""
        return f"{self.domain}/{self.name}"

    def conform(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return a document as every store keeps it: moments in UTC and cut to milliseconds, all else as it is.

        Raises:
            ContractError: it cannot be stored, for which it names document and field: no id or time, a moment without a time zone,
                NaN, an unknown state, a type that documents do not hold. Whoever ingests sets such a document aside.
        """
        fields = self.conform_change(document)
        if self.time_field not in fields:
            raise ContractError(f"{self.label}: document {fields[self.id_field]!r} has no {self.time_field!r}")
        return fields

    def conform_change(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Return some fields of a document that exists, its id among them, as every store keeps them.

        Raises:
            ContractError: as `conform`, but the time may be absent.
        """
        identity = change.get(self.id_field)
        if not isinstance(identity, str) or not identity:
            raise ContractError(f"{self.label}: a document has no text in {self.id_field!r}; it has {', '.join(map(repr, change))}")
        fields = self._kept(change, f"document {identity!r}")
        if self.time_field in fields and not isinstance(fields[self.time_field], datetime):
            raise ContractError(f"{self.label}: document {identity!r}: field {self.time_field!r} is no moment")
        return fields

    @property
    def _state_fields(self) -> list[str]:
        return [] if self.state_field is None else [self.state_field]

    def _kept(self, document: Mapping[str, Any], title: str) -> dict[str, Any]:
        try:
            fields = kept_fields(document)
        except ValueError as error:
            raise ContractError(f"{self.label}: {title}: {error}") from error
        for name in self._state_fields:
            if name in fields and fields[name] not in self.states:
                raise ContractError(f"{self.label}: {title}: {name!r} is {fields[name]!r}, not one of {', '.join(self.states)}")
        return fields
