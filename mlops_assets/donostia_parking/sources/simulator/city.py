"""The imaginary city: its car parks, and when each of them is full."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np

PRICES_EUR = {
    "outskirts": (0.61, 1.02, 1.84, 2.66, 3.44, 5.02, 8.16, 14.39, 19.0, 22.08),
    "town": (0.67, 1.13, 2.04, 2.95, 3.82, 5.62, 9.94, 18.81, 22.67, 25.24),
    "centre": (0.81, 1.36, 2.45, 3.54, 4.58, 6.74, 11.78, 21.24, 23.64, 25.24),
}
"""Ten prices by zone, as of 2025; in every other year they are as many times two per cent lower or higher."""

# Base, bumps as (hour, width in hours, height on weekdays, Saturdays, Sundays), and how much more comes in summer and to events.
_KINDS: dict[str, tuple[float, tuple[tuple[float, float, float, float, float], ...], float, float]] = {
    "centre": (0.28, ((11.5, 2.4, 0.46, 0.62, 0.14), (18.5, 2.6, 0.42, 0.56, 0.24)), 0.12, 0.15),
    "beach": (0.2, ((13.0, 3.5, 0.2, 0.32, 0.36),), 0.4, 0.05),
    "office": (0.12, ((10.5, 3.2, 0.68, 0.14, 0.05), (16.0, 2.4, 0.4, 0.06, 0.03)), -0.1, 0.1),
    "station": (0.34, ((9.0, 2.6, 0.34, 0.16, 0.1), (17.0, 3.0, 0.24, 0.2, 0.3)), 0.08, 0.1),
    "homes": (0.3, ((22.0, 4.0, 0.36, 0.3, 0.36), (3.0, 4.0, 0.36, 0.36, 0.36)), 0.05, 0.0),
    "hospital": (0.28, ((11.0, 3.2, 0.56, 0.16, 0.14),), 0.0, 0.0),
    "stadium": (0.1, ((12.0, 4.0, 0.12, 0.08, 0.06),), 0.0, 0.8),
    "dead": (0.0, (), 0.0, 0.0),
}
_SUMMER_PEAK_DAY, _SUMMER_WIDTH_DAYS = 212, 42

# Names with the first day of each, kind, zone of prices, public and residents' places, metres east and north of the middle.
_PLANS: tuple[tuple[tuple[tuple[str, str], ...], str, str, int, int, int, int], ...] = (
    ((("Plaza Mayor", ""),), "centre", "centre", 376, 135, 0, 0),
    ((("Mercado", ""),), "centre", "centre", 305, 343, -110, -550),
    ((("Teatro", ""),), "centre", "centre", 720, 744, 230, -190),
    ((("Catedral", ""),), "centre", "town", 384, 583, 80, -630),
    ((("Playa Norte", ""),), "beach", "centre", 655, 619, -400, -490),
    ((("Playa Sur", ""),), "beach", "outskirts", 489, 0, -2_140, -1_440),
    ((("Estación", ""), ("Geltoki Berria", "2023-03-01")), "station", "town", 384, 0, 370, -620),
    ((("Puerto", ""),), "homes", "town", 210, 0, 530, -470),
    ((("Jardines", ""),), "homes", "town", 266, 146, 0, -1_070),
    ((("Ensanche", ""),), "homes", "town", 447, 483, 550, 120),
    ((("Universidad", ""),), "office", "outskirts", 338, 181, 320, -1_660),
    ((("Parque Tecnológico", ""),), "office", "outskirts", 1_450, 0, -2_330, -3_070),
    ((("Hospital", ""),), "hospital", "outskirts", 459, 0, 1_000, -2_700),
    ((("Estadio", ""),), "stadium", "outskirts", 500, 0, 690, -1_900),
    ((("Polígono", ""),), "dead", "outskirts", 300, 0, 1_900, -2_200),
    ((("Alto del Faro", ""),), "dead", "outskirts", 214, 0, -2_600, 300),
    ((("Playa Verano", ""),), "beach", "outskirts", 180, 0, -2_450, -1_250),
)
_MIDDLE_M = (582_600.0, 4_797_200.0)
_SUMMER_MONTHS = (6, 7, 8, 9)
_SPONSORED, _SUMMER_ONLY = "Estadio", "Playa Verano"
_SPONSORS = ("Estadio", "Estadio Itsaso", "Estadio Lurra", "Estadio Haizea")
"""The stadium's car park takes another sponsor's name every quarter."""


@dataclass(frozen=True)
class SampleCarPark:
    """A car park of the imaginary city.

    Attributes:
        car_park_id: its identifier, as long as that of the real feed.
        names: its names, with the first day of each as text.
        kind: whose habits it follows.
        zone: of its prices.
        public: places for everybody.
        resident: places for residents.
        x_m: easting (EPSG:25830).
        y_m: northing (EPSG:25830).
    """

    car_park_id: str
    names: tuple[tuple[str, str], ...]
    kind: str
    zone: str
    public: int
    resident: int
    x_m: float
    y_m: float

    def name_on(self, day: date) -> str:
        """Return the name on a day."""
        if self.names[0][0] == _SPONSORED:
            return _SPONSORS[(day.month - 1) // 3]
        return [name for name, since in self.names if since <= day.isoformat()][-1]

    def is_listed_on(self, day: date) -> bool:
        """Tell whether the feed lists the car park on a day; one opens for the summer only."""
        return self.names[0][0] != _SUMMER_ONLY or day.month in _SUMMER_MONTHS


def build_city(seed: int) -> tuple[SampleCarPark, ...]:
    """Return the car parks of the city that belongs to a seed: the same plan, moved a little, of other sizes and identifiers."""
    rng = np.random.default_rng([seed, 0])
    sizes = rng.uniform(0.85, 1.15, len(_PLANS))
    shifts = rng.uniform(-120, 120, (len(_PLANS), 2)).round(2)
    return tuple(
        SampleCarPark(
            hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:32].upper(),
            names,
            kind,
            zone,
            round(public * size),
            round(resident * size),
            round(_MIDDLE_M[0] + east + shift[0], 2),
            round(_MIDDLE_M[1] + north + shift[1], 2),
        )
        for number, ((names, kind, zone, public, resident, east, north), size, shift) in enumerate(
            zip(_PLANS, sizes.tolist(), shifts.tolist(), strict=True)
        )
    )


def habits(car_parks: tuple[SampleCarPark, ...], hour: np.ndarray, weekday: np.ndarray, day_of_year: np.ndarray) -> np.ndarray:
    """Return the share of public places taken out of habit.

    Args:
        car_parks: the car parks.
        hour: local hours with fractions, one per moment.
        weekday: 0 Monday to 6 Sunday, one per moment.
        day_of_year: 1 to 366, one per moment.

    Returns:
        A row per moment and a column per car park.
    """
    kind_of_day = np.clip(weekday - 4, 0, 2)
    summer = np.exp(-(((day_of_year - _SUMMER_PEAK_DAY) / _SUMMER_WIDTH_DAYS) ** 2))
    by_kind = {}
    for kind, (base, bumps, in_summer, _) in _KINDS.items():
        share = np.full(len(hour), base)
        for peak, width, *heights in bumps:
            distance = np.abs((hour - peak + 12) % 24 - 12)
            share += np.array(heights)[kind_of_day] * np.exp(-((distance / width) ** 2))
        by_kind[kind] = share * (1 + in_summer * summer) + in_summer * summer * (share > base + 0.05) * 0.3
    return np.stack([by_kind[car_park.kind] for car_park in car_parks], axis=1)


def pull_of_events(car_parks: tuple[SampleCarPark, ...]) -> np.ndarray:
    """Return the share of public places that an event takes, by car park."""
    return np.array([_KINDS[car_park.kind][3] for car_park in car_parks])
