"""Scalars that GraphQL does not have, and the type of each type of column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

if TYPE_CHECKING:
    from mlops_assets.contracts import ColumnType


Whole = NewType("Whole", int)
Time = NewType("Time", str)
Day = NewType("Day", str)

SCALARS: dict[object, ScalarDefinition] = {
    Whole: strawberry.scalar(name="Whole", description="A whole number of up to 64 bits.", parse_value=lambda value: value),
    Time: strawberry.scalar(
        name="Time",
        description="A time with its distance from UTC, as 2024-01-31T13:45:00-06:00 or 2024-01-31T19:45:00Z.",
        parse_value=lambda value: value,
    ),
    Day: strawberry.scalar(name="Day", description="A day, as 2024-01-31.", parse_value=lambda value: value),
}
"""What GraphQL has no type for. The values pass as they are: the reader of records decides, as in every protocol."""

KINDS: Mapping[ColumnType, Any] = {
    "string": str,
    "json": str,
    "bool": bool,
    "int8": Whole,
    "int32": Whole,
    "int64": Whole,
    "float32": float,
    "float64": float,
    "timestamp": Time,
    "date": Day,
}
