"""The imaginary city: its map, its police stations, and the odds that its crimes are drawn from. Everything follows from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.chicago_crimes.sample_vocabulary import AREAS, KINDS, PLACES, RHYTHMS, all_details, all_places

POINTS_PER_BEAT = 200
PLACE_SLOTS = 4_096
BEAT_SLOTS = 65_536
"""Odds of places and beats are kept as tables of equally likely slots: drawing from them is one look-up."""

_WARDS = 50
_COMMUNITY_AREAS = 77
_EXTRA_DISTRICT = "031"
"""A district without a station, on a handful of crimes a year."""

_ORIGIN_X_FT, _ORIGIN_Y_FT, _FEET_PER_NUMBER = 1_176_300, 1_900_000, 6.6
_COAST_Y_FT, _COAST_X_FT = (1_814_000, 1_830_000, 1_860_000, 1_900_000, 1_951_000), (1_204, 1_199, 1_189, 1_179, 1_164)

# Code, name and position (thousand feet, EPSG:3435) of the districts' middles.
_DISTRICTS = (
    "001 Lakegate 1176 1893|002 Prairie Bend 1178 1873|003 Stony Crossing 1184 1860|004 Steelmouth 1193 1842|005 Canal Heights 1180 1830|"
    "006 Ash Park 1172 1851|007 Marlow 1164 1862|008 West Lawn 1152 1862|009 Stockyard 1166 1881|010 Millbrook 1152 1890|011 Garrison 1152 1902|"
    "012 Near Side 1165 1898|014 Elm Square 1158 1914|015 Oakfield 1140 1900|016 Airfield 1130 1935|017 Albright 1150 1930|018 Gold Bank 1173 1908|"
    "019 Wharf Hall 1168 1922|020 Linden 1161 1936|022 Beacon Hill 1167 1834|024 Northgate 1163 1945|025 Western Grove 1139 1916"
)
_STREETS = (
    "ALDER ASPEN BARLOW BEECH BIRCH BRIAR CEDAR CLARION CLOVER COBALT COLLIER CORAL CYPRESS DALTON DRAKE ELDER EMBER FENTON FERN FLINT GARNET "
    "HARBOR HAWTHORN HAZEL HERON HOLLY IRON IVY JASPER JUNIPER KESTREL LARCH LAUREL LINDEN LOCUST MAPLE MARSH MERCER MILLER MYRTLE NORWAY "
    "OAKLEY OLIVE ORCHARD OSPREY PEARL PINE PLUM POPLAR QUARRY RAVEN RIVER ROWAN SABLE SPRUCE STERLING SUMAC TAMARACK THORN WALNUT WILLOW YEW"
).split()


@dataclass(frozen=True)
class City:
    """The map and the odds.

    Attributes:
        stations: text columns of the portal's stations, Headquarters last.
        texts: the text of each portal field by position: `iucr`, `primary_type`, `description` and `fbi_code` by detail, `beat` and
            `district` by beat, `ward`, `community_area`, `block` and the four coordinates by point; after the last point there is one
            without coordinates and one with the portal's placeholder.
        kind, share, trend, summer, arrest_logit, domestic_share, delay_hours: by detail.
        rhythm, area: index of each detail's rhythm and area.
        rhythm_odds: weight of each hour of the week (Monday 0:00 first), by rhythm.
        place_slots: place, by kind and slot.
        beat_slots: beat, by area and slot.
        place_logit: what a place does to the odds of an arrest, by kind and place.
        point_logit: the same for a point: its district, its beat, its distance to the station.
        beat_logit: the same for a beat, by area.
        hour_logit: the same for an hour of the day, by rhythm.
        domestic_logit: the same for domestic crimes, by kind.
        home_places: which places are homes.
    """

    stations: dict[str, list[str | None]]
    texts: dict[str, pa.Array]
    kind: np.ndarray
    share: np.ndarray
    trend: np.ndarray
    summer: np.ndarray
    arrest_logit: np.ndarray
    domestic_share: np.ndarray
    delay_hours: np.ndarray
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
    home_places: np.ndarray

    @property
    def points(self) -> int:
        """The number of points at which crimes happen."""
        return len(self.point_logit)


def build_city(seed: int) -> City:
    """Return the city that belongs to a seed."""
    rng = np.random.default_rng([seed, 0])
    districts = [(code, " ".join(name), float(x), float(y)) for code, *name, x, y in map(str.split, _DISTRICTS.split("|"))]
    beat_district, beat_x, beat_y = _lay_out_beats(rng, districts)
    point_x, point_y = _lay_out_points(rng, beat_x, beat_y)
    station_x, station_y = _place_stations(rng, districts)
    place_slots, place_logit, home_places = _place_odds(rng)
    odds_by_kind = {
        "summer": [kind.summer for kind in KINDS],
        "domestic_share": [kind.domestic_pct / 100 for kind in KINDS],
        "delay_hours": [kind.delay_hours for kind in KINDS],
        "rhythm": [list(RHYTHMS).index(kind.rhythm) for kind in KINDS],
        "area": [AREAS.index(kind.area) for kind in KINDS],
    }
    details = all_details()
    kind = np.array([detail.kind for detail in details])
    return City(
        stations=_station_records(districts, station_x, station_y),
        texts={
            **_detail_texts(),
            **_beat_texts(districts, beat_district),
            **_point_texts(rng, point_x, point_y),
        },
        kind=kind,
        share=np.array([detail.share for detail in details]),
        trend=np.array([KINDS[detail.kind].trend for detail in details]) + rng.normal(0, 0.06, len(details)),
        arrest_logit=_logit(np.array([detail.arrest_share for detail in details])),
        **{name: np.array(values)[kind] for name, values in odds_by_kind.items()},
        rhythm_odds=_rhythm_odds(),
        place_slots=place_slots,
        beat_slots=_beat_odds(rng, beat_x, beat_y, beat_district),
        place_logit=place_logit,
        point_logit=_point_effect(rng, point_x, point_y, station_x, station_y, beat_district),
        beat_logit=rng.normal(0, 0.45, (len(AREAS), len(beat_x))).astype(np.float32),
        hour_logit=_hour_effect(),
        domestic_logit=rng.normal(0, 0.2, len(KINDS)).astype(np.float32),
        home_places=home_places,
    )


def _lay_out_beats(rng: np.random.Generator, districts: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the district's position, x and y of each beat: twelve per district, thirteen in every other; the last one is district 031's."""
    sizes = [12 + position % 2 for position in range(len(districts))]
    district = np.repeat(np.arange(len(districts)), sizes)
    x = np.array([row[2] for row in districts])[district] * 1_000 + rng.normal(0, 3_000, len(district))
    y = np.array([row[3] for row in districts])[district] * 1_000 + rng.normal(0, 3_000, len(district))
    x = np.append(_keep_ashore(x, y), 1_133_000)
    return np.append(district, len(districts)), x, np.append(y, 1_948_000)


