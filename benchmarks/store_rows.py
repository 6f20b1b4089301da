"""The rows that stores are measured with: one partition of a year, and the same rows as twelve partitions of a month."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.frames import arrow_schema, to_arrow, to_pandas
from mlops_assets.months import Month, months_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd
    import pyarrow as pa

FIRST_MONTH = Month(2024, 1)
_SEED = 17
_TYPES = tuple(f"KIND OF CRIME {number}" for number in range(31))
_PLACES = tuple(f"PLACE OF SOME KIND {number}" for number in range(130))
_MISSING_SHARE = 0.02

CONTRACT = TableContract(
    domain="bench",
    name="scored_crimes",
    description="Rows like those of `enriched_crimes` and `arrest_predictions` together.",
    columns=(
        Column("month", "date", "First day of the month."),
        Column("crime_id", "int64", "Identifier."),
        Column("case_number", "string", "Number of the police, another one in each row."),
        Column("occurred_at", "timestamp", "When it happened, in the month."),
        Column("primary_type", "string", "One of 31 texts."),
        Column("location_description", "string", "One of 130 texts.", nullable=True),
        Column("district_code", "string", "One of 22 codes."),
        Column("is_arrest", "bool", "True in a quarter of the rows."),
        Column("local_hour", "int8", "0 to 23."),
        Column("latitude_deg", "float64", "Latitude.", nullable=True),
        Column("longitude_deg", "float64", "Longitude.", nullable=True),
        Column("arrest_probability", "float64", "0 to 1."),
        Column("model_run_id", "string", "The same in all rows of a month."),
    ),
    key=("crime_id",),
    partition_column="month",
)


@dataclass(frozen=True)
class Partition:
    """The rows of one month, in pandas, as assets return them, and in Arrow, as the lake takes them."""

    month: Month
    frame: pd.DataFrame
    table: pa.Table

    @property
    def key(self) -> str:
        """The partition key, `2024-01`."""
        return self.month.key

    @property
    def day(self) -> date:
        """The value of the partition column."""
        return self.month.first_day


@dataclass(frozen=True)
class Workload:
    """A table in some partitions.

    Attributes:
        label: how the partitions are called in reports.
        contract: the table; its name tells workloads apart.
        partitions: in order.
    """

    label: str
    contract: TableContract
    partitions: tuple[Partition, ...]

    def contract_in(self, domain: str) -> TableContract:
        """Return the contract of the same table in another domain."""
        return replace(self.contract, domain=domain)

    @property
    def days(self) -> list[date]:
        """The values of the partition column."""
        return [partition.day for partition in self.partitions]

    @cached_property
    def _rows(self) -> pa.Table:
        import pyarrow as pa

        return pa.concat_tables(partition.table for partition in self.partitions)

    def require_same(self, found: pa.Table | pd.DataFrame, who: str) -> None:
        """Refuse rows that are not exactly those of the workload: another number, other values or another order."""
        import pyarrow as pa

        table = found if isinstance(found, pa.Table) else to_arrow(found, self.contract)
        if not table.equals(self._rows):
            raise ValueError(f"{who} returned other rows for {self.label}: {table.num_rows} of {self._rows.num_rows} expected")


def make_workloads(rows: int) -> list[Workload]:
    """Return so many rows as one partition, and as twelve with a twelfth of them each."""
    months = list(months_from(FIRST_MONTH, FIRST_MONTH.plus(11)))
    return [
        _workload(_count(rows), "in_one", [FIRST_MONTH], rows),
        _workload(f"12 x {_count(rows // 12)}", "in_twelve", months, rows // 12),
    ]


def _workload(label: str, name: str, months: list[Month], rows_each: int) -> Workload:
    return Workload(label, CONTRACT.derive(name, CONTRACT.description), tuple(_partitions(months, rows_each)))


def _partitions(months: list[Month], rows_each: int) -> Iterator[Partition]:
    import numpy as np

    random = np.random.default_rng(_SEED)
    for position, month in enumerate(months):
        table = _rows_of(month, random, rows_each, first_id=13_000_000 + position * rows_each)
        yield Partition(month, to_pandas(table), table)


def _rows_of(month: Month, random: np.random.Generator, count: int, first_id: int) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    ids = np.arange(first_id, first_id + count)
    begin, end = month.window("UTC")
    seconds = random.integers(0, (end - begin) // timedelta(seconds=1), count)
    is_missing = random.random(count) < _MISSING_SHARE
    values = {
        "month": pa.repeat(month.first_day, count),
        "crime_id": ids,
        "case_number": [f"JH{number % 10_000_000:07}" for number in ids],
        "occurred_at": np.datetime64(month.first_day.isoformat(), "us") + seconds.astype("timedelta64[s]"),
        "primary_type": random.choice(_TYPES, count),
        "location_description": pa.array(random.choice(_PLACES, count), mask=random.random(count) < _MISSING_SHARE),
        "district_code": [f"{number:03}" for number in random.integers(1, 23, count)],
        "is_arrest": random.random(count) < 0.25,
        "local_hour": random.integers(0, 24, count),
        "latitude_deg": pa.array(random.normal(41.84, 0.09, count), mask=is_missing),
        "longitude_deg": pa.array(random.normal(-87.67, 0.06, count), mask=is_missing),
        "arrest_probability": random.random(count),
        "model_run_id": pa.repeat(f"{month.month:032x}", count),
    }
    schema = arrow_schema(CONTRACT)
    return pa.table([pa.array(values[field.name]).cast(field.type) for field in schema], schema=schema)


def _count(rows: int) -> str:
    return f"{rows / 1_000:.0f} k" if rows >= 1_000 else str(rows)
