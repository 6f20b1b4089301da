"""The records that do not become crimes: collected with their reasons, returned as rows of `REJECTED_CRIMES`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlops_assets.chicago_crimes.contracts import REJECTED_CRIMES
from mlops_assets.contracts.frames import arrow_schema, to_pandas
from mlops_assets.contracts.text import text_array

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.tabular.layout import DamagedRecord


@dataclass
class RejectCollector:
    """Collects the rejects of one month; a record with several faults keeps all their reasons under the code of the first."""

    table: pa.Table
    reasons: dict[int, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, code: str, rows: np.ndarray, texts: Iterable[str]) -> None:
        """Reject the records in these rows of the table for one reason each."""
        for row, text in zip(rows.tolist(), texts, strict=True):
            self.reasons[row].append((code, text))

    def remaining(self) -> np.ndarray:
        """Return the rows that nothing was found against, in order."""
        good = np.ones(self.table.num_rows, bool)
        good[list(self.reasons)] = False
        return np.flatnonzero(good)

    def to_frame(self, damaged: Iterable[DamagedRecord]) -> pd.DataFrame:
        """Return all rejects, damaged records included, as the contract wants them."""
        rows = sorted(self.reasons)
        records = self.table.take(pa.array(rows, pa.int64())).to_pylist()
        lines = [(item.source_name, "malformed_record", item.reason, item.text) for item in damaged]
        for row, record in zip(rows, records, strict=True):
            source_name = record.pop("source_name")
            reasons = self.reasons[row]
            raw_text = json.dumps({name: text for name, text in record.items() if text}, ensure_ascii=False)
            lines.append((source_name, reasons[0][0], "; ".join(text for _, text in reasons), raw_text))
        columns = zip(*sorted(lines), strict=True) if lines else [[]] * len(REJECTED_CRIMES.columns)
        schema = arrow_schema(REJECTED_CRIMES)
        return to_pandas(pa.table([text_array(values) for values in columns], schema=schema))
