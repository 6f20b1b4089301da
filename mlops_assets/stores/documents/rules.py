"""Rules that hold in every document store, whatever it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.contracts.document_values import kept_moment
from mlops_assets.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mlops_assets.contracts import DocumentContract


def merged_by_id(contract: DocumentContract, documents: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return documents by id; those that share one become one, in which the last write of a field wins."""
    merged: dict[str, dict[str, Any]] = {}
    for fields in documents:
        merged.setdefault(fields[contract.id_field], {}).update(fields)
    return merged


def initial_besides(contract: DocumentContract, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial fields that a new document does not bring itself."""
    return {name: value for name, value in contract.initial.items() if name not in fields}


def index_fields(contract: DocumentContract) -> list[tuple[str, ...]]:
    """Return the fields of every index: those that reads go by, then those that the contract asks for."""
    by_time = (contract.time_field, contract.id_field)
    by_state = [] if contract.state_field is None else [(contract.state_field, *by_time)]
    return list(dict.fromkeys([by_time, *by_state, *contract.indexes]))


def state_field(contract: DocumentContract, state: str | None = None) -> str:
    """Return the field that holds the state.

    Raises:
        ContractError: the contract has none, or not this state.
    """
    if contract.state_field is None:
        raise ContractError(f"{contract.label} declares no state field")
    if state is not None and state not in contract.states:
        raise ContractError(f"{contract.label} has no state {state!r}; it has {', '.join(contract.states)}")
    return contract.state_field


def window_bound(contract: DocumentContract, moment: datetime) -> datetime:
    """Return the beginning or end of a window as documents keep moments, so that windows which meet leave no gap.

    Raises:
        ContractError: it has no time zone.
    """
    try:
        return kept_moment(moment)
    except ValueError as error:
        raise ContractError(f"{contract.label} is read in windows of UTC: {error}") from error


def every_state(contract: DocumentContract, counts: Mapping[str, int]) -> dict[str, int]:
    """Return the count of every state of the contract, 0 where there is none."""
    return {state: counts.get(state, 0) for state in contract.states}
