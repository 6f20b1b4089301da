"""Where car parks are: the feed's metres and degrees.

One point at a time, as readings are read; for that, geopandas would take 300 times as long as pyproj, on which it stands.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_assets.donostia_parking.sources.feed_values import read_number

if TYPE_CHECKING:
    from pyproj import Transformer

METRES = 25830
"""UTM zone 30N on ETRS89: the feed's coordinates, whatever GeoJSON says about degrees."""

DEGREES = 4326

_LARGEST_DEGREES = 180
_ZONE_WIDTH_M = (100_000, 900_000)
_NORTHERN_HEMISPHERE_M = (0, 9_400_000)


class Position(NamedTuple):
    """A place in both systems; all empty if it is not known."""

    x_m: float | None = None
    y_m: float | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None


def read_position(x: Any, y: Any) -> Position:
    """Return the place that a point of the feed means; an empty one for placeholders and whatever else cannot be one.

    Args:
        x: easting in metres, or longitude.
        y: northing in metres, or latitude.
    """
    first, second = read_number(x), read_number(y)
    if first is None or second is None or first == second == 0:
        return Position()
    if abs(first) <= _LARGEST_DEGREES and abs(second) <= _LARGEST_DEGREES / 2:
        x_m, y_m = _transformer(DEGREES, METRES).transform(first, second)
        return (
            Position(round(x_m, 3), round(y_m, 3), second, first) if _is_in_zone(x_m, y_m) else Position(None, None, second, first)
        )
    if not _is_in_zone(first, second):
        return Position()
    longitude, latitude = _transformer(METRES, DEGREES).transform(first, second)
    return Position(first, second, round(latitude, 7), round(longitude, 7))


def _is_in_zone(x_m: float, y_m: float) -> bool:
    return _ZONE_WIDTH_M[0] <= x_m <= _ZONE_WIDTH_M[1] and _NORTHERN_HEMISPHERE_M[0] <= y_m <= _NORTHERN_HEMISPHERE_M[1]


@lru_cache
def _transformer(from_system: int, to_system: int) -> Transformer:
    from pyproj import Transformer

    return Transformer.from_crs(from_system, to_system, always_xy=True)
