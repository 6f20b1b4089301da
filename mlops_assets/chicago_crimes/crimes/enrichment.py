"""Where and when a crime happened, in usable form: checked position, nearest station, local calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.chicago_crimes.contracts import PROVENANCE_COLUMNS
from mlops_assets.chicago_crimes.crimes.positions import COORDINATES, complete_positions, find_nearest

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
    given = crimes[COORDINATES].astype("float64")
    positions = complete_positions(given)
    status = _location_status(given, positions)
    positions[(status != "known").to_numpy(dtype=bool)] = np.nan
    return crimes.assign(**{name: positions[name] for name in COORDINATES}, location_status=status)


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
    """Add the nearest station that serves a district, the first one by code of several as near, and its distance in metres."""
    serving = stations.loc[~stations["is_headquarters"].astype(bool)].sort_values("station_code", ignore_index=True)
    known = (crimes["location_status"] == "known").to_numpy(dtype=bool)
    code = np.full(len(crimes), None, dtype=object)
    distance_m = np.full(len(crimes), np.nan)
    station, distance_m[known] = find_nearest(serving, crimes.loc[known, ["x_ft", "y_ft"]])
    code[known] = serving["station_code"].to_numpy(dtype=object)[station]
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
