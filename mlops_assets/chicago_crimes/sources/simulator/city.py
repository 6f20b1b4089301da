"""The imaginary city: its map, and the odds that its crimes and arrests are drawn from. Everything follows from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.chicago_crimes.sources.simulator.map import (
    FEET_PER_MILE,
    ORIGIN_X_FT,
    ORIGIN_Y_FT,
    POINTS_PER_BEAT,
    CityMap,
    build_map,
)
from mlops_assets.chicago_crimes.sources.simulator.vocabulary import AREAS, KINDS, PLACES, RHYTHMS, Detail, all_details, all_places

PLACE_SLOTS = 4_096
BEAT_SLOTS = 65_536
"""Odds of places and beats are kept as tables of equally likely slots: drawing from them is one look-up."""

_DISTRICT_031_SHARE = 2e-5
_HOT_SPOTS_FT = ((1_150_000, 1_899_000), (1_168_000, 1_858_000))

# Public places have witnesses, cameras and patrols; at home the offender is known, but has often left.
_ARREST_LOGIT_OF_PLACE = dict.fromkeys(PLACES, 0.0) | {"shop": 0.45, "transit": 0.2, "civic": 0.5, "home": -0.3, "other": -0.7}


@dataclass(frozen=True)
class City:
    """The map and the odds. A logit is what a circumstance adds to the logarithm of the odds of an arrest.

    Attributes:
        city_map: where things are.
        texts: text by IUCR code (`iucr`, `primary_type`, `description`, `fbi_code`), by place (`location_description`, with one
            more entry without text), and that of the map.
        kind, share, trend, summer, domestic_share, delay_hours, arrest_logit: by IUCR code; see `Kind` and `Detail`.
        rhythm, area: by IUCR code, the position in `RHYTHMS` and `AREAS`.
        rhythm_odds: weight of each hour of the week, from Monday 0:00, by rhythm.
        place_slots: place, by kind and slot.
        beat_slots: beat, by area and slot.
        place_logit: by kind and place.
        point_logit: by point: its district, its beat, its distance to the nearest station.
        beat_logit: by area and beat.
        hour_logit: by rhythm and hour of the day.
        domestic_logit: of a domestic crime, by kind.
        is_home: which places are homes.
    """

    city_map: CityMap
    texts: dict[str, pa.Array]
    kind: np.ndarray
    share: np.ndarray
    trend: np.ndarray
    summer: np.ndarray
    domestic_share: np.ndarray
    delay_hours: np.ndarray
    arrest_logit: np.ndarray
    rhythm: np.ndarray
    area: np.ndarray
    rhythm_odds: np.ndarray
    place_slots: np.ndarray
    beat_slots: np.ndarray
    place_logit: np.ndarray
    point_logit: np.ndarray
    beat_logit: np.ndarray
    hour_logit: np.ndarray
    domestic_logit: np.ndarray
    is_home: np.ndarray

    @property
    def points(self) -> int:
        """The number of points at which crimes happen."""
        return len(self.point_logit)


def build_city(seed: int) -> City:
    """Return the city that belongs to a seed."""
    rng = np.random.default_rng([seed, 0])
    city_map = build_map(rng)
    details = all_details()
    kind = np.array([detail.kind for detail in details])
    arrest_share = np.array([detail.arrest_share for detail in details])
    place_slots, place_logit = _place_odds(rng)
    return City(
        city_map=city_map,
        texts={**_detail_texts(details), "location_description": pa.array([*all_places()[0], None]), **city_map.texts},
        kind=kind,
        share=np.array([detail.share for detail in details]),
        trend=np.array([one.trend for one in KINDS])[kind] + rng.normal(0, 0.15, len(details)),
        summer=np.array([one.summer for one in KINDS])[kind],
        domestic_share=np.array([_domestic_share(detail) for detail in details]),
        delay_hours=np.array([one.delay_hours for one in KINDS])[kind],
        arrest_logit=np.log(arrest_share / (1 - arrest_share)).astype(np.float32),
        rhythm=np.array([list(RHYTHMS).index(one.rhythm) for one in KINDS])[kind],
        area=np.array([AREAS.index(one.area) for one in KINDS])[kind],
        rhythm_odds=_rhythm_odds(),
        place_slots=place_slots,
        beat_slots=_beat_odds(rng, city_map),
        place_logit=place_logit,
        point_logit=_point_logit(rng, city_map),
        beat_logit=rng.normal(0, 0.45, (len(AREAS), len(city_map.beat_x))).astype(np.float32),
        hour_logit=_hour_logit(),
        domestic_logit=rng.normal(0, 0.2, len(KINDS)).astype(np.float32),
        is_home=np.array([group == "home" for group in all_places()[1]]),
    )


def _detail_texts(details: list[Detail]) -> dict[str, pa.Array]:
    return {
        "iucr": pa.array([detail.iucr for detail in details]),
        "primary_type": pa.array([KINDS[detail.kind].name for detail in details]),
        "description": pa.array([detail.description for detail in details]),
        "fbi_code": pa.array([KINDS[detail.kind].fbi_code for detail in details]),
    }


def _domestic_share(detail: Detail) -> float:
    return 0.9 if "DOMESTIC" in detail.description else KINDS[detail.kind].domestic_pct / 100


def _rhythm_odds() -> np.ndarray:
    """Return a weight for each hour of the week: a bell around the peak hour, times the weekend's factor."""
    hours = np.arange(168)
    rows = []
    for peak, sharpness, weekend in RHYTHMS.values():
        bell = np.exp(sharpness * np.cos((hours % 24 - peak) * np.pi / 12))
        rows.append((0.12 + bell / bell.mean()) * np.where(hours >= 120, weekend, 1.0))
    return np.array(rows)


