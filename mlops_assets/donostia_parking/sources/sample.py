"""A simulated feed: the car parks of an imaginary city, in the format and with the quirks of the real one. Needs no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets.donostia_parking.sources.simulator.city import PRICES_EUR, SampleCarPark
from mlops_assets.donostia_parking.sources.simulator.history import ZONE, SampleHistory
from mlops_assets.errors import NotEnoughDataError, SettingsError

FIRST_MOMENT = datetime(2022, 1, 1, tzinfo=timezone.utc)
"""The simulated collector began on this day."""

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CHUNK = 1_000
_PAGE = b"<!DOCTYPE html><html><head><title>Error 503</title></head><body>Servicio no disponible temporalmente</body></html>"
_PAGE_SHARE, _EMPTY_SHARE, _MISSING_SHARE = 0.001, 0.0005, 0.003
"""Shares of minutes at which the feed answers with a web page, an empty list, or without one car park's free spaces."""


class SampleParkingSource:
    """Free spaces of an imaginary city, as the real feed writes them.

    What the feed says at a moment follows from the seed and the moment alone; it changes once a minute. A collector is simulated,
    too: it asks some minutes past each hour, sometimes misses one, and now and then is out of order for hours.

    The quirks: free spaces as text, dots between thousands, decimal commas in prices, metres for coordinates, car parks without a
    sensor that show 0 for ever, a few values below 0 or above what there is, feeds that freeze for hours or days, a car park
    that changed its name for good and one that does so every quarter, one that is listed in summer only, prices that rise each
    year; and rarely a web page instead of JSON, an empty list, or a field that is missing.
    """

    def __init__(self, seed: int, *, as_of: datetime) -> None:
        """Simulate a feed and its collector.

        Args:
            seed: another seed is another city.
            as_of: the moment up to which snapshots have been recorded; with a time zone.
        """
        if as_of.tzinfo is None:
            raise SettingsError(f"simulated feed: as_of {as_of} has no time zone; add one, for example +00:00")
        self._seed = seed
        self._as_of = as_of.astimezone(timezone.utc)
        self._history = SampleHistory(seed)
        self._frame = lru_cache(maxsize=8)(self._write_frame)

    def describe(self) -> str:
        """Say which city is simulated."""
        return f"simulated feed, seed {self._seed}, recorded up to {self._as_of.isoformat()}"

    def export_files(self) -> tuple[()]:
        """Return nothing: a simulated feed has no files."""
        return ()

    def fetch_snapshot(self, at: datetime) -> Snapshot:
        """Return what the feed says at a moment; see `ParkingSource`."""
        if at < FIRST_MOMENT:
            raise NotEnoughDataError(f"snapshot of {at.isoformat()}: the simulated feed begins on {FIRST_MOMENT:%Y-%m-%d}")
        return next(self._answer([at.astimezone(timezone.utc)]))

    def snapshots_between(self, since: datetime, until: datetime) -> Iterator[Snapshot]:
        """Yield what the simulated collector recorded in a window; see `ParkingSource`."""
        return self._answer(self._history.collected_moments(max(since, FIRST_MOMENT), min(until, self._as_of)))

    def available_range(self) -> tuple[datetime, datetime] | None:
        """Return the moments of the first and, but for at most a few hours, the last recorded snapshot."""
        return FIRST_MOMENT, self._as_of

    def poll(self, since: datetime, until: datetime, every: timedelta) -> Iterator[Snapshot]:
        """Yield what a reading at regular intervals would bring, many times faster than asking one by one."""
        return self._answer(since + every * number for number in range(-((since - until) // every)))

    def _answer(self, moments: Iterable[datetime]) -> Iterator[Snapshot]:
        remaining = iter(moments)
        while chunk := list(islice(remaining, _CHUNK)):
            minutes = np.array([(moment - _EPOCH) // _MINUTE for moment in chunk], np.int64)
            free = self._history.free_spaces(minutes).tolist()
            shown = self._history.shown_minutes(minutes).tolist()
            for moment, minute, shown_minute, places in zip(chunk, minutes.tolist(), shown, free, strict=True):
                yield Snapshot(moment, self._write(minute, shown_minute, places), f"sample-{self._seed}")

    def _write(self, minute: int, shown_minute: int, free: list[int]) -> bytes:
        draw = self._history.fault_draw(minute)
        if draw < _PAGE_SHARE:
            return _PAGE
        features = [] if draw < _PAGE_SHARE + _EMPTY_SHARE else list(self._frame(_local_date(shown_minute)))
        is_missing = draw > 1 - _MISSING_SHARE
        missing = int((1 - draw) / _MISSING_SHARE * len(features)) if is_missing else -1
        texts = [
            f'{before}"libres": "{_with_dots(free[number])}", {after}' if position != missing else before + after
            for position, (number, before, after) in enumerate(features)
        ]
        head = f'{{"name": "parkings", "count": {len(texts)}, "type": "FeatureCollection", "features": ['
        return f"{head}{', '.join(texts)}]}}".encode()

    def _write_frame(self, day: date) -> list[tuple[int, str, str]]:
        """Return, for each car park listed on a day, its number and its feature's text around the free spaces."""
        frame = []
        for number, car_park in enumerate(self._history.car_parks):
            if car_park.is_listed_on(day):
                before, after = json.dumps(_feature(car_park, day), ensure_ascii=False).split('"libres": "", ')
                frame.append((number, before, after))
        return frame


def _feature(car_park: SampleCarPark, day: date) -> dict[str, Any]:
    rise = 1.02 ** (day.year - 2025)
    return {
        "geometry": {"coordinates": [car_park.x_m, car_park.y_m], "type": "Point"},
        "type": "Feature",
        "properties": {
            "tipo": "LIB",
            "plazasRotatorias": car_park.public,
            "plazasResidentesLibres": 0,
            "noteId": car_park.car_park_id,
            "libres": "",
            "nombre": car_park.name_on(day),
            "precios": [f"{price * rise:.2f}".replace(".", ",") for price in PRICES_EUR[car_park.zone]],
            "plazasResidentes": car_park.resident,
        },
    }


def _with_dots(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def _local_date(minute: int) -> date:
    return (_EPOCH + minute * _MINUTE).astimezone(ZoneInfo(ZONE)).date()
