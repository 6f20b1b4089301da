"""The months of the records in a portal file: read from the date, or else from what is left of it and from the neighbours.

A record must lie in some month, or nobody would ever see that it was rejected. A date that cannot be read, or that lies outside the
months possible, says nothing; such a record has the month of the dated record before it in the file, and at the beginning of the
file that of the first one behind it. A damaged line has the month of the first possible date in it, and else its neighbour's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.chicago_crimes.sources.portal_tables import dates_in
from mlops_assets.chicago_crimes.sources.portal_values import clean_text, read_times
from mlops_assets.months import Month
from mlops_assets.tabular.kinds import Table
from mlops_assets.tabular.layout import DamagedRecord

UNDATED = -1
"""Stands for no month."""


@dataclass
class MonthsOfRecords:
    """Tells the months of a file's records, which are handed to it in the order of the file.

    Months are numbers: those since the year 0; see `number_of` and `month_of`.

    Attributes:
        table: what the file holds.
        possible: the first and the last month that a crime of the file can lie in.
        first: the month of the first dated record, for those before it; `UNDATED` while that is to be found out.
    """

    table: Table
    possible: tuple[Month, Month]
    first: int = UNDATED
    _seen: list[np.ndarray] = field(default_factory=list)

    def of_records(self, dates: pa.Array) -> np.ndarray:
        """Return the month of each record, from the texts of their dates.

        It is `UNDATED`, and that of `first` in the end, for records handed in while no date has been met.
        """
        months = self._read(clean_text(dates))
        is_dated = months != UNDATED
        if self.first == UNDATED and is_dated.any():
            self.first = int(months[is_dated.argmax()])
        before = self._seen[-1][-1] if self._seen else self.first
        if not is_dated.all():
            newest_dated = np.maximum.accumulate(np.where(is_dated, np.arange(len(months)), -1))
            months = np.where(newest_dated >= 0, months[newest_dated], before)
        if len(months):
            self._seen.append(months.astype(np.int16))
        return months

    def of_damaged(self, records: Sequence[DamagedRecord]) -> list[int]:
        """Return the month of each damaged record of the file, after all others have been handed in."""
        dates = [dates_in(record.text, self.table) for record in records]
        read = self._read(pa.array([text for texts in dates for text in texts], pa.string()))
        seen = np.concatenate([np.array([self.first], np.int16), *self._seen])
        months, start = [], 0
        for record, texts in zip(records, dates, strict=True):
            found = read[start : start + len(texts)]
            start += len(texts)
            possible = found[found != UNDATED]
            months.append(int(possible[0] if len(possible) else seen[record.position]))
        return months

    def _read(self, dates: pa.Array) -> np.ndarray:
        times = read_times(dates)
        months = times.to_numpy(zero_copy_only=False).astype("datetime64[M]").astype(np.int64) + 1970 * 12
        first, last = map(number_of, self.possible)
        return np.where(np.asarray(pc.is_null(times)) | (months < first) | (months > last), UNDATED, months)


def number_of(month: Month) -> int:
    """Return the number of a month."""
    return month.year * 12 + month.month - 1


def month_of(number: int) -> Month:
    """Return the month of a number."""
    return Month(number // 12, number % 12 + 1)
