"""A simulated portal: crimes of an imaginary city, as text and with the quirks of the real one. Needs no network and no files."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.chicago_crimes.sources.base import FIRST_MONTH, PORTAL_FIELDS, STATION_FIELDS, ChangedMonths, RawRecords
from mlops_assets.chicago_crimes.sources.simulator.city import City, build_city
from mlops_assets.chicago_crimes.sources.simulator.export import write_crimes, write_stations
from mlops_assets.chicago_crimes.sources.simulator.month import LONGEST_DELAY_DAYS, MonthOfCrimes, draw_month
from mlops_assets.errors import NotEnoughDataError, SettingsError
from mlops_assets.months import Month, months_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_TREND_ORIGIN = Month(2023, 1)

_PUBLISHED_AT_SECOND = (15 * 60 + 50) * 60 + 1
"""The portal publishes once a day, at 15:50:01 local time."""

_CURSOR = r"sample until (\d{4}-\d{2}-\d{2})"
_QUIRKS = (
    ("date", 0.0001, "02/30/2023 25:61:00 PM"),
    ("iucr", 0.0001, "UNKNOWN"),
    ("arrest", 0.0001, "pending"),
    ("community_area", 0.0002, "0"),
    ("ward", 0.00002, None),
)
"""Field, share of records, and what it says there instead; the first three cannot be read."""


class SampleCrimeSource:
    """Crimes of an imaginary city, in the portal's layout.

    Each month follows from the seed alone, independently of the others, and is the same bytes each time. What is visible follows
    from `as_of`: a crime appears the afternoon after its report, and an arrest that comes weeks later appears, with a newer
    `updated_on`, only then; so recent months have fewer arrests than they will have in the end.

    The quirks: coordinates missing (1 %) or placeholders, times unknown and stamped midnight, kinds of place missing, community
    area `0`, district 031 without a station, case numbers that repeat, codes that occur only now and then, times in the hour that
    does not exist in March, and about three records in 10 000 with a date, code or flag that cannot be read. Over the years
    arrests become rarer, drug crimes fewer and vehicle thefts more frequent.
    """

    def __init__(
        self, seed: int, crimes_per_year: int = 260_000, *, as_of: datetime, trend_origin: Month = DEFAULT_TREND_ORIGIN
    ) -> None:
        """Simulate a portal.

        Args:
            seed: another seed is another city.
            crimes_per_year: its size, at the origin of the trends.
            as_of: the moment up to which the portal has heard of crimes and arrests; with a time zone.
            trend_origin: the month in which about 20 % of the crimes lead to an arrest; before it more, after it fewer.
        """
        if as_of.tzinfo is None:
            raise SettingsError(f"sample portal: as_of {as_of} has no time zone; add one, for example +00:00")
        self._seed = seed
        self._crimes_per_year = crimes_per_year
        self._as_of = as_of
        self._trend_origin = trend_origin
        self._last_day = _last_published_day(as_of)

    @cached_property
    def _city(self) -> City:
        return build_city(self._seed)

    def describe(self) -> str:
        """Say which city is simulated."""
        return f"simulated portal, seed {self._seed}, {self._crimes_per_year} crimes a year, as of {self._as_of.isoformat()}"

    def read_month(self, month: Month) -> RawRecords:
        """Return the records of a month; see `CrimeSource`."""
        crimes = self._draw(month)
        rows = np.flatnonzero(crimes.published <= self._last_day)
        if not len(rows):
            raise NotEnoughDataError(
                f"crimes of {month}: the simulated portal has none as of {self._as_of.isoformat()}; it begins with {FIRST_MONTH} "
                "and shows a crime the day after its report"
            )
        table = _write_records(self._city, crimes, rows, self._last_day)
        table = _add_quirks(np.random.default_rng([self._seed, month.year, month.month, 1]), table, rows, len(crimes.detail))
        return RawRecords(table.append_column("source_name", pa.repeat(f"sample-{self._seed}/{month}", len(rows))))

    def replay_month(self, month: Month) -> RawRecords:
        """Return the records of a month from the simulated city again; see `CrimeSource`."""
        return self.read_month(month)

    def available_months(self) -> list[Month]:
        """Return the months that have begun by now; see `CrimeSource`."""
        return list(months_from(FIRST_MONTH, _month_of(self._last_day)))

    def read_stations(self) -> pa.Table:
        """Return the police stations; see `CrimeSource`."""
        return pa.table({name: pa.array(self._city.city_map.stations[name], pa.string()) for name in STATION_FIELDS})

    def export_files(self) -> tuple[()]:
        """Return nothing: a simulated portal has no files."""
        return ()

    def changed_months(self, cursor: str | None) -> ChangedMonths:
        """Return the months with crimes or arrests published since the cursor, which is a day; see `CrimeSource`."""
        now = f"sample until {_day(self._last_day)}"
        found = re.fullmatch(_CURSOR, cursor or "")
        if found is None:
            return ChangedMonths((), now)
        since = int(np.datetime64(found[1], "D").astype(np.int64))
        oldest = max(FIRST_MONTH, _month_of(since - LONGEST_DELAY_DAYS))
        months = [month for month in months_from(oldest, _month_of(self._last_day)) if self._has_news(month, since)]
        return ChangedMonths(tuple(months), now)

    def _has_news(self, month: Month, since: int) -> bool:
        crimes = self._draw(month)
        days = np.concatenate([crimes.published, crimes.arrested])
        return bool(((days > since) & (days <= self._last_day)).any())

    def _draw(self, month: Month) -> MonthOfCrimes:
        if month < FIRST_MONTH:
            raise NotEnoughDataError(f"crimes of {month}: the simulated portal begins with {FIRST_MONTH}")
        return draw_month(self._city, self._seed, month, self._crimes_per_year, self._trend_origin)


def write_export(
    folder: Path, first: Month, last: Month, *, seed: int = 20240101, crimes_per_year: int = 260_000, as_of: datetime | None = None
) -> list[Path]:
    """Write the simulated portal's months as its 22-column CSV files, one per month, and its stations.

    Args:
        folder: where to write; made if it does not exist.
        first: the first month.
        last: the last month, included.
        seed: another seed is another city.
        crimes_per_year: its size.
        as_of: up to when the portal has heard of anything; by default so late that nothing more can change.

    Returns:
        The files of the months.
    """
    if as_of is None:
        as_of = last.plus(3).window("UTC")[0] + timedelta(days=LONGEST_DELAY_DAYS)
    source = SampleCrimeSource(seed, crimes_per_year, as_of=as_of)
    folder.mkdir(parents=True, exist_ok=True)
    write_stations(source.read_stations(), folder / "police_stations.csv")
    paths = {month: folder / f"crimes_{month}.csv" for month in months_from(first, last)}
    for month, path in paths.items():
        write_crimes(source.read_month(month).table, path)
    return list(paths.values())


def _last_published_day(as_of: datetime) -> int:
    """Return the last day, since 1970, on which the portal has published by then."""
    local = as_of.astimezone(ZoneInfo(TIME_ZONE)).replace(tzinfo=None)
    seconds = int(np.datetime64(local, "s").astype(np.int64))
    return (seconds - _PUBLISHED_AT_SECOND) // 86_400


def _day(day: int) -> np.datetime64:
    return np.datetime64(day, "D")


def _month_of(day: int) -> Month:
    return Month.parse(str(_day(day).astype("datetime64[M]")))


def _write_records(city: City, crimes: MonthOfCrimes, rows: np.ndarray, last_day: int) -> pa.Table:
    """Write what is visible on a day in the portal's words."""
    texts = city.texts
    indices = {name: pa.array(getattr(crimes, name)[rows]) for name in ("detail", "beat", "point", "position", "place")}

    def look_up(position: str, *names: str) -> Mapping[str, pa.Array]:
        return {name: pc.take(texts[name], indices[position]) for name in names}

    events = np.stack([crimes.published[rows], crimes.arrested[rows]])
    updated_day = np.where(events <= last_day, events, 0).max(axis=0)
    occurred = crimes.occurred[rows]
    columns = {
        "id": pc.cast(pa.array(crimes.crime_id[rows]), pa.string()),
        "case_number": _case_numbers(
            crimes.case_number[rows], int(_day(int(occurred[0]) // 1_440).astype("datetime64[Y]").astype(int))
        ),
        "date": _portal_times(occurred // 1_440, occurred % 1_440 * 60),
        "arrest": _flags(crimes.arrested[rows] <= last_day),
        "domestic": _flags(crimes.is_domestic[rows]),
        "updated_on": _portal_times(updated_day, np.full(len(rows), _PUBLISHED_AT_SECOND)),
        **look_up("detail", "iucr", "primary_type", "description", "fbi_code"),
        **look_up("place", "location_description"),
        **look_up("beat", "beat", "district"),
        **look_up("point", "block", "ward", "community_area"),
        **look_up("position", "x_coordinate", "y_coordinate", "latitude", "longitude"),
    }
    return pa.table({name: columns[name] for name in PORTAL_FIELDS})


def _flags(values: np.ndarray) -> pa.Array:
    return pc.if_else(pa.array(values), "true", "false")


def _case_numbers(numbers: np.ndarray, years_since_1970: int) -> pa.Array:
    """Return case numbers as the police write them: two letters for the year, and a number."""
    year = years_since_1970 - 31
    prefix = chr(ord("E") + year // 26) + chr(ord("A") + year % 26)
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers), pa.string()), "")


def _portal_times(days: np.ndarray, seconds: np.ndarray) -> pa.Array:
    """Write days since 1970 and seconds of the day as `01/31/2017 11:53:00 PM`."""
    first, last = int(days.min()), int(days.max())
    iso_dates = np.datetime_as_string(np.arange(first, last + 1).astype("datetime64[D]")).tolist()
    distinct, which = np.unique(seconds, return_inverse=True)
    characters = np.empty((len(days), 22), np.uint8)
    characters[:, :11] = _characters([f"{date[5:7]}/{date[8:]}/{date[:4]} " for date in iso_dates])[days - first]
    characters[:, 11:] = _characters([_clock(int(second)) for second in distinct])[which]
    offsets = np.arange(0, 22 * len(days) + 1, 22, dtype=np.int32)
    return pa.StringArray.from_buffers(len(days), pa.py_buffer(offsets), pa.py_buffer(characters))


def _characters(texts: list[str]) -> np.ndarray:
    """Return texts of eleven characters as rows of bytes."""
    return np.array(texts, "S11").view(np.uint8).reshape(-1, 11)


def _clock(second: int) -> str:
    hour, minute = second // 3600, second // 60 % 60
    return f"{(hour - 1) % 12 + 1:02d}:{minute:02d}:{second % 60:02d} {'AM' if hour < 12 else 'PM'}"


def _add_quirks(rng: np.random.Generator, table: pa.Table, rows: np.ndarray, size: int) -> pa.Table:
    """Give a few records odd or unreadable fields: always the same records of the month, however many of them are visible."""
    for name, share, text in _QUIRKS:
        is_odd = (rng.random(size) < share)[rows]
        values = pc.if_else(pa.array(is_odd), pa.scalar(text, pa.string()), table[name])
        table = table.set_column(table.column_names.index(name), name, values)
    return table
