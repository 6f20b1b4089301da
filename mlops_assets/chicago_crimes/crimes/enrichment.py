"""Where and when a crime happened, in usable form: checked position, nearest station, local calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.chicago_crimes.contracts import PROVENANCE_COLUMNS

_METRES_PER_SURVEY_FOOT = 1200 / 3937
_STATE_PLANE = "EPSG:3435"
_WGS_84 = "EPSG:4326"
_COORDINATES = ["x_ft", "y_ft", "latitude_deg", "longitude_deg"]

# The bounding box of Illinois in the state plane: generous, for it only has to tell a crime in Chicago from a typing error.
_ILLINOIS_X_FT = (50_000, 1_375_000)
_ILLINOIS_Y_FT = (113_000, 2_145_000)

# Older records carry the state plane's origin, in feet and as degrees, instead of no position.
_ORIGIN_LATITUDE_DEG, _ORIGIN_LONGITUDE_DEG = 36.619446395, -91.686565684
_ORIGIN_TOLERANCE_DEG = 1e-6

_SEASON_OF_MONTH = np.array(["winter"] * 2 + ["spring"] * 3 + ["summer"] * 3 + ["autumn"] * 3 + ["winter"], dtype=object)
_TIME_OF_DAY_OF_HOUR = np.repeat(np.array(["night", "morning", "afternoon", "evening"], dtype=object), 6)


def enrich_crimes(crimes: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """Add position status, nearest station, distance and local calendar to crimes.

    Args:
        crimes: at least `occurred_at` (UTC) and the four coordinates of `raw_crimes`.
        stations: `police_stations`.

    Returns:
        The same rows in the same order, without what they say about their records. Where a position cannot be used, all four
        coordinates, the station and the distance are missing and `location_status` says why.
    """
    located = add_nearest_station(clean_positions(crimes), stations)
    return add_local_calendar(located).drop(columns=list(PROVENANCE_COLUMNS), errors="ignore")


def clean_positions(crimes: pd.DataFrame) -> pd.DataFrame:
    """Judge each position, complete half-given ones, and empty the coordinates that stand for nothing."""
    positions = _complete_positions(crimes[_COORDINATES].astype("float64"))
    status = _location_status(crimes[_COORDINATES].astype("float64"), positions)
    positions[(status != "known").to_numpy(dtype=bool)] = np.nan
    return crimes.assign(**{name: positions[name] for name in _COORDINATES}, location_status=status)


def _complete_positions(positions: pd.DataFrame) -> pd.DataFrame:
    """Fill feet from degrees, or degrees from feet, where only one pair is given."""
    no_feet = positions[["x_ft", "y_ft"]].isna().any(axis=1)
    no_degrees = positions[["latitude_deg", "longitude_deg"]].isna().any(axis=1)
    positions = positions.copy()
    if (no_feet & ~no_degrees).any():
        rows = no_feet & ~no_degrees
        x, y = _project(_WGS_84, _STATE_PLANE, positions.loc[rows, "longitude_deg"], positions.loc[rows, "latitude_deg"])
        positions.loc[rows, "x_ft"], positions.loc[rows, "y_ft"] = x, y
    if (no_degrees & ~no_feet).any():
        rows = no_degrees & ~no_feet
        longitude, latitude = _project(_STATE_PLANE, _WGS_84, positions.loc[rows, "x_ft"], positions.loc[rows, "y_ft"])
        positions.loc[rows, "longitude_deg"], positions.loc[rows, "latitude_deg"] = longitude, latitude
    return positions


def _project(source: str, target: str, x: pd.Series, y: pd.Series) -> tuple[list[float], list[float]]:
    from pyproj import Transformer

    # Lists: older versions of pyproj take an array of one position for a number, and NumPy warns about that.
    return Transformer.from_crs(source, target, always_xy=True).transform(x.tolist(), y.tolist())


def _location_status(given: pd.DataFrame, completed: pd.DataFrame) -> pd.Series:
    placeholder = ((given["x_ft"] == 0) & (given["y_ft"] == 0)) | (
        ((given["latitude_deg"] - _ORIGIN_LATITUDE_DEG).abs() < _ORIGIN_TOLERANCE_DEG)
        & ((given["longitude_deg"] - _ORIGIN_LONGITUDE_DEG).abs() < _ORIGIN_TOLERANCE_DEG)
    )
    missing = completed[["x_ft", "y_ft"]].isna().any(axis=1)
    inside = completed["x_ft"].between(*_ILLINOIS_X_FT) & completed["y_ft"].between(*_ILLINOIS_Y_FT)
    status = np.select([placeholder, missing, ~inside], ["placeholder", "missing", "outside_illinois"], default="known")
    return pd.Series(status, index=given.index, dtype="string[pyarrow]")


def add_nearest_station(crimes: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """Add the nearest station that serves a district, and the straight distance to it in metres.

    A station farther north than another by the curvature of the earth does not matter here: within the city, distances in the state
    plane are true to a few centimetres a kilometre.
    """
    from scipy.spatial import cKDTree

    serving = stations.loc[~stations["is_headquarters"].astype(bool)].sort_values("station_code", ignore_index=True)
    known = (crimes["location_status"] == "known").to_numpy(dtype=bool)
    distance_ft, index = cKDTree(serving[["x_ft", "y_ft"]].to_numpy()).query(crimes.loc[known, ["x_ft", "y_ft"]].to_numpy())
    code = np.full(len(crimes), None, dtype=object)
    distance_m = np.full(len(crimes), np.nan)
    code[known] = serving["station_code"].to_numpy(dtype=object)[index]
    distance_m[known] = distance_ft * _METRES_PER_SURVEY_FOOT
    return crimes.assign(nearest_station_code=pd.array(code, dtype="string[pyarrow]"), distance_to_station_m=distance_m)


def add_local_calendar(crimes: pd.DataFrame) -> pd.DataFrame:
    """Add season, weekday, hour and time of day as clocks and calendars in Chicago showed them."""
    local = crimes["occurred_at"].dt.tz_convert(TIME_ZONE).dt
    hour = local.hour.to_numpy()
    return crimes.assign(
        season=_as_text(_SEASON_OF_MONTH[local.month.to_numpy() - 1]),
        local_weekday=((local.dayofweek.to_numpy() + 1) % 7).astype("int8"),
        local_hour=hour.astype("int8"),
        time_of_day=_as_text(_TIME_OF_DAY_OF_HOUR[hour]),
    )


def _as_text(values: np.ndarray) -> pd.api.extensions.ExtensionArray:
    return pd.array(values, dtype="string[pyarrow]")
