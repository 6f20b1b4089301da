"""The map of the imaginary city: districts, beats, points on a grid of streets, and police stations. It follows from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.chicago_crimes import STATE_PLANE, WGS_84

POINTS_PER_BEAT = 200
FEET_PER_MILE = 5_280

ORIGIN_X_FT, ORIGIN_Y_FT = 1_176_300, 1_900_000
"""Where the numbers of all streets begin, and the middle of the town."""

_FEET_PER_NUMBER = 6.6
_FEET_BETWEEN_STREETS = 660
_COAST_Y_FT = np.array([1_814_000, 1_830_000, 1_860_000, 1_900_000, 1_951_000])
_COAST_X_FT = np.array([1_204_000, 1_199_000, 1_189_000, 1_179_000, 1_164_000])
_WARDS = 50
_COMMUNITY_AREAS = 77

_EXTRA_DISTRICT = "031"
"""A district without a station, on a handful of crimes a year."""

_DISTRICTS = (
    ("001", "Lakegate", 1_176_000, 1_893_000),
    ("002", "Prairie Bend", 1_178_000, 1_873_000),
    ("003", "Stony Crossing", 1_184_000, 1_860_000),
    ("004", "Steelmouth", 1_193_000, 1_842_000),
    ("005", "Canal Heights", 1_180_000, 1_830_000),
    ("006", "Ash Park", 1_172_000, 1_851_000),
    ("007", "Marlow", 1_164_000, 1_862_000),
    ("008", "West Lawn", 1_152_000, 1_862_000),
    ("009", "Stockyard", 1_166_000, 1_881_000),
    ("010", "Millbrook", 1_152_000, 1_890_000),
    ("011", "Garrison", 1_152_000, 1_902_000),
    ("012", "Near Side", 1_165_000, 1_898_000),
    ("014", "Elm Square", 1_158_000, 1_914_000),
    ("015", "Oakfield", 1_140_000, 1_900_000),
    ("016", "Airfield", 1_130_000, 1_935_000),
    ("017", "Albright", 1_150_000, 1_930_000),
    ("018", "Gold Bank", 1_173_000, 1_908_000),
    ("019", "Wharf Hall", 1_168_000, 1_922_000),
    ("020", "Linden", 1_161_000, 1_936_000),
    ("022", "Beacon Hill", 1_167_000, 1_834_000),
    ("024", "Northgate", 1_163_000, 1_945_000),
    ("025", "Western Grove", 1_139_000, 1_916_000),
)
"""Code, name and middle (EPSG:3435) of each district with a station."""

_STREETS = (
    *("ALDER", "ASPEN", "BARLOW", "BEECH", "BIRCH", "BRIAR", "CEDAR", "CLARION", "CLOVER", "COBALT", "COLLIER", "CORAL", "CYPRESS"),
    *("DALTON", "DRAKE", "ELDER", "EMBER", "FENTON", "FERN", "FLINT", "GARNET", "HARBOR", "HAWTHORN", "HAZEL", "HERON", "HOLLY"),
    *("IRON", "IVY", "JASPER", "JUNIPER", "KESTREL", "LARCH", "LAUREL", "LINDEN", "LOCUST", "MAPLE", "MARSH", "MERCER", "MYRTLE"),
    *("NORWAY", "OAKLEY", "OLIVE", "ORCHARD", "OSPREY", "PEARL", "PINE", "PLUM", "POPLAR", "QUARRY", "RAVEN", "RIVER", "ROWAN"),
    *("SABLE", "SPRUCE", "STERLING", "SUMAC", "TAMARACK", "THORN", "WALNUT", "WILLOW", "YEW"),
)


@dataclass(frozen=True)
class CityMap:
    """Where things are; positions in feet of EPSG:3435.

    Attributes:
        beat_district: position of each beat's district; the last beat is the only one of district 031.
        beat_x, beat_y: the beats' middles.
        point_x, point_y: the points at which crimes happen, `POINTS_PER_BEAT` for each beat in turn.
        station_x, station_y: the stations of the districts.
        stations: the portal's fields of the stations as text, Headquarters last.
        texts: text by beat (`beat`, `district`) and by point (`block`, `ward`, `community_area` and the four coordinates); the
            coordinates have two more entries: none, and the portal's placeholder.
    """

    beat_district: np.ndarray
    beat_x: np.ndarray
    beat_y: np.ndarray
    point_x: np.ndarray
    point_y: np.ndarray
    station_x: np.ndarray
    station_y: np.ndarray
    stations: dict[str, list[str]]
    texts: dict[str, pa.Array]


def build_map(rng: np.random.Generator) -> CityMap:
    """Draw a map."""
    beat_district, beat_x, beat_y = _lay_out_beats(rng)
    point_x, point_y = _scatter(rng, np.repeat(beat_x, POINTS_PER_BEAT), np.repeat(beat_y, POINTS_PER_BEAT), 1_100)
    point_x, point_y = np.rint(point_x), np.rint(point_y)
    middle_x, middle_y = (np.array([district[axis] for district in _DISTRICTS], float) for axis in (2, 3))
    station_x, station_y = _scatter(rng, middle_x, middle_y, 900)
    return CityMap(
        beat_district=beat_district,
        beat_x=beat_x,
        beat_y=beat_y,
        point_x=point_x,
        point_y=point_y,
        station_x=station_x,
        station_y=station_y,
        stations=_station_records(station_x, station_y),
        texts={**_beat_texts(beat_district), **_point_texts(rng, point_x, point_y)},
    )


def _lay_out_beats(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return district, x and y of each beat: twelve in a district, thirteen in every other one, and one for district 031."""
    district = np.repeat(np.arange(len(_DISTRICTS)), [12 + position % 2 for position in range(len(_DISTRICTS))])
    middle_x, middle_y = (np.array([row[axis] for row in _DISTRICTS], float)[district] for axis in (2, 3))
    x, y = _scatter(rng, middle_x, middle_y, 3_000)
    return np.append(district, len(_DISTRICTS)), np.append(x, 1_133_000), np.append(y, 1_948_000)


