"""Contracts and tiny frames that tests of contracts, stores and IO managers share."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import get_args

import pandas as pd

from mlops_assets.contracts import Column, ColumnType, TableContract
from mlops_assets.partition import Partition

JANUARY, FEBRUARY, MARCH = (Partition("month", f"2024-0{month}") for month in (1, 2, 3))
COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)

READINGS = TableContract(
    domain="weather",
    name="readings",
    description="One row per reading of a thermometer.",
    columns=(
        Column("month", "date", "Month of the reading."),
        Column("reading_id", "int64", "Identifier of the reading.", minimum=1),
        Column("station_code", "string", "Where it was read.", pattern="[A-Z]{3}"),
        Column("temperature_c", "float64", "Temperature; empty if unreadable.", "degree Celsius", nullable=True),
    ),
    key=("reading_id",),
    partition_column="month",
)

EVERY_TYPE = TableContract(
    domain="weather",
    name="every_type",
    description="One row per row, one nullable column per type.",
    columns=(
        Column("month", "date", "Partition."),
        Column("row_id", "int64", "Key."),
        *(Column(f"some_{type_}", type_, f"Some {type_}.", nullable=True) for type_ in COLUMN_TYPES),
    ),
    key=("row_id",),
    partition_column="month",
)


def renamed(contract: TableContract, **former_names: str) -> TableContract:
    """Return a contract in which some columns have new names, each given with the former one."""
    names = {former: name for name, former in former_names.items()}
    return replace(
        contract,
        columns=tuple(
            replace(column, name=names[column.name], former_name=column.name) if column.name in names else column
            for column in contract.columns
        ),
        key=tuple(names.get(name, name) for name in contract.key),
    )


RENAMED_READINGS = renamed(READINGS, air_temperature_c="temperature_c")
"""The table of `READINGS` in a later release."""


def plays_by(partition_type: ColumnType) -> TableContract:
    """Return the contract of a table whose partition column is of a certain type."""
    return TableContract(
        domain="weather",
        name="plays",
        description="One row per song that was played during a reading.",
        columns=(
            Column("part", partition_type, "Hour, file or day."),
            Column("play_id", "int64", "Identifier."),
            Column("count", "int64", "How often."),
        ),
        key=("play_id",),
        partition_column="part",
    )


def first_day(month: Partition) -> date:
    """Return what the rows of a month have in their partition column."""
    return date.fromisoformat(f"{month.key}-01")


def readings(month: Partition, *temperatures_c: float | None, first_id: int = 1) -> pd.DataFrame:
    """Return one reading per temperature, with ids counting up from `first_id`."""
    return pd.DataFrame(
        {
            "month": pd.Series([first_day(month)] * len(temperatures_c), dtype=object),
            "reading_id": pd.Series(range(first_id, first_id + len(temperatures_c)), dtype="int64"),
            "station_code": pd.Series(["ABC"] * len(temperatures_c), dtype="string[pyarrow]"),
            "temperature_c": pd.Series(temperatures_c, dtype="float64"),
        }
    )


def rows_of_every_type(month: Partition = JANUARY) -> pd.DataFrame:
    """Return a row of ordinary values, one of extreme ones and one of nulls."""
    values: dict[str, list[object]] = {
        "month": [first_day(month)] * 3,
        "row_id": [1, 2, 3],
        "some_string": ["🚓 Straße\n", "", None],
        "some_int8": [1, -128, None],
        "some_int32": [1, -(2**31), None],
        "some_int64": [1, 2**63 - 1, None],
        "some_float32": [0.5, float("inf"), None],
        "some_float64": [0.1, -1e308, None],
        "some_bool": [True, False, None],
        "some_date": [date(2024, 2, 29), date(1970, 1, 1), None],
        "some_timestamp": [
            datetime(2024, 3, 10, 8, 30, 0, 123456, tzinfo=timezone.utc),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
            None,
        ],
        "some_json": ['{"a":[1,2.5,null],"ß":"\\n"}', "[]", None],
    }
    return pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in values.items()})
