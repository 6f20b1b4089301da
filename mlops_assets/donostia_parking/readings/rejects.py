"""The records and snapshots that do not become readings: collected with their reasons, returned as rows of `REJECTED_READINGS`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.contracts.frames import arrow_schema, to_pandas
from mlops_assets.contracts.text import text_array
from mlops_assets.donostia_parking.contracts import REJECTED_READINGS
from mlops_assets.donostia_parking.sources.bodies import excerpt, record_texts_of

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.readings.parsing import Problem


@dataclass
class RejectCollector:
    """Collects the rejects of one day. The text of a record is looked up in its snapshot again, for rejects are rare."""

    city: City
    rows: list[tuple[datetime, str, str, str, str, str | None, str | None]] = field(default_factory=list)
    texts: dict[bytes, list[str]] = field(default_factory=dict)

    def add(self, problem: Problem) -> None:
        """Reject a record of a snapshot, or a snapshot that has no records."""
        snapshot, position, car_park = problem.snapshot, problem.position, problem.car_park
        text = excerpt(snapshot.body) if position is None else self._texts_of(snapshot.body)[position]
        of_whom = (car_park.car_park_id, car_park.car_park_name) if car_park else (None, None)
        self.rows.append((snapshot.requested_at, snapshot.source_name, problem.code, problem.reason, text, *of_whom))

    def _texts_of(self, body: bytes) -> list[str]:
        if body not in self.texts:
            self.texts[body] = record_texts_of(body, self.city)
        return self.texts[body]

    def to_frame(self) -> pd.DataFrame:
        """Return all rejects as the contract wants them, in an order that does not depend on that of the snapshots."""
        schema = arrow_schema(REJECTED_READINGS)
        rows = sorted(self.rows, key=lambda row: row[:-2])
        moments, *texts = zip(*rows, strict=True) if rows else [[]] * len(schema)
        return to_pandas(pa.table([pa.array(list(moments), schema.types[0]), *map(text_array, texts)], schema=schema))
