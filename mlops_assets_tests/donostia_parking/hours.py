"""Rows of `hourly_free`: made up for small tests, and recorded ones by a short way past the tables."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID, HOURLY_FREE
from mlops_assets.donostia_parking.readings.quality import find_stale
from mlops_assets_tests.shared_data import shared_data

FIRST_HOUR = pd.Timestamp("2022-01-03 00:00", tz="UTC")
"""The first hour of a Monday, by UTC."""
ZONE = "Europe/Madrid"


def hourly_rows(first: pd.Timestamp = FIRST_HOUR, total: int | None = 1000, **series: npt.ArrayLike) -> pd.DataFrame:
    """Return the hours of car parks from a moment on, and of the city as the sum of those that are given; NaN is no reading."""
    numbers = {name: np.asarray(values, dtype=float) for name, values in series.items()}
    numbers[CITY_TOTAL_ID] = np.sum(list(numbers.values()), axis=0)
    parts = []
    for name, values in numbers.items():
        places = None if total is None else total * (len(series) if name == CITY_TOTAL_ID else 1)
        parts.append(_hours_of(name, first, values, places))
    return conformed(pd.concat(parts, ignore_index=True))


def conformed(rows: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    """Return rows with the types that the lake gives them, with some columns changed."""
    return to_pandas(to_arrow(rows.assign(**changes), HOURLY_FREE))


def _hours_of(name: str, first: pd.Timestamp, values: np.ndarray, places: int | None) -> pd.DataFrame:
    hour_at = pd.date_range(first, periods=len(values), freq="h", unit="us")
    local = hour_at.tz_convert(ZONE)
    is_read = ~np.isnan(values)
    return pd.DataFrame(
        {
            "city_code": "donostia",
            "car_park_id": name,
            "hour_at": hour_at,
            "is_city_total": name == CITY_TOTAL_ID,
            "local_date": local.date,
            "local_hour": local.hour,
            "free_spaces": pd.array(values.round(), dtype="Int32"),
            "capacity": pd.array([places] * len(values), dtype="Int32"),
            "read_at": hour_at.where(is_read, None),
            "is_filled": False,
            "is_complete": is_read,
            "is_stale": False,
            "is_stuck_at_zero": False,
        }
    )


@lru_cache(maxsize=1)
def recorded_hours() -> pd.DataFrame:
    """Return the hours recorded in early 2022: the last reading of each, stale ones flagged, nothing filled."""
    readings = pd.read_csv(shared_data("parking/donostia_2022-01_to_03.csv.gz"))
    readings.columns = ["name", "free", "read_at"]
    readings["read_at"] = pd.to_datetime(readings["read_at"], utc=True)
    readings["car_park_id"] = readings["name"].map(DONOSTIA.id_of)
    numbers, names = pd.factorize(readings["car_park_id"])
    moments = readings["read_at"].dt.tz_localize(None).to_numpy()
    readings["is_stale"] = find_stale(moments, numbers, readings["free"].to_numpy())
    readings["hour_at"] = readings["read_at"].dt.floor("h")
    free, stale = (
        readings.pivot_table(index="hour_at", columns="car_park_id", values=column, aggfunc="last").asfreq("h")
        for column in ("free", "is_stale")
    )
    rows = hourly_rows(free.index[0], None, **{name: free[name].clip(lower=0).to_numpy() for name in names})
    flags = {name: stale[name].eq(True).to_numpy() for name in names} | {CITY_TOTAL_ID: stale.eq(True).any(axis=1).to_numpy()}
    places = _recorded_spaces()
    return conformed(
        rows,
        is_stale=np.concatenate([flags[name] for name in rows["car_park_id"].unique()]),
        capacity=rows["car_park_id"].map({**places, CITY_TOTAL_ID: sum(places.values())}).astype("Int32"),
    )


def _recorded_spaces() -> dict[str, int]:
    """Return how many places each car park had by the feed's answer of 2025."""
    answer = json.loads(shared_data("parking/donostia_api_response_2025-10-09.json").read_text(encoding="utf-8"))
    said = [feature["properties"] for feature in answer["features"]]
    return {car_park["noteId"]: int(car_park["plazasRotatorias"] + car_park["plazasResidentes"]) for car_park in said}
