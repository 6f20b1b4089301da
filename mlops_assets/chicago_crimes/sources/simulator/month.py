"""Drawing the crimes of one month of the imaginary city, as numbers; nothing depends on any other month."""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops_assets.chicago_crimes.sources.simulator.city import BEAT_SLOTS, PLACE_SLOTS
from mlops_assets.chicago_crimes.sources.simulator.map import POINTS_PER_BEAT
from mlops_assets.chicago_crimes.sources.simulator.vocabulary import KINDS

if TYPE_CHECKING:
    from mlops_assets.chicago_crimes.sources.simulator.city import City
    from mlops_assets.months import Month

LONGEST_DELAY_DAYS = 540
"""No record changes later than this after its crime, so that a search for changes need not look back for ever."""

_MINUTES_PER_DAY = 1_440
_ARREST_TREND = -0.10
"""Yearly change of the odds of an arrest, as a logarithm."""

_ARREST_LEVEL = -0.24
"""Sets the share of arrests at the origin of the trends to about 0.20."""

_LATE_ARREST_SHARE = 0.22
_LATE_ARREST_DAYS = 40

_STEADY_YEARS = 3
"""Trends stop this long before and after their origin."""

_HOMICIDE = next(number for number, kind in enumerate(KINDS) if kind.name == "HOMICIDE")

# One minute in three is :00, one in seven :30, and most others are multiples of five.
_MINUTE_ODDS = np.array(
    [1 + 4 * (minute % 5 == 0) + 9 * (minute % 15 == 0) + 14 * (minute == 30) + 35 * (minute == 0) for minute in range(60)]
)
_MINUTE_SLOTS = np.repeat(np.arange(60), _MINUTE_ODDS)


@dataclass(frozen=True)
class MonthOfCrimes:
    """All crimes of a month, in the order in which they were reported, with everything that will ever happen to them.

    Attributes:
        detail: index of the IUCR code.
        place: index of the kind of place; one past the last where it is not known.
        beat, point: where it happened.
        position: index of the coordinates given: the point, or one of the two after the last point.
        occurred: local minutes since 1970.
        published: day since 1970 on which the portal first shows the crime.
        arrested: day on which it shows the arrest; never, where it is beyond every calendar.
        is_domestic: whether the crime was domestic.
        crime_id, case_number: identifiers.
    """

    detail: np.ndarray
    place: np.ndarray
    beat: np.ndarray
    point: np.ndarray
    position: np.ndarray
    occurred: np.ndarray
    published: np.ndarray
    arrested: np.ndarray
    is_domestic: np.ndarray
    crime_id: np.ndarray
    case_number: np.ndarray


NEVER = np.iinfo(np.int32).max