def _hour_logit() -> np.ndarray:
    """Return the effect of the hour: patrols on the street at night help, crimes found in the morning do not."""
    strength = np.linspace(0.2, 0.6, len(RHYTHMS))[:, None]
    return (strength * np.cos((np.arange(24) - 22) * np.pi / 12)).astype(np.float32)


def _place_odds(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return places by kind and slot, and the effect of places by kind, which is nothing on average."""
    names, classes, weights = all_places()
    class_names = list(PLACES)
    class_of = np.array([class_names.index(name) for name in classes])
    weight_within = np.array(weights) / np.bincount(class_of, weights)[class_of]
    odds = np.empty((len(KINDS), len(names)))
    for number, kind in enumerate(KINDS):
        words = kind.places.split()
        class_odds = dict(zip(words[::2], map(float, words[1::2]), strict=True))
        by_class = np.array([class_odds.get(name, 0.08) for name in class_names])
        odds[number] = by_class[class_of] * weight_within * rng.lognormal(0, 0.4, len(names))
    logit = np.array([_ARREST_LOGIT_OF_PLACE[name] for name in classes]) + rng.normal(0, 0.9, odds.shape)
    logit -= (logit * odds).sum(axis=1, keepdims=True) / odds.sum(axis=1, keepdims=True)
    return _slots(odds, PLACE_SLOTS), logit.astype(np.float32)


def _beat_odds(rng: np.random.Generator, city_map: CityMap) -> np.ndarray:
    """Return beats by area and slot: crimes keep to the middle of the town, to two hot spots, or to the outskirts."""
    x, y, district = city_map.beat_x, city_map.beat_y, city_map.beat_district
    weight = rng.lognormal(0, 0.45, len(x)) * rng.lognormal(0, 0.2, district.max() + 1)[district]
    from_middle = np.hypot(x - ORIGIN_X_FT, y - ORIGIN_Y_FT) / FEET_PER_MILE
    hot = np.sum([np.exp(-((np.hypot(x - hot_x, y - hot_y) / 9_000) ** 2)) for hot_x, hot_y in _HOT_SPOTS_FT], axis=0)
    by_area = {
        "everywhere": np.ones(len(x)),
        "centre": 0.5 + 3.5 * np.exp(-from_middle / 1.6),
        "hot": 0.35 + 2.2 * hot,
        "outskirts": 0.6 + from_middle / 12,
    }
    odds = weight * np.stack([by_area[name] for name in AREAS])
    odds[:, -1] = odds[:, :-1].sum(axis=1) * _DISTRICT_031_SHARE
    return _slots(odds, BEAT_SLOTS)


def _slots(odds: np.ndarray, slots: int) -> np.ndarray:
    """Turn each row of odds into a table of equally likely slots."""
    cumulated = np.cumsum(odds, axis=1) / odds.sum(axis=1, keepdims=True)
    middles = (np.arange(slots) + 0.5) / slots
    return np.stack([np.searchsorted(row, middles) for row in cumulated]).clip(max=odds.shape[1] - 1).astype(np.int16)


def _point_logit(rng: np.random.Generator, city_map: CityMap) -> np.ndarray:
    x, y, district = city_map.point_x, city_map.point_y, city_map.beat_district
    squared = [(x - sx) ** 2 + (y - sy) ** 2 for sx, sy in zip(city_map.station_x, city_map.station_y, strict=True)]
    miles_to_station = np.sqrt(np.min(squared, axis=0)) / FEET_PER_MILE
    by_beat = rng.normal(0, 0.3, district.max() + 1)[district] + rng.normal(0, 0.2, len(district))
    return (np.repeat(by_beat, POINTS_PER_BEAT) - 0.15 * (miles_to_station - 1)).astype(np.float32)
