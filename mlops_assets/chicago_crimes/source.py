"""Where crimes come from: the protocol that the live, export and sample sources share. Plain data, cheap to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.months import Month

CRIMES_DATASET = "ijzp-q8t2"
"""The portal's dataset "Crimes - 2001 to Present"."""

STATIONS_DATASET = "z8bn-74gv"
"""The portal's dataset "Police Stations"."""

PORTAL_FIELDS = (
    "id",
    "case_number",
    "date",
    "block",
    "iucr",
    "primary_type",
    "description",
    "location_description",
    "arrest",
    "domestic",
    "beat",
    "district",
    "ward",
    "community_area",
    "fbi_code",
    "x_coordinate",
    "y_coordinate",
    "updated_on",
    "latitude",
    "longitude",
)
"""The fields of a crime, by the names of the portal's web API and in the order of its CSV files."""

STATION_FIELDS = (
    "district",
    "district_name",
    "address",
    "zip",
    "x_coordinate",
    "y_coordinate",
    "latitude",
    "longitude",
)
"""The fields of a police station that are used, by the names of the portal's web API."""


@dataclass(frozen=True)
class DamagedRecord:
    """A record that could not be split into fields.

    Attributes:
        source_name: the file or request that it came from.
        text: the record as it was.
        reason: what is wrong with it, in words.
    """

    source_name: str
    text: str
    reason: str


@dataclass(frozen=True)
class RawRecords:
    """Crimes as a source gave them: nothing typed, nothing dropped.

    Attributes:
        table: `PORTAL_FIELDS` and `source_name`, all text; a field without a value is null.
        damaged: the records that are not in `table` because they have no fields.
    """

    table: pa.Table
    damaged: tuple[DamagedRecord, ...] = ()


@dataclass(frozen=True)
class ChangedMonths:
    """What is new at a source.

    Attributes:
        months: the months of the crimes that came, changed or went since the cursor, in order.
        cursor: what to hand in next time.
    """

    months: tuple[Month, ...]
    cursor: str


class CrimeSource(Protocol):
    """A place that gives crimes by calendar month (Chicago time), and police stations."""

    def describe(self) -> str:
        """Say in a few words which source this is, for people; no secrets."""
        ...

    def read_month(self, month: Month) -> RawRecords:
        """Return every record of the month, and whatever the source cannot assign to another month.

        Raises:
            NotEnoughDataError: the source has nothing for this month.
            SourceError: the source does not answer in its documented format.
            TransientError: the source is busy or unreachable.
        """
        ...

    def available_months(self) -> list[Month]:
        """Return the months of which the source has crimes, in order; the last one may not be complete."""
        ...

    def read_stations(self) -> pa.Table:
        """Return the police stations: `STATION_FIELDS`, all text."""
        ...

    def changed_months(self, cursor: str | None) -> ChangedMonths:
        """Return the months whose records differ from those seen when `cursor` was made.

        Without a cursor, or with one that this source did not make, nothing counts as changed and the answer only carries a
        fresh cursor: switching a sensor on must not launch a run for each of 300 months. History is loaded by a backfill.
        """
        ...
