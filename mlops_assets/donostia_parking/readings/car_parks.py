"""Car parks as a slowly changing dimension: what was seen of them each day, and the versions that follow from all days."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_assets.contracts.frames import empty_frame, to_arrow, to_pandas
from mlops_assets.donostia_parking.contracts import CAR_PARK_SIGHTINGS, CAR_PARKS
from mlops_assets.donostia_parking.readings.descriptions import Description

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.cities import City

GONE_AFTER = timedelta(days=7)
"""A car park that the feed has not listed for this long, while it listed others, is gone; it may come back."""

_ATTRIBUTES = [name for name in Description._fields if name not in ("car_park_id", "unread_values")]


def find_sightings(rows: pd.DataFrame, descriptions: pd.DataFrame, city: City) -> pd.DataFrame:
    """Return each stretch of readings in which the same was said about a car park.

    Args:
        rows: `read_at`, `car_park` (a number per car park) and `description` (a row of `descriptions`).
        descriptions: the fields of `Description`.
        city: whose car parks they are.

    Returns:
        Rows of the contract `CAR_PARK_SIGHTINGS`, by car park and moment.
    """
    ordered = rows.sort_values(["car_park", "read_at"], kind="stable")
    stretch = (ordered[["car_park", "description"]].diff() != 0).any(axis=1).cumsum()
    seen = ordered.groupby(stretch.to_numpy()).agg(
        description=("description", "first"), first_seen_at=("read_at", "min"), last_seen_at=("read_at", "max")
    )
    said = descriptions.take(seen["description"].to_numpy(np.int64)).set_index(seen.index)
    frame = pd.concat([seen.drop(columns="description"), said[["car_park_id", *_ATTRIBUTES]]], axis=1).assign(city_code=city.code)
    return to_pandas(to_arrow(frame, CAR_PARK_SIGHTINGS))


def build_car_parks(sightings: pd.DataFrame, gone_after: timedelta = GONE_AFTER) -> pd.DataFrame:
    """Return the versions of every car park.

    A version ends where something known about the car park becomes something else. What a sighting does not say counts as
    unchanged; what an earlier one did not say and the next one does is taken to have been so before.

    Args:
        sightings: rows of the contract `CAR_PARK_SIGHTINGS` of any days, in any order; days may be missing.
        gone_after: how long a car park must be missing before its version ends.

    Returns:
        Rows of the contract `CAR_PARKS`, by city, car park and time.
    """
    if sightings.empty:
        return empty_frame(CAR_PARKS)
    ordered = sightings.sort_values(["city_code", "car_park_id", "first_seen_at", "last_seen_at"], kind="stable")
    versions: list[dict[str, Any]] = []
    for sighting in to_arrow(ordered, CAR_PARK_SIGHTINGS).to_pylist():
        _add_sighting(versions, sighting)
    frame = pd.DataFrame(versions)
    _end_versions(frame, ordered.groupby("city_code")["last_seen_at"].max(), gone_after)
    return to_pandas(to_arrow(frame, CAR_PARKS))


def _add_sighting(versions: list[dict[str, Any]], sighting: dict[str, Any]) -> None:
    """Lengthen the last version if the sighting fits it, or else begin another one."""
    known = versions[-1] if versions else {}
    is_same_car_park = all(known.get(name) == sighting[name] for name in ("city_code", "car_park_id"))
    if is_same_car_park:
        merged = {name: known[name] if sighting[name] is None else sighting[name] for name in _ATTRIBUTES}
        if all(known[name] is None or known[name] == merged[name] for name in _ATTRIBUTES):
            known |= merged
            known["last_seen_at"] = max(known["last_seen_at"], sighting["last_seen_at"])
            return
        sighting = sighting | merged
    versions.append(sighting | {"valid_from_at": sighting.pop("first_seen_at")})


def _end_versions(versions: pd.DataFrame, newest_of_city: pd.Series, gone_after: timedelta) -> None:
    """Add the end of each version: the beginning of the next one, or the last sight of a car park that is gone."""
    newest = versions["city_code"].map(newest_of_city)
    next_from = versions.groupby(["city_code", "car_park_id"])["valid_from_at"].shift(-1)
    last_seen = versions["last_seen_at"].where(newest - versions["last_seen_at"] >= gone_after)
    versions["valid_to_at"] = next_from.fillna(last_seen)
    versions["is_current"] = versions["valid_to_at"].isna()
