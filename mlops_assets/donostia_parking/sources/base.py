"""Where snapshots come from: the protocol that the live, export and sample sources share. Plain data, cheap to import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlops_assets.tabular.export_files import ExportFile

JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"

FIRST_DATE = date(2016, 10, 1)
"""The month in which the oldest historical file begins, Birmingham's. Donostia's, and the simulated feed, begin in 2022."""


@dataclass(frozen=True)
class Snapshot:
    """One answer of a feed, exactly as it came; or the lines of a historical file that belong to one moment, below its header.

    Attributes:
        requested_at: the moment of the request, in UTC; of a historical file, the moment in its lines.
        body: the bytes.
        source_name: the address, file or object that they came from; no secrets.
        media_type: what the body is said to be; what it is, only reading shows.
    """

    requested_at: datetime
    body: bytes
    source_name: str
    media_type: str = JSON_TYPE


class ParkingSource(Protocol):
    """A feed of free spaces. Live and simulated feeds have a present, recorded and simulated ones a past."""

    def describe(self) -> str:
        """Say in a few words which source this is, for people; no secrets."""
        ...

    def fetch_snapshot(self, at: datetime) -> Snapshot:
        """Ask the feed now.

        Args:
            at: the moment of the request, by the caller's clock; with a time zone.

        Raises:
            NotEnoughDataError: the source is a historical file, which has no present.
            SourceError: the feed does not answer with JSON, or refuses.
            TransientError: the feed is busy or unreachable.
        """
        ...

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        """Yield the recorded snapshots of the half-open window `[since, until)` in order of time; none for a live feed.

        Raises:
            NotEnoughDataError: there is no historical file of the city at all.
            SourceError: a historical file cannot be read.
        """
        ...

    def available_range(self) -> tuple[datetime, datetime] | None:
        """Return the moments of the first and the last recorded snapshot; nothing for a live feed."""
        ...

    def export_files(self) -> Sequence[ExportFile]:
        """Return the files of an export, and to which days their records belong; none for any other source."""
        ...
