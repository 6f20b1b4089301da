"""Calendar days in a time zone: the partitions of this domain, their windows in UTC and their 23, 24 or 25 hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from mlops_assets.errors import PermanentError
from mlops_assets.partition import Partition

_KEY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class LocalDay:
    """A calendar day as clocks in `zone` show it, written `YYYY-MM-DD`."""

    date: date
    zone: str

    @classmethod
    def parse(cls, key: str, zone: str) -> LocalDay:
        """Return the day that a partition key such as `2022-03-27` names."""
        try:
            if not _KEY.fullmatch(key):
                raise ValueError
            return cls(date.fromisoformat(key), zone)
        except ValueError as error:
            raise PermanentError(f"{key!r} is not a day; write it as YYYY-MM-DD, for example 2022-03-27") from error

    @classmethod
    def of(cls, moment: datetime, zone: str) -> LocalDay:
        """Return the day in which a moment lies."""
        return cls(moment.astimezone(ZoneInfo(zone)).date(), zone)

    @property
    def key(self) -> str:
        """The day as a partition key."""
        return self.date.isoformat()

    @property
    def partition(self) -> Partition:
        """The day as stores know it."""
        return Partition("day", self.key)

    @property
    def start(self) -> datetime:
        """The first moment of the day, in UTC."""
        return _local_midnight(self.date, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment of the next day, in UTC."""
        return _local_midnight(self.date + timedelta(days=1), self.zone)

    def hours(self) -> list[datetime]:
        """Return the beginnings of the day's hours, in UTC: 24 of them, or 23 or 25 when the clocks change."""
        return [self.start + _HOUR * number for number in range((self.end - self.start) // _HOUR)]

    def plus(self, days: int) -> LocalDay:
        """Return the day that lies this many days later, or earlier if negative."""
        return LocalDay(self.date + timedelta(days=days), self.zone)

    def __str__(self) -> str:
        return self.key


def _local_midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)


def issued_at(day: LocalDay, now: datetime) -> datetime:
    """Return when forecasts of a day are made: at its end, or at the last full hour of a day that is not over."""
    return min(day.end, now.replace(minute=0, second=0, microsecond=0))
