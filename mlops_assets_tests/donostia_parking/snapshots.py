"""Features, bodies and snapshots as small as tests want them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.contracts.checking import find_violations
from mlops_assets.donostia_parking.contracts import CAR_PARK_SIGHTINGS, READINGS, REJECTED_READINGS
from mlops_assets.donostia_parking.readings.daily import DayOfReadings
from mlops_assets.donostia_parking.sources.base import CSV_TYPE, Snapshot

BOULEVARD = "C6EF619B328BF329C1257D6B00310623"
ATOTXA = "8E22E64858B632A2C1257F2B0049C6A5"
ARCCO = "12598E650F907CF7C1257D6B0031061A"


def utc(text: str) -> datetime:
    """Return a moment such as `2022-03-27 01:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def feature(free: Any = "80", **properties: Any) -> dict[str, Any]:
    """Return one car park as the feed writes it; a property that is None is left out, `point` is its coordinates."""
    point = properties.pop("point", [582546.52, 4797168.72])
    said = {
        "tipo": "LIB",
        "plazasRotatorias": 376,
        "plazasResidentesLibres": 0,
        "noteId": BOULEVARD,
        "libres": free,
        "nombre": "Boulevard",
        "precios": ["0,81", "1,36"],
        "plazasResidentes": 135,
        **properties,
    }
    return {
        "geometry": {"coordinates": point, "type": "Point"},
        "type": "Feature",
        "properties": {name: value for name, value in said.items() if value is not None},
    }


def body(*features: Any) -> bytes:
    """Return the feed's answer with these features."""
    return json.dumps({"name": "parkings", "count": len(features), "type": "FeatureCollection", "features": features}).encode()


def snapshot(at: str, *features: Any, source_name: str = "feed") -> Snapshot:
    """Return the feed's answer at a moment; a number stands for Boulevard with that many free spaces."""
    written = [item if isinstance(item, dict) else feature(item) for item in features]
    return Snapshot(utc(at), body(*written), source_name)


def city_snapshot(at: str, **free: Any) -> Snapshot:
    """Return the feed's answer with one car park per name, which is its identifier, too."""
    return snapshot(at, *(feature(places, noteId=name, nombre=name) for name, places in free.items()))


def hourly(first: str, *free: int, every: timedelta = timedelta(hours=1)) -> list[Snapshot]:
    """Return one snapshot of Boulevard after the other."""
    return [
        snapshot((utc(first) + every * number).replace(tzinfo=None).isoformat(), str(places)) for number, places in enumerate(free)
    ]


def csv_snapshot(at: str, text: str, source_name: str = "data.csv") -> Snapshot:
    """Return lines of a historical file as the snapshot of a moment."""
    return Snapshot(utc(at), text.encode(), source_name, CSV_TYPE)


def require_contract(frame: pd.DataFrame, contract: TableContract) -> None:
    """Fail if the frame has other columns than its contract, or values that break it."""
    assert list(frame.columns) == contract.column_names
    violations = find_violations(frame, contract)
    assert violations.empty, violations


def require_contracts(day: DayOfReadings) -> None:
    """Fail if any table of a day breaks its contract."""
    require_contract(day.readings, READINGS)
    require_contract(day.rejects, REJECTED_READINGS)
    require_contract(day.sightings, CAR_PARK_SIGHTINGS)
