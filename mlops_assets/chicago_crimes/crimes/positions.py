"""Positions in both of the portal's systems, and which of some places is nearest: geopandas for whole columns of coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops_assets.chicago_crimes import STATE_PLANE, WGS_84

if TYPE_CHECKING:
    from geopandas import GeoSeries
    from numpy.typing import ArrayLike

_METRES_PER_SURVEY_FOOT = 1200 / 3937
_FEET, _DEGREES = ["x_ft", "y_ft"], ["longitude_deg", "latitude_deg"]
COORDINATES = ["x_ft", "y_ft", "latitude_deg", "longitude_deg"]


def complete_positions(positions: pd.DataFrame) -> pd.DataFrame:
    """Fill feet from degrees, or degrees from feet, where only one pair is given; half a pair counts as none.

    Args:
        positions: `COORDINATES` as floats, NaN where missing: feet in EPSG:3435, degrees in EPSG:4326.
    """
    no_feet, no_degrees = positions[_FEET].isna().any(axis=1), positions[_DEGREES].isna().any(axis=1)
    positions = positions.copy()
    if (rows := no_feet & ~no_degrees).any():
        positions.loc[rows, _FEET] = as_feet(positions[rows])
    if (rows := no_degrees & ~no_feet).any():
        positions.loc[rows, _DEGREES] = as_degrees(positions[rows])
    return positions


def as_degrees(positions: pd.DataFrame) -> np.ndarray:
    """Return longitude and latitude of places given by `x_ft` and `y_ft`, one row each."""
    return _points(positions["x_ft"], positions["y_ft"], STATE_PLANE).to_crs(WGS_84).get_coordinates().to_numpy()


def as_feet(positions: pd.DataFrame) -> np.ndarray:
    """Return x and y of places given by `longitude_deg` and `latitude_deg`, one row each."""
    return _points(positions["longitude_deg"], positions["latitude_deg"], WGS_84).to_crs(STATE_PLANE).get_coordinates().to_numpy()


def find_nearest(places: pd.DataFrame, positions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest place of each position, by straight lines in the state plane.

    A place farther north than another by the curvature of the earth does not matter here: within the city, distances in the state
    plane are true to a few centimetres a kilometre.

    Args:
        places: at least one, by `x_ft` and `y_ft`.
        positions: any number of them, by `x_ft` and `y_ft`, none missing.

    Returns:
        For each position the row of its place, counted from 0, the first one of equally near ones; and its distance in metres.
    """
    # Crimes are recorded at the middle of their block, so that many share a position, and each is looked up once.
    looked_up, distinct = pd.factorize(positions["x_ft"].to_numpy() + 1j * positions["y_ft"].to_numpy())
    (position, place), distance_ft = _points(places["x_ft"], places["y_ft"], STATE_PLANE).sindex.nearest(
        _points(distinct.real, distinct.imag, STATE_PLANE), return_all=True, return_distance=True
    )
    # Equally near places follow each other, in no promised order; their distance is the same.
    starts = np.flatnonzero(np.diff(position, prepend=-1))
    nearest = np.minimum.reduceat(place, starts) if len(starts) else place
    return nearest[looked_up], distance_ft[starts][looked_up] * _METRES_PER_SURVEY_FOOT


def _points(x: ArrayLike, y: ArrayLike, system: str) -> GeoSeries:
    from geopandas import GeoSeries

    return GeoSeries.from_xy(np.asarray(x), np.asarray(y), crs=system)
