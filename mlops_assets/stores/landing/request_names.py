"""Names of answers to requests. A name says when the request was made and what came, so landing twice is landing once.

`city=donostia/utc_date=2025-10-09/215854.123456Z-1f0c9a52.json` was requested at 21:58:54.123456 UTC; the last part is the
beginning of the content's SHA-256. Two answers of one moment, as overlapping recordings give them, are two objects: nothing that
landed is ever overwritten, and a source that repeats itself shows in a listing as a repeated ending. The order of the names is
the order of the requests. Folders hold an hour, a day or a month of UTC:

    utc_date=2025-10-09/utc_hour=21/5854.123456Z-1f0c9a52.json
    utc_date=2025-10-09/215854.123456Z-1f0c9a52.json
    utc_month=2025-10/09T215854.123456Z-1f0c9a52.json
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mlops_assets.stores.landing.objects import Landing

FolderPeriod = Literal["hour", "day", "month"]

_FORMATS: dict[FolderPeriod, tuple[str, str]] = {
    "hour": ("utc_date={0:%Y-%m-%d}/utc_hour={0:%H}/", "{0:%M%S.%f}"),
    "day": ("utc_date={0:%Y-%m-%d}/", "{0:%H%M%S.%f}"),
    "month": ("utc_month={0:%Y-%m}/", "{0:%dT%H%M%S.%f}"),
}
"""By what a folder holds: the folder, and how a name in it begins."""

_FOLDER = re.compile(r"(?:.+/)?(?:utc_month=(\d{4})-(\d{2})|utc_date=(\d{4})-(\d{2})-(\d{2})(?:/utc_hour=(\d{2}))?)/", re.ASCII)
_ENDING = r"(\d{2})(\d{2})\.(\d{6})Z-[0-9a-f]{8}\.[a-z0-9]+(?:\.gz)?"
_NAMES = [
    re.compile(rf"(?:.+/)?{folder}{_ENDING}", re.ASCII)
    for folder in (
        r"utc_date=(\d{4})-(\d{2})-(\d{2})/(\d{2})",
        r"utc_month=(\d{4})-(\d{2})/(\d{2})T(\d{2})",
        r"utc_date=(\d{4})-(\d{2})-(\d{2})/utc_hour=(\d{2})/",
    )
]
"""The groups are year, month, day, hour, minute, second and microsecond. What most landings use comes first."""


@dataclass(frozen=True)
class RequestNames:
    """The names of the answers that one series of requests gets.

    Attributes:
        series: what the names begin with, such as `city=donostia/`; empty if an asset has one series only.
        per: which time one folder holds. Choose it so that a folder holds some hundreds of objects: it is what a reader lists.
    """

    series: str = ""
    per: FolderPeriod = "day"

    def name(self, requested_at: datetime, content: bytes, extension: str) -> str:
        """Return the name under which an answer lands.

        Args:
            requested_at: with a time zone.
            content: the answer.
            extension: without a dot in front, such as `json` or `json.gz`.
        """
        moment = requested_at.astimezone(timezone.utc)
        time, digest = _FORMATS[self.per][1].format(moment), hashlib.sha256(content).hexdigest()[:8]
        return f"{self.folder(moment)}{time}Z-{digest}.{extension}"

    def folder(self, moment: datetime) -> str:
        """Return the folder of the requests of a moment, with its `/`."""
        return self.series + _FORMATS[self.per][0].format(moment.astimezone(timezone.utc))

    def folders(self, start: datetime, end: datetime) -> list[str]:
        """Return the folders, in order, of the requests of a half-open window."""
        folders = []
        moment = start.astimezone(timezone.utc)
        while moment < end:
            folders.append(self.folder(moment))
            moment = _next_period(moment, self.per)
        return folders

    def names_between(self, landing: Landing, start: datetime, end: datetime) -> list[str]:
        """Return the names, in order, of the answers that landed for the requests of a half-open window.

        Only the folders of the window are listed. Names of anything else are passed over.
        """
        names = landing.names_in(self.folders(start, end))
        return [name for name in names if (moment := requested_at(name)) is not None and start <= moment < end]


def requested_at(name: str) -> datetime | None:
    """Return when the request of a landed answer was made, in UTC; None if the name is that of something else."""
    for pattern in _NAMES:
        if found := pattern.fullmatch(name):
            return _moment(*found.groups())
    return None


def folder_end(folder: str) -> datetime | None:
    """Return the end, exclusive and in UTC, of the time whose requests a folder holds; None for another kind of folder."""
    found = _FOLDER.fullmatch(folder)
    if found is None:
        return None
    year_of_month, month, year, month_of_day, day, hour = found.groups()
    if year_of_month is not None:
        return _end(_moment(year_of_month, month), "month")
    if hour is None:
        return _end(_moment(year, month_of_day, day), "day")
    return _end(_moment(year, month_of_day, day, hour), "hour")


def _moment(
    year: str, month: str, day: str = "1", hour: str = "0", minute: str = "0", second: str = "0", microsecond: str = "0"
) -> datetime | None:
    try:
        return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), int(microsecond), tzinfo=timezone.utc)
    except ValueError:
        return None


def _end(start: datetime | None, period: FolderPeriod) -> datetime | None:
    return None if start is None else _next_period(start, period)


def _next_period(moment: datetime, period: FolderPeriod) -> datetime:
    """Return the start of the hour, day or month after the one of a moment in UTC."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return hour + timedelta(hours=1)
    day = hour.replace(hour=0)
    if period == "day":
        return day + timedelta(days=1)
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
