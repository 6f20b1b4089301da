"""What the page of Chicago reads: the crimes of a month with what was predicted, police stations, drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlops_assets.chicago_crimes.contracts import ENRICHED_CRIMES, POLICE_STATIONS
from mlops_assets.chicago_crimes.model_contracts import ARREST_DRIFT, ARREST_PREDICTIONS
from mlops_assets.dashboard.errors import not_made_yet
from mlops_assets.dashboard.tables.partitions import latest_in_warehouse, read_from_lake
from mlops_assets.partition import Partition

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.stores.registry import Stores

AreaKind = Literal["nearest_station_code", "district_code"]

_SHOWN_MONTHS = 60
_CELL_DEG = 0.01
"""About a kilometre."""
_MONTH_LETTERS = len("2024-01")


def read_months(stores: Stores) -> list[str]:
    """Return the months with predictions, such as `2024-01`, the newest first.

    Raises:
        NothingToShowError: there is none yet.
    """
    found = latest_in_warehouse(stores, ARREST_PREDICTIONS, _SHOWN_MONTHS)
    return [partition.key[:_MONTH_LETTERS] for partition in reversed(found)]


def read_crimes(stores: Stores, month: str) -> pd.DataFrame:
    """Return the crimes of a month that were scored: where they were, `is_arrest` as recorded, and `arrest_probability`."""
    partition = Partition("month", month)
    columns = ["crime_id", "district_code", "nearest_station_code", "is_arrest", "latitude_deg", "longitude_deg"]
    crimes = read_from_lake(stores, ENRICHED_CRIMES, [partition], columns)
    predictions = stores.warehouse(ARREST_PREDICTIONS.domain).read(ARREST_PREDICTIONS, [partition])
    return crimes.merge(predictions[["crime_id", "arrest_probability", "is_arrest_predicted"]], on="crime_id")


def read_stations(stores: Stores) -> pd.DataFrame:
    """Return the police stations that serve a district: `district_code`, `station_name` and their position."""
    columns = ["district_code", "station_name", "is_headquarters", "latitude_deg", "longitude_deg"]
    stations = read_from_lake(stores, POLICE_STATIONS, [None], columns)
    return stations.loc[~stations["is_headquarters"]].drop(columns="is_headquarters")


def read_drift(stores: Stores) -> pd.DataFrame:
    """Return what `arrest_drift` says of every month.

    Raises:
        NothingToShowError: no month was compared yet.
    """
    drift = stores.warehouse(ARREST_DRIFT.domain).read(ARREST_DRIFT)
    if drift.empty:
        raise not_made_yet("month whose drift was measured", ARREST_DRIFT.domain)
    return drift


def arrests_by_area(crimes: pd.DataFrame, stations: pd.DataFrame, kind: AreaKind) -> pd.DataFrame:
    """Count recorded and expected arrests in each area.

    Args:
        crimes: as `read_crimes` returns them.
        stations: as `read_stations` returns them.
        kind: whether an area is a police district, or what is nearest to a station.

    Returns:
        A row for each area: `area_code`, `area_name`, position in degrees (of a district, the median of its crimes),
        `crime_count`, `recorded_count`, `expected_count` (the sum of probabilities), `recorded_share`, `expected_share` and
        `difference` of the shares, expected less recorded, all in percent.
    """
    found = (
        crimes.groupby(kind)
        .agg(
            crime_count=("crime_id", "size"),
            recorded_count=("is_arrest", "sum"),
            expected_count=("arrest_probability", "sum"),
            latitude_deg=("latitude_deg", "median"),
            longitude_deg=("longitude_deg", "median"),
        )
        .rename_axis("area_code")
        .reset_index()
        .merge(
            stations.rename(columns={"district_code": "area_code", "station_name": "area_name"}),
            on="area_code",
            how="left",
            suffixes=("", "_of_station"),
        )
    )
    if kind == "nearest_station_code":
        for name in ("latitude_deg", "longitude_deg"):
            found[name] = found[f"{name}_of_station"]
    found["area_name"] = found["area_name"].fillna("District " + found["area_code"])
    found["recorded_share"] = 100 * found["recorded_count"] / found["crime_count"]
    found["expected_share"] = 100 * found["expected_count"] / found["crime_count"]
    found["difference"] = found["expected_share"] - found["recorded_share"]
    shown = found.drop(columns=["latitude_deg_of_station", "longitude_deg_of_station"])
    return shown.dropna(subset=["latitude_deg", "longitude_deg"]).reset_index(drop=True)


def crimes_by_cell(crimes: pd.DataFrame) -> pd.DataFrame:
    """Count crimes in cells of about a square kilometre, which together look like the city: position in degrees, `crime_count`."""
    placed = crimes[["latitude_deg", "longitude_deg"]].dropna()
    cells = (placed / _CELL_DEG).round() * _CELL_DEG
    return cells.groupby(["latitude_deg", "longitude_deg"]).size().rename("crime_count").reset_index()
