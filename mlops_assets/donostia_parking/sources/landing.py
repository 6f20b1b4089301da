"""Names of landed snapshots. A name says when the request was made and what came, so landing twice is landing once.

`city=donostia/utc_date=2025-10-09/215854.123456Z-1f0c9a52.json` was requested at 21:58:54.123456 UTC; the last part is the
beginning of the body's SHA-256. Two bodies of one moment, as overlapping recordings give them, are two objects: nothing that
landed is ever overwritten, and a frozen feed shows in a listing as a repeated ending.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.sources.base import CSV_TYPE, JSON_TYPE, Snapshot
from mlops_assets.errors import SourceError

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.days import LocalDay

LOOK_BACK = timedelta(days=2)
"""How far before a day snapshots are looked at: a car park counts as always zero after a day, readings may be hours apart."""

_EXTENSIONS = {JSON_TYPE: "json", CSV_TYPE: "csv"}
_MEDIA_TYPES = {extension: media_type for media_type, extension in _EXTENSIONS.items()}
_NAME = re.compile(r"city=[a-z]+/utc_date=(?P<date>\d{4}-\d{2}-\d{2})/(?P<time>\d{6}\.\d{6})Z-[0-9a-f]{8}\.(?P<extension>\w+)")


def snapshot_name(city: City, snapshot: Snapshot) -> str:
    """Return the name under which a snapshot lands, below the asset's own folder."""
    moment = snapshot.requested_at.astimezone(timezone.utc)
    digest = hashlib.sha256(snapshot.body).hexdigest()[:8]
    extension = _EXTENSIONS.get(snapshot.media_type, "txt")
    return f"{_folder(city, moment)}{moment:%H%M%S.%f}Z-{digest}.{extension}"


def is_snapshot_name(name: str) -> bool:
    """Tell whether a name is that of a landed snapshot, and not of something that a file manager or an editor left there."""
    return _read_name(name) is not None


def requested_at_of(name: str) -> datetime:
    """Return the moment in the name of a landed snapshot.

    Raises:
        SourceError: it is another name.
    """
    moment = _read_name(name)
    if moment is None:
        raise SourceError(f"snapshots: {name!r} is not the name of a landed snapshot")
    return moment


def landed_snapshot(name: str, body: bytes) -> Snapshot:
    """Return the snapshot that landed under a name."""
    media_type = _MEDIA_TYPES.get(name.rpartition(".")[2], "text/plain")
    return Snapshot(requested_at_of(name), body, name, media_type)


def folders_of(city: City, day: LocalDay) -> list[str]:
    """Return the folders, in order, that hold the snapshots which a day's readings are made from."""
    dates = (day.end - timedelta(microseconds=1)).date() - (day.start - LOOK_BACK).date()
    return [_folder(city, day.start - LOOK_BACK + timedelta(days=number)) for number in range(dates.days + 1)]


def all_folders(city: City) -> str:
    """Return what the names of all snapshots of a city begin with."""
    return f"city={city.code}/"


def names_for_day(names: Iterable[str], day: LocalDay) -> list[str]:
    """Return which snapshots a day's readings are made from, in order of time.

    These are all snapshots of the day, and of the two days before the last one of each hour: enough to see whether the feed has
    been frozen, even if somebody asked every 15 seconds. Names of anything else are passed over.
    """
    start, end = day.start, day.end
    of_day: list[str] = []
    last_of_hour: dict[datetime, str] = {}
    for name in sorted(filter(is_snapshot_name, names)):
        moment = requested_at_of(name)
        if start <= moment < end:
            of_day.append(name)
        elif start - LOOK_BACK <= moment < start:
            last_of_hour[moment.replace(minute=0, second=0, microsecond=0)] = name
    return [*last_of_hour.values(), *of_day]


def _folder(city: City, moment: datetime) -> str:
    return f"{all_folders(city)}utc_date={moment:%Y-%m-%d}/"


def _read_name(name: str) -> datetime | None:
    """Return the moment in a name of ours; None for any other name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    time = found["time"]
    try:
        return datetime.fromisoformat(f"{found['date']}T{time[:2]}:{time[2:4]}:{time[4:]}+00:00")
    except ValueError:
        return None
