"""Which landed snapshots a day needs, and their names; see `request_names`.

`city=donostia/utc_date=2025-10-09/215854.123456Z-1f0c9a52.json` was requested at 21:58:54.123456 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.sources.base import CSV_TYPE, JSON_TYPE, Snapshot
from mlops_assets.errors import SourceError
from mlops_assets.stores.landing.request_names import RequestNames, requested_at

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.days import LocalDay

LOOK_BACK = timedelta(days=2)
"""How far before a day snapshots are looked at: a car park counts as stuck at zero after a day, readings may be hours apart."""

_EXTENSIONS = {JSON_TYPE: "json", CSV_TYPE: "csv"}
_MEDIA_TYPES = {extension: media_type for media_type, extension in _EXTENSIONS.items()}


def snapshot_names(city: City) -> RequestNames:
    """Return the names that the snapshots of a city get, below the asset's own folder."""
    return RequestNames(f"city={city.code}/", per="day")


def snapshot_name(city: City, snapshot: Snapshot) -> str:
    """Return the name under which a snapshot lands."""
    extension = _EXTENSIONS.get(snapshot.media_type, "txt")
    return snapshot_names(city).name(snapshot.requested_at, snapshot.body, extension)


def landed_snapshot(name: str, body: bytes) -> Snapshot:
    """Return the snapshot that landed under a name.

    Raises:
        SourceError: the name is that of something else.
    """
    moment = requested_at(name)
    if moment is None:
        raise SourceError(f"snapshots: {name!r} is not the name of a landed snapshot")
    return Snapshot(moment, body, name, _MEDIA_TYPES.get(name.rpartition(".")[2], "text/plain"))


def folders_of(city: City, day: LocalDay) -> list[str]:
    """Return the folders, in order, that hold the snapshots which a day's readings are made from."""
    return snapshot_names(city).folders(day.start - LOOK_BACK, day.end)


def names_for_day(names: Iterable[str], day: LocalDay) -> list[str]:
    """Return which snapshots a day's readings are made from, in order of time.

    These are all snapshots of the day, and of the two days before the last one of each hour: enough to see whether the feed has
    been stale, even if somebody asked every 15 seconds. Names of anything else are passed over.
    """
    start, end = day.start, day.end
    of_day: list[str] = []
    last_of_hour: dict[datetime, str] = {}
    for name in sorted(names):
        moment = requested_at(name)
        if moment is None:
            continue
        if start <= moment < end:
            of_day.append(name)
        elif start - LOOK_BACK <= moment < start:
            last_of_hour[moment.replace(minute=0, second=0, microsecond=0)] = name
    return [*last_of_hour.values(), *of_day]
