"""The description of a table: `Column` and `TableContract`. Plain data, cheap to import."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mlops_assets.errors import ContractError

ColumnType = Literal["string", "int8", "int32", "int64", "float32", "float64", "bool", "date", "timestamp", "json"]
"""`timestamp` is a moment in UTC with microseconds; `date` is a calendar day or the first day of a month; `json` is a
document as text."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: lower snake case, ending in its unit or kind (`_m`, `_pct`, `_id`, `_at`, `_date`, or beginning with `is_`).
        type: the logical type; stores translate it to their own.
        description: one sentence for someone who has never seen the table.
        unit: the unit of a quantity, where the name alone does not say enough.
        nullable: whether a row may have no value here.
        allowed: the only values the column may have, if they can be listed.
        pattern: a regular expression that a text must match whole.
        minimum: the smallest legal value, inclusive.
        maximum: the largest legal value, inclusive.
        former_name: what the column was called before; data stored under that name are read as this column.
    """

    name: str
    type: ColumnType
    description: str
    unit: str | None = None
    nullable: bool = False
    allowed: tuple[str, ...] | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    former_name: str | None = None

    def rules(self) -> list[str]:
        """Return the rules about the column's values, besides that about empty ones, as short phrases for people."""
        phrases = []
        if self.allowed is not None:
            phrases.append("one of " + ", ".join(self.allowed))
        if self.pattern is not None:
            phrases.append(f"matches {self.pattern}")
        if self.minimum is not None:
            phrases.append(f"at least {self.minimum:g}")
        if self.maximum is not None:
            phrases.append(f"at most {self.maximum:g}")
        return phrases


@dataclass(frozen=True)
class TableContract:
    """What every row of one table promises.

    Attributes:
        domain: the first part of the asset key, e.g. `chicago_crimes`.
        name: the second part, e.g. `raw_crimes`.
        description: one or two sentences: what a row is and where it comes from.
        columns: in the order in which the table stores them.
        key: the columns whose values together occur once; also the order in which a warehouse keeps the rows.
        partition_column: the column that holds the partition, for tables that live in a warehouse.
    """

    domain: str
    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    partition_column: str | None = None

    def __post_init__(self) -> None:
        names = self.column_names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ContractError(f"{self.label}: columns declared more than once: {', '.join(repeated)}")
        referenced = [*self.key, *([self.partition_column] if self.partition_column else [])]
        unknown = [name for name in referenced if name not in names]
        if unknown:
            raise ContractError(f"{self.label}: key or partition names unknown columns: {', '.join(unknown)}")
        self._require_clear_former_names()

    def _require_clear_former_names(self) -> None:
        former = [column.former_name for column in self.columns if column.former_name is not None]
        ambiguous = sorted({name for name in former if name in self.column_names or former.count(name) > 1})
        if ambiguous:
            raise ContractError(f"{self.label}: former names that mean more than one column: {', '.join(ambiguous)}")
        if self.partition_column in self.former_names.values():
            # BigQuery renames none, and the paths of the lake have it in their names.
            raise ContractError(f"{self.label}: the partition column {self.partition_column!r} cannot be renamed")

    @property
    def label(self) -> str:
        """The table's name as people and asset keys write it: `domain/name`."""
        return f"{self.domain}/{self.name}"

    @property
    def column_names(self) -> list[str]:
        """The names of all columns, in order."""
        return [column.name for column in self.columns]

    @property
    def former_names(self) -> dict[str, str]:
        """The former names of the columns that were renamed, each with today's."""
        return {column.former_name: column.name for column in self.columns if column.former_name is not None}

    def renamed_since(self, stored_names: Collection[str]) -> dict[str, str]:
        """Return which columns of stored data have their former name, each with today's.

        Args:
            stored_names: of all columns of the data.

        Raises:
            ContractError: a column is there under both names, so that nobody can tell which values count.
        """
        renamed = {former: name for former, name in self.former_names.items() if former in stored_names}
        for former, name in renamed.items():
            if name in stored_names:
                raise ContractError(
                    f"{self.label}: column {former!r} was renamed to {name!r}, but there are both; keep the values that count in "
                    f"{name!r} and drop {former!r}"
                )
        return renamed

    def column(self, name: str) -> Column:
        """Return one column by name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ContractError(f"{self.label} has no column {name!r}; it has {', '.join(self.column_names)}")

    def derive(
        self,
        name: str,
        description: str,
        *,
        added: Sequence[Column] = (),
        dropped: Sequence[str] = (),
        key: tuple[str, ...] | None = None,
    ) -> "TableContract":
        """Return the contract of a table that has this one's columns, less `dropped`, plus `added`."""
        kept = tuple(column for column in self.columns if column.name not in dropped)
        return replace(
            self,
            name=name,
            description=description,
            columns=(*kept, *added),
            key=self.key if key is None else key,
            partition_column=None if self.partition_column in dropped else self.partition_column,
        )