def _lay_out_points(rng: np.random.Generator, beat_x: np.ndarray, beat_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = np.repeat(beat_x, POINTS_PER_BEAT) + rng.normal(0, 1_100, len(beat_x) * POINTS_PER_BEAT)
    y = np.repeat(beat_y, POINTS_PER_BEAT) + rng.normal(0, 1_100, len(beat_x) * POINTS_PER_BEAT)
    return np.rint(_keep_ashore(x, y)), np.rint(y)


def _place_stations(rng: np.random.Generator, districts: list) -> tuple[np.ndarray, np.ndarray]:
    x = np.array([row[2] for row in districts]) * 1_000 + rng.normal(0, 900, len(districts))
    y = np.array([row[3] for row in districts]) * 1_000 + rng.normal(0, 900, len(districts))
    return np.round(_keep_ashore(x, y), 3), np.round(y, 3)


def _keep_ashore(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    coast = np.interp(y, _COAST_Y_FT, np.array(_COAST_X_FT) * 1_000)
    return np.where(x > coast, coast - np.abs(x - coast) % 2_000, x)


def _rhythm_odds() -> np.ndarray:
    """Return a weight for each hour of the week: a bell around the peak hour, times the weekend's factor."""
    hours = np.arange(168)
    rows = []
    for peak, sharpness, weekend in RHYTHMS.values():
        bell = np.exp(sharpness * np.cos((hours % 24 - peak) * np.pi / 12))
        rows.append((0.12 + bell / bell.mean()) * np.where(hours >= 120, weekend, 1.0))
    return np.array(rows)


def _hour_effect() -> np.ndarray:
    """Return how the hour changes the odds of an arrest: patrols on the street at night help, crimes found in the morning do not."""
    hours = np.arange(24)
    strength = np.linspace(0.2, 0.6, len(RHYTHMS))[:, None]
    return (strength * np.cos((hours - 22) * np.pi / 12)).astype(np.float32)


def _place_odds(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places by kind and slot, the effect of places on arrests by kind, and which places are homes."""
    names, classes, weights = all_places()
    class_names = list(PLACES)
    class_of = np.array([class_names.index(name) for name in classes])
    odds = np.empty((len(KINDS), len(names)))
    for number, kind in enumerate(KINDS):
        words = kind.places.split()
        class_odds = dict(zip(words[::2], map(float, words[1::2]), strict=True))
        by_class = np.array([class_odds.get(name, 0.08) for name in class_names])
        within = np.array(weights) / np.bincount(class_of, weights)[class_of]
        odds[number] = by_class[class_of] * within * rng.lognormal(0, 0.4, len(names))
    # Public places have witnesses, cameras and patrols; a crime at home has a known offender who has often left.
    by_class_effect = dict.fromkeys(class_names, 0.0) | {"shop": 0.45, "transit": 0.2, "civic": 0.5, "home": -0.3, "other": -0.7}
    effect = np.array([by_class_effect[name] for name in classes]) + rng.normal(0, 0.9, odds.shape)
    effect -= (effect * odds).sum(axis=1, keepdims=True) / odds.sum(axis=1, keepdims=True)
    return _slots(odds, PLACE_SLOTS), effect.astype(np.float32), np.array([name == "home" for name in classes])


def _beat_odds(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, district: np.ndarray) -> np.ndarray:
    weight = rng.lognormal(0, 0.45, len(x)) * rng.lognormal(0, 0.2, district.max() + 1)[district]
    from_centre = np.hypot(x - _ORIGIN_X_FT, y - _ORIGIN_Y_FT) / 5_280
    hot = sum(np.exp(-(((x - hx) / 9_000) ** 2) - ((y - hy) / 9_000) ** 2) for hx, hy in ((1_150_000, 1_899_000), (1_168_000, 1_858_000)))
    odds = weight * np.stack([np.ones(len(x)), 0.5 + 3.5 * np.exp(-from_centre / 1.6), 0.35 + 2.2 * hot, 0.6 + from_centre / 12])
    odds[:, -1] = odds[:, :-1].sum(axis=1) * 2e-5
    return _slots(odds, BEAT_SLOTS)


def _slots(odds: np.ndarray, slots: int) -> np.ndarray:
    """Turn each row of odds into a table of equally likely slots."""
    cumulated = np.cumsum(odds, axis=1) / odds.sum(axis=1, keepdims=True)
    middles = (np.arange(slots) + 0.5) / slots
    return np.stack([np.searchsorted(row, middles) for row in cumulated]).clip(max=odds.shape[1] - 1).astype(np.int16)


def _point_effect(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, station_x: np.ndarray, station_y: np.ndarray, beat_district: np.ndarray
) -> np.ndarray:
    squared = [(x - sx) ** 2 + (y - sy) ** 2 for sx, sy in zip(station_x, station_y, strict=True)]
    miles = np.sqrt(np.min(squared, axis=0)) / 5_280
    by_district = rng.normal(0, 0.3, beat_district.max() + 1)[beat_district]
    by_beat = by_district + rng.normal(0, 0.2, len(beat_district))
    return (np.repeat(by_beat, POINTS_PER_BEAT) - 0.15 * (miles - 1)).astype(np.float32)


def _detail_texts() -> dict[str, pa.Array]:
    details = all_details()
    return {
        "iucr": pa.array([detail.iucr for detail in details]),
        "primary_type": pa.array([KINDS[detail.kind].name for detail in details]),
        "description": pa.array([detail.description for detail in details]),
        "fbi_code": pa.array([KINDS[detail.kind].fbi_code for detail in details]),
        "location_description": pa.array([*all_places()[0], None]),
    }


def _beat_texts(districts: list, beat_district: np.ndarray) -> dict[str, pa.Array]:
    codes = [*(row[0] for row in districts), _EXTRA_DISTRICT]
    position = np.concatenate([np.arange(count) for count in np.bincount(beat_district)])
    beats = [f"{codes[d][1:]}{p % 3 + 1}{p // 3 + 1}" for d, p in zip(beat_district, position, strict=True)]
    return {"beat": pa.array(beats), "district": pa.array([codes[d] for d in beat_district])}


def _point_texts(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> dict[str, pa.Array]:
    from pyproj import Transformer

    longitude, latitude = Transformer.from_crs(3435, 4326, always_xy=True).transform(x, y)
    coordinates = {"x_coordinate": x.astype(np.int64), "y_coordinate": y.astype(np.int64)}
    coordinates |= {"latitude": latitude.round(9), "longitude": longitude.round(9)}
    placeholder = {"x_coordinate": "0", "y_coordinate": "0", "latitude": "36.619446395", "longitude": "-91.686565684"}
    return {
        **{
            name: pa.concat_arrays([pc.cast(pa.array(values), pa.string()), pa.array([None, placeholder[name]])])
            for name, values in coordinates.items()
        },
        "block": _addresses(x, y, rng.random(len(x)) < 0.5, masked=True),
        "ward": _nearest_of(rng, x, y, _WARDS),
        "community_area": _nearest_of(rng, x, y, _COMMUNITY_AREAS),
    }


def _addresses(x: np.ndarray, y: np.ndarray, on_avenue: np.ndarray, *, masked: bool) -> pa.Array:
    """Return addresses on a grid of streets: numbers count from the origin, 800 to the mile; avenues run north and south."""
    east, north = x - _ORIGIN_X_FT, y - _ORIGIN_Y_FT
    number = (np.abs(np.where(on_avenue, north, east)) / _FEET_PER_NUMBER).astype(np.int64) + 1
    side = pa.array(np.where(on_avenue, np.where(north < 0, "S", "N"), np.where(east < 0, "W", "E")))
    street = (np.abs(np.where(on_avenue, east, north + 330)) // 660).astype(np.int64) % len(_STREETS)
    name = pc.take(pa.array(_STREETS), pa.array(street))
    ending = pa.array(np.where(on_avenue, "AVE", "ST"))
    digits = pc.cast(pa.array(number // 100 if masked else number), pa.string())
    return pc.binary_join_element_wise(pc.binary_join_element_wise(pc.utf8_lpad(digits, 3, "0"), "XX", "") if masked else digits, side, name, ending, " ")


def _nearest_of(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, count: int) -> pa.Array:
    """Return, as text, the number of the nearest of some random points: wards and areas that hang together."""
    middles = rng.choice(len(x), count, replace=False)
    nearest = np.zeros(len(x), np.int64)
    smallest = np.full(len(x), np.inf)
    for number, middle in enumerate(middles, start=1):
        squared = (x - x[middle]) ** 2 + (y - y[middle]) ** 2
        closer = squared < smallest
        nearest[closer], smallest[closer] = number, squared[closer]
    return pc.cast(pa.array(nearest), pa.string())


def _station_records(districts: list, x: np.ndarray, y: np.ndarray) -> dict[str, list[str | None]]:
    from pyproj import Transformer

    x, y = np.append(x, 1_177_700.5), np.append(y, 1_881_650.25)
    longitude, latitude = Transformer.from_crs(3435, 4326, always_xy=True).transform(x, y)
    addresses = _addresses(x, y, np.arange(len(x)) % 2 == 0, masked=False).to_pylist()
    return {
        "district": [*(str(int(row[0])) for row in districts), "Headquarters"],
        "district_name": [*(row[1] for row in districts), "Headquarters"],
        "address": [address.title() for address in addresses],
        "zip": [f"{60_600 + position}" for position in range(1, len(x) + 1)],
        "x_coordinate": [f"{value:.3f}" for value in x],
        "y_coordinate": [f"{value:.3f}" for value in y],
        "latitude": [f"{value:.8f}" for value in latitude],
        "longitude": [f"{value:.8f}" for value in longitude],
    }


def _logit(share: np.ndarray) -> np.ndarray:
    return np.log(share / (1 - share)).astype(np.float32)
