"""Where crimes come from: the protocol that the live, export and sample sources share. Plain data, cheap to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlops_assets.months import Month
from mlops_assets.tabular.layout import DamagedRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from mlops_assets.tabular.export_files import ExportFile

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

REQUIRED_FIELDS = frozenset({"id", "date", "iucr", "primary_type", "arrest", "domestic"})
"""The fields without which there is no crime. Any other may be missing, in a record and in a whole file."""

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

REQUIRED_STATION_FIELDS = frozenset({"district", "district_name"})
"""The fields without which there is no station. Of both pairs of coordinates one is enough; older files have only degrees."""

FIRST_MONTH = Month(2001, 1)
"""The first month in the portal's dataset: whatever is dated earlier is a typing error."""


@dataclass(frozen=True)
class RawRecords:
    """Crimes as a source gave them: nothing typed, nothing dropped.

    Attributes:
        table: `PORTAL_FIELDS` and `source_name`, all text; a field without a value is null.
        damaged: the records that are not in `table` because they could not be split into fields.
        landed_uri: where the source keeps these records as they came; None if it is a file that stays, or can be drawn again.
    """

    table: pa.Table
    damaged: tuple[DamagedRecord, ...] = ()
    landed_uri: str | None = None


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
        """Return every record of the month, those included that only their place in a file assigns to it.

        Raises:
            NotEnoughDataError: the source has nothing for this month.
            SourceError: the source does not answer in its documented format.
            TransientError: the source is busy or unreachable.
        """
        ...

    def replay_month(self, month: Month) -> RawRecords:
        """Return the records that the source gave when the month was last read, without asking it again.

        What only a portal can change stays as it landed; an export or a simulated city is read, for nothing is asked there.

        Raises:
            NotEnoughDataError: nothing has landed for this month, or the source has nothing for it.
            SourceError: what landed is not in the documented format.
        """
        ...

    def available_months(self) -> list[Month]:
        """Return the months of which the source has crimes, in order; the last one may not be complete."""
        ...

    def read_stations(self) -> pa.Table:
        """Return the police stations: `STATION_FIELDS`, all text."""
        ...

    def export_files(self) -> Sequence[ExportFile]:
        """Return the files of an export, and to which months their records belong; none for any other source."""
        ...

    def changed_months(self, cursor: str | None) -> ChangedMonths:
        """Return the months whose records differ from those seen when `cursor` was made.

        Without a cursor, or with one that this source did not make, nothing counts as changed and the answer only carries a
        fresh cursor: switching a sensor on must not launch a run for each of 300 months. History is loaded by a backfill.
        """
        ...
