"""One record of a snapshot, whatever its format: fields as they came, nothing typed yet."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from mlops_assets.donostia_parking.sources.feed_values import decode


class RawReading(NamedTuple):
    """What a record says about a car park.

    Attributes:
        free: free spaces.
        occupied: occupied spaces, where a historical file has these instead.
        read_at: the record's own moment; without one it is the snapshot's.
        fault: why the record cannot be used, as reason code and reason.
        raw: the record itself: a line of a file, or what JSON holds.
        car_park_id: the feed's stable identifier, if it has one; this field and those after it rarely change.
        name: the name.
        type: the feed's type.
        total: all places, where given as such.
        public: places for everybody.
        resident: places for residents.
        x: easting, or longitude.
        y: northing, or latitude.
        prices: the prices.
    """

    free: Any = None
    occupied: Any = None
    read_at: datetime | None = None
    fault: tuple[str, str] | None = None
    raw: Any = None
    car_park_id: Any = None
    name: Any = None
    type: Any = None
    total: Any = None
    public: Any = None
    resident: Any = None
    x: Any = None
    y: Any = None
    prices: Any = None

    @property
    def description(self) -> tuple[Any, ...]:
        """The fields that describe the car park, from its identifier on."""
        return self[5:]

    @property
    def text(self) -> str:
        """The record as text: its line, or its JSON."""
        return decode(self.raw).rstrip("\r\n") if isinstance(self.raw, bytes) else json.dumps(self.raw, ensure_ascii=False)


class UnreadableSnapshotError(Exception):
    """A body without any records in it.

    Attributes:
        code: one of the contract's reason codes.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