def draw_month(city: City, seed: int, month: Month, crimes_per_year: int, trend_origin: Month) -> MonthOfCrimes:
    """Draw the crimes of a month.

    Args:
        city: from `build_city`.
        seed: of the drawing.
        month: the month; together with the seed it decides everything.
        crimes_per_year: crimes in a year at the origin of the trends.
        trend_origin: the month at which kinds of crime have their table shares.
    """
    rng = np.random.default_rng([seed, month.year, month.month])
    years = ((month.year - trend_origin.year) * 12 + month.month - trend_origin.month) / 12
    years = min(max(years, -_STEADY_YEARS), _STEADY_YEARS)
    detail = _draw_details(rng, city, month, crimes_per_year, years)
    occurred = _draw_times(rng, city, month, detail)
    size = len(detail)
    beat = city.beat_slots[city.area[detail], rng.integers(0, BEAT_SLOTS, size, np.int32)].astype(np.int32)
    # Squaring makes the first points of a beat its hot spots.
    point = beat * POINTS_PER_BEAT + (POINTS_PER_BEAT * rng.random(size, np.float32) ** 2).astype(np.int32).clip(
        max=POINTS_PER_BEAT - 1
    )
    place = city.place_slots[city.kind[detail], rng.integers(0, PLACE_SLOTS, size, np.int32)].astype(np.int32)
    domestic_share = city.domestic_share[detail] * np.where(city.is_home[place], 1.3, 0.65)
    is_domestic = rng.random(size, np.float32) < domestic_share
    is_arrest = _draw_arrests(rng, city, detail, place, beat, point, occurred, is_domestic, years)
    reported = occurred + (rng.standard_exponential(size, np.float32) ** 2 / 2 * city.delay_hours[detail] * 60).astype(np.int64)
    latest = occurred // _MINUTES_PER_DAY + LONGEST_DELAY_DAYS
    published = np.minimum(reported // _MINUTES_PER_DAY + 1, latest)
    order = np.argsort(reported, kind="stable")
    crime_id, case_number = _number_crimes(rng, month, detail[order], crimes_per_year)
    drawn = MonthOfCrimes(
        detail=detail[order],
        place=np.where(rng.random(size, np.float32) < 0.004, len(city.is_home), place[order]),
        beat=beat[order],
        point=point[order],
        position=_lose_positions(rng, city, point[order]),
        occurred=occurred[order],
        published=published[order],
        arrested=_draw_arrest_days(rng, published, latest, is_arrest)[order],
        is_domestic=is_domestic[order],
        crime_id=crime_id,
        case_number=case_number,
    )
    _repeat_cases(rng, drawn, city)
    return drawn


def _draw_details(rng: np.random.Generator, city: City, month: Month, crimes_per_year: int, years: float) -> np.ndarray:
    days = calendar.monthrange(month.year, month.month)[1]
    season = 1 + (city.summer + 0.03) * math.cos((month.month - 7) * math.pi / 6)
    chance = rng.lognormal(0, 0.03, len(KINDS))[city.kind]
    mix = city.share * np.exp(city.trend * years)
    expected = crimes_per_year * days / 365.25 * mix / mix.sum() * season * chance
    return np.repeat(np.arange(len(expected)), rng.poisson(expected))


def _draw_times(rng: np.random.Generator, city: City, month: Month, detail: np.ndarray) -> np.ndarray:
    """Draw when each crime happened, on the clock on the wall; also in the hour that does not exist in March, as people do."""
    first_weekday, days = calendar.monthrange(month.year, month.month)
    hours = np.arange(days * 24)
    weather = rng.lognormal(0, 0.06, days)[hours // 24]
    odds = city.rhythm_odds[:, (hours + first_weekday * 24) % 168] * weather
    cumulated = np.cumsum(odds, axis=1) / odds.sum(axis=1, keepdims=True)
    # All rhythms in one sorted row, each one higher than the one before, so that one search serves all.
    row = (cumulated + np.arange(len(odds))[:, None]).ravel()
    rhythm = city.rhythm[detail]
    hour = np.searchsorted(row, rng.random(len(detail)) + rhythm) - rhythm * len(hours)
    hour = hour.clip(0, len(hours) - 1)
    minute = _MINUTE_SLOTS[rng.integers(0, len(_MINUTE_SLOTS), len(detail), np.int32)]
    # Nobody says midnight sharp: those who know write 12:01, and 12:00 stands for an unknown time.
    minute = np.where((hour % 24 == 0) & (minute == 0), 1, minute)
    is_time_unknown = rng.random(len(detail), np.float32) < 0.010
    start = int(np.datetime64(month.first_day, "m").astype(np.int64))
    return start + np.where(is_time_unknown, hour // 24 * _MINUTES_PER_DAY, hour * 60 + minute)


def _draw_arrests(
    rng: np.random.Generator,
    city: City,
    detail: np.ndarray,
    place: np.ndarray,
    beat: np.ndarray,
    point: np.ndarray,
    occurred: np.ndarray,
    is_domestic: np.ndarray,
    years: float,
) -> np.ndarray:
    kind = city.kind[detail]
    logit = city.arrest_logit[detail] + city.place_logit[kind, place] + city.point_logit[point]
    logit += city.beat_logit[city.area[detail], beat] + city.hour_logit[city.rhythm[detail], occurred // 60 % 24]
    logit += np.where(is_domestic, city.domestic_logit[kind], 0) + np.float32(_ARREST_LEVEL + _ARREST_TREND * years)
    logit += np.float32(0.3) * rng.standard_normal(len(detail), np.float32)
    return rng.random(len(detail), np.float32) * (1 + np.exp(-logit)) < 1


def _draw_arrest_days(rng: np.random.Generator, published: np.ndarray, latest: np.ndarray, is_arrest: np.ndarray) -> np.ndarray:
    """Draw on which day an arrest becomes known: mostly with the crime itself, for some days or months after."""
    size = len(published)
    days = np.where(rng.random(size, np.float32) < _LATE_ARREST_SHARE, 1 + _LATE_ARREST_DAYS * rng.standard_exponential(size), 0)
    return np.where(is_arrest, np.minimum(published + days.astype(np.int64), latest), NEVER)


def _lose_positions(rng: np.random.Generator, city: City, point: np.ndarray) -> np.ndarray:
    chance = rng.random(len(point), np.float32)
    return np.where(chance < 0.010, city.points, np.where(chance < 0.0102, city.points + 1, point))


def _number_crimes(
    rng: np.random.Generator, month: Month, detail: np.ndarray, crimes_per_year: int
) -> tuple[np.ndarray, np.ndarray]:
    """Number the crimes in the order of their reports, with gaps; no month can meet the numbers of another one.

    As on the portal, homicides have short identifiers of their own.
    """
    months = (month.year - 2001) * 12 + month.month - 1
    room = crimes_per_year // 3 + 1_000
    steps = np.cumsum(rng.integers(1, 3, len(detail)))
    homicides = np.flatnonzero(detail < _FIRST_OTHER_DETAIL)
    crime_id = 10_000_000 + months * room + steps
    crime_id[homicides] = 1_000 + months * (crimes_per_year // 1_000 + 50) + np.arange(len(homicides))
    return crime_id, 100_000 + (month.month - 1) * room + steps


def _repeat_cases(rng: np.random.Generator, crimes: MonthOfCrimes, city: City) -> None:
    """Make some crimes share the case of another: the victims of one homicide, and now and then two records of one report."""
    homicides = np.flatnonzero(city.kind[crimes.detail] == _HOMICIDE)
    further = np.flatnonzero(rng.random(len(homicides)) < 0.08)
    further = further[further > 0]
    for name in ("case_number", "occurred", "beat", "point", "position", "place"):
        values = getattr(crimes, name)
        values[homicides[further]] = values[homicides[further - 1]]
    others = np.flatnonzero(rng.random(len(crimes.detail), np.float32) < 0.0005)
    others = others[others > 0]
    crimes.case_number[others] = crimes.case_number[others - 1]


_FIRST_OTHER_DETAIL = len(KINDS[_HOMICIDE].details.split("|"))
