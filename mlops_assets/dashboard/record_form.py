"""A form for one raw record, made from the contract of a model's inputs that serving publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

WHOLE_NUMBERS = ("int8", "int32", "int64")
NUMBERS = (*WHOLE_NUMBERS, "float32", "float64")
_FIRST = ("danceability", "energy", "acousticness", "speechiness")
"""What people know of a song; everything else comes after it."""
_EXAMPLE_TIME = "2024-01-31T13:45:00Z"


def ordered(columns: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the columns in the order of the form: the ones that people know, the ones that must be there, the others."""
    rank = {name: position for position, name in enumerate(_FIRST)}
    return sorted(columns, key=lambda column: (rank.get(column["name"], len(rank)), column["is_optional"]))


def default(column: Mapping[str, Any]) -> Any:
    """Return what a field holds at first: the middle for a number that must be there, nothing if it need not be."""
    if column["type"] not in NUMBERS or (column["is_optional"] and column["name"] not in _FIRST):
        return None
    low, high = column.get("minimum"), column.get("maximum")
    middle = (low + high) / 2 if low is not None and high is not None else low or 0
    return int(middle) if column["type"] in WHOLE_NUMBERS else float(middle)


def record_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that a form describes; what was left empty is left out."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def show_fields(columns: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Show a field for each column, and return what they hold."""
    values, rest = {}, ordered(columns)
    # Row by row: on a narrow screen, where one field is below the other, they keep their order.
    while rest:
        for place, column in zip(st.columns(2), rest[:2], strict=False):
            with place:
                values[column["name"]] = _show_field(column)
        rest = rest[2:]
    return record_of(values)


def _show_field(column: Mapping[str, Any]) -> Any:
    unit = f" ({column['unit']})" if column.get("unit") else ""
    label, text = f"{column['name']}{unit}", column.get("description")
    if column["type"] in NUMBERS:
        as_type = int if column["type"] in WHOLE_NUMBERS else float
        low, high = (None if (limit := column.get(name)) is None else as_type(limit) for name in ("minimum", "maximum"))
        is_share = (low, high) == (0, 1) and as_type is float
        step = 0.01 if is_share else as_type(1)
        return st.number_input(label, low, high, default(column), step=step, help=text, placeholder="unknown")
    if column["type"] == "bool" or column.get("allowed"):
        choices = column.get("allowed") or [True, False]
        return st.selectbox(label, choices, None if column["is_optional"] else 0, help=text, placeholder="unknown")
    example = _EXAMPLE_TIME if column["type"] == "timestamp" else ""
    return st.text_input(label, "" if column["is_optional"] else example, help=text, placeholder=example or "unknown")
