"""The records and snapshots that do not become readings, with their reasons, as rows of `REJECTED_READINGS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.contracts.frames import arrow_schema, to_pandas
from mlops_assets.contracts.text import text_array
from mlops_assets.donostia_parking.contracts import REJECTED_READINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from mlops_assets.donostia_parking.readings.parsing import Problem


def as_rejects(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return problems as the contract wants them, in an order that does not depend on that of the snapshots."""
    schema = arrow_schema(REJECTED_READINGS)
    rows = sorted((_row(problem) for problem in problems), key=lambda row: row[:-2])
    moments, *texts = zip(*rows, strict=True) if rows else [[]] * len(schema)
    return to_pandas(pa.table([pa.array(list(moments), schema.types[0]), *map(text_array, texts)], schema=schema))


def _row(problem: Problem) -> tuple[object, ...]:
    snapshot, car_park = problem.snapshot, problem.car_park
    of_whom = (car_park.car_park_id, car_park.car_park_name) if car_park else (None, None)
    return (snapshot.requested_at, snapshot.source_name, problem.code, problem.reason, problem.text, *of_whom)
