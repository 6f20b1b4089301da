"""Crimes straight from the city's open-data portal, through sodapy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlops_assets.chicago_crimes.sources.base import (
    CRIMES_DATASET,
    PORTAL_FIELDS,
    REQUIRED_FIELDS,
    STATION_FIELDS,
    STATIONS_DATASET,
    ChangedMonths,
    RawRecords,
)
from mlops_assets.chicago_crimes.sources.landing import LandedPages
from mlops_assets.chicago_crimes.sources.portal_client import PortalQuery, open_portal
from mlops_assets.contracts.text import text_array
from mlops_assets.errors import NotEnoughDataError, SourceError, TransientError
from mlops_assets.months import Month, months_from

if TYPE_CHECKING:
    from sodapy import Socrata

    from mlops_assets.http import RetryPolicy

__all__ = ["LiveCrimeSource", "open_portal"]

_DRIFT_ROWS = 1_000
"""In a month of more rows than this, a required field that no record has is not chance: the portal has renamed or dropped it."""

_CURSOR = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?"


class LiveCrimeSource:
    """Crimes and police stations from the portal's web API."""

    def __init__(
        self,
        client: Socrata,
        pages: LandedPages,
        *,
        page_rows: int = 50_000,
        retries: RetryPolicy | None = None,
    ) -> None:
        """Read through a client.

        Args:
            client: from `open_portal`.
            pages: where the months land before they are parsed.
            page_rows: records asked for at a time.
            retries: how often a request is made; six times, over minutes, if None.
        """
        self._host = f"{client.uri_prefix}{client.domain}"
        self._pages = pages
        self._page_rows = page_rows
        self._query = PortalQuery(client, retries)

    def describe(self) -> str:
        """Say which portal is asked."""
        return f"portal {self._host} (datasets {CRIMES_DATASET} and {STATIONS_DATASET})"

    def read_month(self, month: Month) -> RawRecords:
        """Land the records of a month and return them; see `CrimeSource`.

        The number of records is compared with the portal's own count, and no identifier should occur twice. Records may come or go
        while the pages are fetched, so a difference is tried once more from the start. If the same identifiers occur twice again,
        that is the portal's own mistake, which time does not cure: all records are given, and of these versions of a crime the
        newest will be kept.
        """
        requested_at = self._pages.now()
        records = self._request(month)
        if not records:
            raise NotEnoughDataError(f"crimes of {month}: {self._host} has none")
        return self._landed(month, self._pages.land(month, records, requested_at))

    def replay_month(self, month: Month) -> RawRecords:
        """Return the records of the latest complete request for a month; see `CrimeSource`."""
        return self._landed(month, self._pages.newest(month))

    def _landed(self, month: Month, name: str) -> RawRecords:
        records = self._pages.read(name)
        self._require_all_fields(f"crimes of {month}", records)
        table = _as_table(records, PORTAL_FIELDS)
        table = table.append_column("source_name", pa.repeat(f"{self._host}/d/{CRIMES_DATASET}", len(table)))
        return RawRecords(table, landed_uri=self._pages.landing.uri_of(name))

    def _request(self, month: Month) -> list[dict[str, Any]]:
        """Return all records of a month as the portal gives them."""
        what = f"crimes of {month}"
        first = self._read_counted(what, month)
        records = first if first.is_complete else self._read_counted(what, month)
        if not (records.is_complete or records.repeats(first)):
            raise TransientError(
                f"{what}: on two attempts {self._host} returned a different number of records than its count, or other ones twice; "
                "try again later"
            )
        return records.of_month

    def _read_counted(self, what: str, month: Month) -> _Reading:
        """Read the records of a month, and how many the portal counts."""
        where = f"date >= '{month.first_day}T00:00:00' and date < '{month.plus(1).first_day}T00:00:00'"
        expected = self._count(what, where)
        records: list[dict[str, Any]] = []
        while len(records) < expected:
            page = self._query(
                what,
                CRIMES_DATASET,
                select=",".join(PORTAL_FIELDS),
                where=where,
                order=":id",
                limit=self._page_rows,
                offset=len(records),
            )
            if not page:
                break
            records += page
        return _Reading(records, expected)

    def _count(self, what: str, where: str) -> int:
        answer = self._query(what, CRIMES_DATASET, select="count(*) as crimes", where=where)
        return int(_value(what, answer, "crimes"))

    def _require_all_fields(self, what: str, records: Sequence[dict[str, Any]]) -> None:
        if len(records) <= _DRIFT_ROWS:
            return
        seen = set().union(*records)
        missing = [name for name in PORTAL_FIELDS if name in REQUIRED_FIELDS and name not in seen]
        if missing:
            raise SourceError(
                f"{what}: not one of {len(records)} records from {self._host} has {', '.join(missing)}; "
                f"dataset {CRIMES_DATASET} has changed its columns"
            )

    def read_stations(self) -> pa.Table:
        """Return the police stations; see `CrimeSource`."""
        what = "police stations"
        records = self._query(what, STATIONS_DATASET, select=",".join(STATION_FIELDS), order=":id", limit=self._page_rows)
        if not records:
            raise SourceError(f"{what}: dataset {STATIONS_DATASET} at {self._host} is empty")
        return _as_table(records, STATION_FIELDS)

    def available_months(self) -> list[Month]:
        """Return the months from the portal's first crime to its newest; see `CrimeSource`."""
        what = "months with crimes"
        answer = self._query(what, CRIMES_DATASET, select="min(date) as first, max(date) as last")
        first, last = (Month.parse(str(_value(what, answer, name))[:7]) for name in ("first", "last"))
        return list(months_from(first, last))

    def export_files(self) -> tuple[()]:
        """Return nothing: the portal has no files."""
        return ()

    def changed_months(self, cursor: str | None) -> ChangedMonths:
        """Return the months of the records updated since the cursor, which is the newest `updated_on` seen; see `CrimeSource`."""
        what = "months with changed crimes"
        if cursor is None or not re.fullmatch(_CURSOR, cursor):
            answer = self._query(what, CRIMES_DATASET, select="max(updated_on) as newest")
            return ChangedMonths((), str(_value(what, answer, "newest")))
        groups = self._query(
            what,
            CRIMES_DATASET,
            select="date_trunc_ym(date) as month, count(*) as crimes, max(updated_on) as newest",
            where=f"updated_on > '{cursor}'",
            group="month",
            order="month",
            limit=self._page_rows,
        )
        months = sorted({Month.parse(str(group["month"])[:7]) for group in groups if group.get("month")})
        return ChangedMonths(tuple(months), max([cursor, *(str(_value(what, [group], "newest")) for group in groups)]))


