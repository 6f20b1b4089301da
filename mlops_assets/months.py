"""Calendar months: the partitions of monthly assets, and their windows in UTC."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

from mlops_assets.errors import PermanentError
from mlops_assets.partition import Partition

_KEY = re.compile(r"(?!0000)(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")
"""Exactly one way to write a month: `2024-1` beside `2024-01` would be two partitions."""


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month, written `YYYY-MM`."""

    year: int
    month: int

    @classmethod
    def parse(cls, key: str) -> "Month":
        """Return the month that a partition key such as `2024-01` names."""
        written = _KEY.fullmatch(key)
        if not written:
            raise PermanentError(f"{key!r} is not a month; write it as YYYY-MM, for example 2024-01")
        return cls(int(written["year"]), int(written["month"]))

    @classmethod
    def of(cls, moment: datetime, zone: str) -> "Month":
        """Return the month in which a moment lies, as calendars in `zone` show it."""
        local = moment.astimezone(ZoneInfo(zone))
        return cls(local.year, local.month)

    @property
    def key(self) -> str:
        """The month as a partition key."""
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def partition(self) -> Partition:
        """The month as stores know it."""
        return Partition("month", self.key)

    @property
    def first_day(self) -> date:
        """The first day of the month."""
        return date(self.year, self.month, 1)

    def plus(self, months: int) -> "Month":
        """Return the month that lies this many months later, or earlier if negative."""
        index = self.year * 12 + (self.month - 1) + months
        return Month(index // 12, index % 12 + 1)

    def window(self, zone: str) -> tuple[datetime, datetime]:
        """Return the half-open UTC window `[start, end)` of the month as clocks in `zone` show it."""
        return _local_midnight(self.first_day, zone), _local_midnight(self.plus(1).first_day, zone)

    def __str__(self) -> str:
        return self.key


def months_from(first: Month, last: Month) -> Iterator[Month]:
    """Yield every month from `first` to `last`, both included."""
    month = first
    while month <= last:
        yield month
        month = month.plus(1)


def _local_midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)