def _scatter(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, spread_ft: float) -> tuple[np.ndarray, np.ndarray]:
    """Move positions at random; those that fall into the lake come ashore."""
    x, y = x + rng.normal(0, spread_ft, len(x)), y + rng.normal(0, spread_ft, len(y))
    coast = np.interp(y, _COAST_Y_FT, _COAST_X_FT)
    return np.where(x > coast, coast - np.abs(x - coast) % 2_000, x), y


def _beat_texts(beat_district: np.ndarray) -> dict[str, pa.Array]:
    codes = [*(row[0] for row in _DISTRICTS), _EXTRA_DISTRICT]
    position = np.concatenate([np.arange(count) for count in np.bincount(beat_district)])
    beats = [f"{codes[d][1:]}{p % 3 + 1}{p // 3 + 1}" for d, p in zip(beat_district, position, strict=True)]
    return {"beat": pa.array(beats), "district": pa.array([codes[d] for d in beat_district])}


def _point_texts(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> dict[str, pa.Array]:
    longitude, latitude = _to_degrees(x, y)
    coordinates = {
        "x_coordinate": (x.astype(np.int64), "0"),
        "y_coordinate": (y.astype(np.int64), "0"),
        "latitude": (latitude.round(9), "36.619446395"),
        "longitude": (longitude.round(9), "-91.686565684"),
    }
    return {
        **{
            name: pa.concat_arrays([pc.cast(pa.array(values), pa.string()), pa.array([None, placeholder])])
            for name, (values, placeholder) in coordinates.items()
        },
        "block": _addresses(x, y, rng.random(len(x)) < 0.5, masked=True),
        "ward": _nearest_of(rng, x, y, _WARDS),
        "community_area": _nearest_of(rng, x, y, _COMMUNITY_AREAS),
    }


def _to_degrees(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from geopandas import GeoSeries

    points = GeoSeries.from_xy(x, y, crs=STATE_PLANE).to_crs(WGS_84)
    return points.x.to_numpy(), points.y.to_numpy()


def _addresses(x: np.ndarray, y: np.ndarray, on_avenue: np.ndarray, *, masked: bool) -> pa.Array:
    """Return addresses on a grid of streets: numbers count from the origin, 800 to the mile; avenues run north and south."""
    east, north = x - ORIGIN_X_FT, y - ORIGIN_Y_FT
    number = (np.abs(np.where(on_avenue, north, east)) / _FEET_PER_NUMBER).astype(np.int64) + 1
    side = pa.array(np.where(on_avenue, np.where(north < 0, "S", "N"), np.where(east < 0, "W", "E")))
    street = (np.abs(np.where(on_avenue, east, north)) // _FEET_BETWEEN_STREETS).astype(np.int64) % len(_STREETS)
    name = pc.take(pa.array(_STREETS), pa.array(street))
    ending = pa.array(np.where(on_avenue, "AVE", "ST"))
    shown = pc.cast(pa.array(number // 100 if masked else number), pa.string())
    if masked:
        shown = pc.binary_join_element_wise(pc.utf8_lpad(shown, 3, "0"), "XX", "")
    return pc.binary_join_element_wise(shown, side, name, ending, " ")


def _nearest_of(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, count: int) -> pa.Array:
    """Return, as text, the number of the nearest of some random points: wards and areas that hang together."""
    nearest = np.zeros(len(x), np.int64)
    smallest = np.full(len(x), np.inf)
    for number, middle in enumerate(rng.choice(len(x), count, replace=False), start=1):
        squared = (x - x[middle]) ** 2 + (y - y[middle]) ** 2
        closer = squared < smallest
        nearest[closer], smallest[closer] = number, squared[closer]
    return pc.cast(pa.array(nearest), pa.string())


def _station_records(x: np.ndarray, y: np.ndarray) -> dict[str, list[str]]:
    x, y = np.append(x, 1_177_700.5), np.append(y, 1_881_650.25)
    longitude, latitude = _to_degrees(x, y)
    return {
        "district": [*(str(int(row[0])) for row in _DISTRICTS), "Headquarters"],
        "district_name": [*(row[1] for row in _DISTRICTS), "Headquarters"],
        "address": [text.title() for text in _addresses(x, y, np.arange(len(x)) % 2 == 0, masked=False).to_pylist()],
        "zip": [f"{60_601 + position}" for position in range(len(x))],
        "x_coordinate": [f"{value:.3f}" for value in x],
        "y_coordinate": [f"{value:.3f}" for value in y],
        "latitude": [f"{value:.8f}" for value in latitude],
        "longitude": [f"{value:.8f}" for value in longitude],
    }
