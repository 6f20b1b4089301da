"""From snapshots to typed records: every record becomes a row or a problem with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_assets.donostia_parking.readings.descriptions import (
    Description,
    DescriptionReader,
    Fault,
    is_absent,
    read_spaces,
    say_unreadable,
)
from mlops_assets.donostia_parking.sources.bodies import excerpt, read_body
from mlops_assets.donostia_parking.sources.records import RawReading, UnreadableSnapshotError

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.sources.base import Snapshot


@dataclass(frozen=True)
class Problem:
    """Why a record, or a whole snapshot, did not become a row.

    Attributes:
        snapshot: where it is.
        record: the record; nothing for the snapshot itself.
        code: one of the contract's reason codes.
        reason: the reason in words.
        car_park: which one the record describes, as far as it says so.
    """

    snapshot: Snapshot
    record: RawReading | None
    code: str
    reason: str
    car_park: Description | None = None

    @property
    def text(self) -> str:
        """The record as it came, or the beginning of a snapshot without records."""
        return excerpt(self.snapshot.body) if self.record is None else self.record.text


@dataclass(frozen=True)
class ParsedRecords:
    """What became of the records of some snapshots.

    Attributes:
        records: all records, in the order of the snapshots and of their places in them.
        rows: one row per good record: `record` and `snapshot` are its number and that of its snapshot; `read_at`, `description` (a
            row of `descriptions`) and `free_spaces` are what it says.
        descriptions: the fields of `Description`, one row per different description.
        problems: the rest.
    """

    records: Sequence[RawReading]
    rows: pd.DataFrame
    descriptions: pd.DataFrame
    problems: list[Problem]


def parse_snapshots(snapshots: Sequence[Snapshot], city: City) -> ParsedRecords:
    """Type the records of snapshots.

    A record is a problem if it has neither identifier nor name, or no number of free spaces. Whatever else cannot be read is none:
    the row stays without it, and `unread_values` of its description says what was there.

    Args:
        snapshots: in any order.
        city: whose car parks they are.
    """
    problems: list[Problem] = []
    records, snapshot_of = _read_bodies(snapshots, city, problems)
    reader = DescriptionReader(city)
    numbers = np.array([reader.number(record.description) for record in records], np.int64)
    descriptions = _as_frame(reader.known)
    rows = pd.DataFrame(
        {
            "snapshot": snapshot_of,
            "record": np.arange(len(records)),
            "read_at": _moments(records, snapshots, snapshot_of),
            "description": numbers,
            "free_spaces": _free_spaces(records, descriptions["capacity"].to_numpy()[numbers]),
        }
    )
    is_fault = np.array([isinstance(known, Fault) for known in reader.known], bool)[numbers]
    is_bad = is_fault | np.isnan(rows["free_spaces"].to_numpy()) | np.array([record.fault is not None for record in records], bool)
    for number in np.flatnonzero(is_bad).tolist():
        description = reader.known[numbers[number]]
        code, reason = _find_fault(records[number], description)
        car_park = None if isinstance(description, Fault) else description
        problems.append(Problem(snapshots[snapshot_of[number]], records[number], code, reason, car_park))
    good = rows[~is_bad].astype({"free_spaces": np.int32}).reset_index(drop=True)
    return ParsedRecords(records, good, descriptions, problems)


def _read_bodies(snapshots: Sequence[Snapshot], city: City, problems: list[Problem]) -> tuple[list[RawReading], np.ndarray]:
    """Return all records, and for each the number of its snapshot."""
    # While a feed stands still, each of its answers is the same as the one before.
    read: dict[bytes, list[RawReading]] = {}
    records: list[RawReading] = []
    counts = np.zeros(len(snapshots), np.int64)
    for number, snapshot in enumerate(snapshots):
        if snapshot.body not in read:
            try:
                read[snapshot.body] = read_body(snapshot.body, city)
            except UnreadableSnapshotError as error:
                problems.append(Problem(snapshot, None, error.code, str(error)))
                continue
        found = read[snapshot.body]
        records += found
        counts[number] = len(found)
    return records, np.repeat(np.arange(len(snapshots)), counts)


def _as_frame(known: Sequence[Description | Fault]) -> pd.DataFrame:
    """Return descriptions as rows by number; a fault becomes an empty row, which no good record refers to."""
    empty = Description(*[None] * len(Description._fields))  # type: ignore[arg-type]
    rows = [empty if isinstance(item, Fault) else item for item in known]
    frame = pd.DataFrame(rows, columns=list(Description._fields), dtype=object)
    measures = [name for name in frame.columns if name == "capacity" or name.endswith(("_m", "_deg"))]
    return frame.astype(dict.fromkeys(measures, float))


def _moments(records: Sequence[RawReading], snapshots: Sequence[Snapshot], snapshot_of: np.ndarray) -> pd.DatetimeIndex:
    requested = pd.DatetimeIndex([snapshot.requested_at for snapshot in snapshots], tz="UTC").as_unit("us")
    if all(record.read_at is None for record in records):
        return requested[snapshot_of]
    moments = [record.read_at or snapshots[number].requested_at for record, number in zip(records, snapshot_of, strict=True)]
    return pd.DatetimeIndex(moments, tz="UTC").as_unit("us")


def _free_spaces(records: Sequence[RawReading], capacity: np.ndarray) -> np.ndarray:
    free, occupied = (_numbers([getattr(record, name) for record in records]) for name in ("free", "occupied"))
    return np.where(np.isnan(free), capacity - occupied, free)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    try:
        return np.array([_read_spaces(value) for value in values], float)
    except TypeError:
        # JSON may hold a list or an object where the feed documents a number.
        return np.array([read_spaces(value) for value in values], float)


_read_spaces = lru_cache(maxsize=65_536, typed=True)(read_spaces)


def _find_fault(record: RawReading, description: Description | Fault) -> tuple[str, str]:
    """Return why a record is no row: the first reason, as reason code and words."""
    if record.fault is not None:
        return record.fault
    if isinstance(description, Fault):
        return description
    for words, value in (("free spaces", record.free), ("occupied spaces", record.occupied)):
        if not is_absent(value) and read_spaces(value) is None:
            return "unreadable_value", say_unreadable(words, value)
    if is_absent(record.occupied):
        return "missing_value", "the number of free spaces is missing"
    reason = "the number of occupied spaces is given, but not that of all places"
    if description.unread_values is not None:
        return "unreadable_value", f"{reason}: {description.unread_values}"
    return "missing_value", reason