@dataclass(frozen=True)
class _Reading:
    """The records of a month as they were read page by page.

    Attributes:
        of_month: the records.
        expected: how many the portal counted before.
    """

    of_month: list[dict[str, Any]]
    expected: int

    @property
    def is_complete(self) -> bool:
        """Whether these are as many records as the portal counts, each of another identifier."""
        return len(self.of_month) == self.expected and not self._repeated

    def repeats(self, other: _Reading) -> bool:
        """Tell whether these are as many records as the portal counts, and those of another reading occur twice."""
        return len(self.of_month) == self.expected and self._repeated == other._repeated

    @property
    def _repeated(self) -> dict[str | None, int]:
        counts = Counter(_as_text(record["id"]) for record in self.of_month if record.get("id") is not None)
        return {identifier: count for identifier, count in counts.items() if count > 1}


def _value(what: str, answer: Sequence[dict[str, Any]], name: str) -> Any:
    """Return the one value of an aggregating query."""
    if len(answer) != 1 or name not in answer[0]:
        raise SourceError(f"{what}: the portal's answer to an aggregating query has no {name!r}: {str(answer)[:200]}")
    return answer[0][name]


def _as_table(records: Sequence[dict[str, Any]], fields: Sequence[str]) -> pa.Table:
    """Return records as text; the portal leaves out a field without a value, and gives flags as JSON booleans."""
    return pa.table({name: text_array(_as_text(record.get(name)) for record in records) for name in fields})


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
