"""How a table that stands in a warehouse becomes the table of today's contract, whatever the warehouse's SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_assets.contracts import Column, ColumnType, TableContract


@dataclass(frozen=True)
class Evolution:
    """What a table lacks to be that of its contract.

    Attributes:
        renamed: the columns that it has under their former name, each with today's.
        added: the columns that it has under no name.
    """

    renamed: Mapping[str, str]
    added: tuple[Column, ...]

    @property
    def is_needed(self) -> bool:
        """Whether anything must be changed."""
        return bool(self.renamed or self.added)


def evolution(present: Mapping[str, str], contract: TableContract, sql_types: Mapping[ColumnType, str]) -> Evolution:
    """Return what a table needs; a column of another type is an error, never a conversion.

    Args:
        present: name and type of the columns that the table has; none if there is no table.
        contract: of the table.
        sql_types: what the warehouse calls the types.

    Raises:
        ContractError: a column has another type, or is there under both its names.
    """
    renamed = contract.renamed_since(present)
    types = {renamed.get(name, name): type_ for name, type_ in present.items()}
    for column in contract.columns:
        wanted = sql_types[column.type]
        if types.get(column.name, wanted) != wanted:
            raise ContractError(
                f"{contract.label}: column {column.name!r} is {types[column.name]} in the warehouse but {wanted} in the contract; "
                "give the column another name or migrate the table"
            )
    return Evolution(renamed, tuple(column for column in contract.columns if column.name not in types))


def stored_names(present: Iterable[str], contract: TableContract) -> dict[Column, str]:
    """Return the columns of a contract that a table has, each with its name there, which may be the former one.

    Args:
        present: the names of the columns that the table has.
        contract: of the table.

    Raises:
        ContractError: a column is there under both its names.
    """
    names = set(present)
    former = {name: former for former, name in contract.renamed_since(names).items()}
    stored = {column: former.get(column.name, column.name) for column in contract.columns}
    return {column: name for column, name in stored.items() if name in names}
