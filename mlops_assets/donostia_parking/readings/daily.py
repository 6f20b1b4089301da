"""The readings of a day, out of the snapshots that landed: each once, in order, suspect ones flagged, the rest kept as rejects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_assets.contracts.frames import to_arrow, to_pandas
from mlops_assets.contracts.text import text_array
from mlops_assets.donostia_parking.contracts import READINGS
from mlops_assets.donostia_parking.readings.car_parks import find_sightings
from mlops_assets.donostia_parking.readings.descriptions import Description
from mlops_assets.donostia_parking.readings.parsing import ParsedRecords, Problem, parse_snapshots
from mlops_assets.donostia_parking.readings.quality import find_stale, find_stuck_at_zero
from mlops_assets.donostia_parking.readings.rejects import as_rejects
from mlops_assets.donostia_parking.sources.feed import FEED_FIELDS
from mlops_assets.donostia_parking.sources.landing import LOOK_BACK
from mlops_assets.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_assets.donostia_parking.cities import City
    from mlops_assets.donostia_parking.days import LocalDay
    from mlops_assets.donostia_parking.sources.base import Snapshot


@dataclass(frozen=True)
class DayOfReadings:
    """What became of the snapshots of a day.

    Attributes:
        readings: rows of the contract `READINGS`, by moment and car park.
        rejects: rows of the contract `REJECTED_READINGS`, in an order that does not depend on that of the snapshots.
        sightings: rows of the contract `CAR_PARK_SIGHTINGS`, by car park and moment.
    """

    readings: pd.DataFrame
    rejects: pd.DataFrame
    sightings: pd.DataFrame


def build_readings(snapshots: Iterable[Snapshot], day: LocalDay, city: City) -> DayOfReadings:
    """Return the readings of a day.

    Snapshots of the two days before only show whether the feed was already stale; see `landing.names_for_day`. What is older, or
    of a later day, is not looked at. Of several records of one car park and moment one becomes a reading, the same one in
    whatever order the snapshots come; the others are rejected as `duplicate`. A day without snapshots has no rows.

    Args:
        snapshots: in any order.
        day: a calendar day in the city's time zone.
        city: whose car parks they are.

    Raises:
        SourceError: the day has records, but all of them lack a field without which there are no readings.
    """
    earliest, start, end = day.start - LOOK_BACK, day.start, day.end
    wanted = [snapshot for snapshot in snapshots if earliest <= snapshot.requested_at < end]
    wanted.sort(key=lambda snapshot: (snapshot.requested_at, snapshot.source_name, snapshot.body))
    parsed = parse_snapshots(wanted, city)
    is_of_day = np.array([snapshot.requested_at >= start for snapshot in wanted], bool)
    problems = [problem for problem in parsed.problems if problem.snapshot.requested_at >= start]
    if not is_of_day[parsed.rows["snapshot"]].any():
        _refuse_other_format(problems, day)
    rows = _order(parsed.rows, parsed.descriptions).assign(is_of_day=lambda rows: is_of_day[rows["snapshot"]])
    rows, duplicates = _drop_duplicates(rows, parsed, wanted)
    rows, of_other_days = _keep_day(_add_flags(rows), parsed, wanted, day)
    return DayOfReadings(
        _as_readings(rows, parsed.descriptions, wanted, city),
        as_rejects([*problems, *duplicates, *of_other_days]),
        find_sightings(rows, parsed.descriptions, city),
    )


def _order(rows: pd.DataFrame, descriptions: pd.DataFrame) -> pd.DataFrame:
    """Return rows by moment and car park, of equal ones that of the last snapshot first; `car_park` numbers the identifiers."""
    numbers = pd.factorize(descriptions["car_park_id"], sort=True)[0]
    rows = rows.assign(car_park=numbers[rows["description"]])
    order = np.lexsort((-rows["record"], rows["car_park"], _zoneless(rows["read_at"])))
    return rows.iloc[order].reset_index(drop=True)


def _refuse_other_format(problems: Sequence[Problem], day: LocalDay) -> None:
    """Raise if a day without readings has records that all lack something: a snapshot in another format is no bad luck."""
    reasons = {problem.reason for problem in problems if problem.record is not None}
    codes = {problem.code for problem in problems if problem.record is not None}
    if codes == {"missing_value"}:
        raise SourceError(
            f"snapshots of {day}: not one of {len(problems)} records can be used, for {' or '.join(sorted(reasons))}; the feed has "
            f"changed its format, whose fields were {', '.join(FEED_FIELDS)}"
        )


def _drop_duplicates(
    rows: pd.DataFrame, parsed: ParsedRecords, snapshots: Sequence[Snapshot]
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the first row of each car park and moment, and what is wrong with the others of the day."""
    is_repeated = rows.duplicated(["read_at", "car_park"]).to_numpy()
    if not is_repeated.any():
        return rows, []
    kept_of = np.maximum.accumulate(np.where(is_repeated, 0, np.arange(len(rows))))
    dropped = np.flatnonzero(is_repeated & rows["is_of_day"].to_numpy())
    kept_spaces = rows["free_spaces"].to_numpy()[kept_of[dropped]]
    problems = []
    for row, places in zip(rows.iloc[dropped].to_dict("records"), kept_spaces.tolist(), strict=True):
        car_park_id = parsed.descriptions["car_park_id"].iloc[row["description"]]
        moment = row["read_at"].isoformat()
        reason = f"car park {car_park_id} has another record of {moment}, which is kept; it says {places} free spaces"
        problems.append(_problem(row, parsed, snapshots, "duplicate", reason))
    return rows[~is_repeated].reset_index(drop=True), problems


def _problem(row: Mapping[Any, Any], parsed: ParsedRecords, snapshots: Sequence[Snapshot], code: str, reason: str) -> Problem:
    car_park = Description(*parsed.descriptions.iloc[row["description"]])
    return Problem(snapshots[row["snapshot"]], parsed.records[row["record"]], code, reason, car_park)


def _add_flags(rows: pd.DataFrame) -> pd.DataFrame:
    columns = (_zoneless(rows["read_at"]), rows["car_park"].to_numpy(), rows["free_spaces"].to_numpy())
    return rows.assign(is_stale=find_stale(*columns), is_stuck_at_zero=find_stuck_at_zero(*columns))


def _zoneless(moments: pd.Series) -> np.ndarray:
    """Return moments as NumPy knows them, which is without a zone."""
    return moments.dt.tz_localize(None).to_numpy()


def _keep_day(
    rows: pd.DataFrame, parsed: ParsedRecords, snapshots: Sequence[Snapshot], day: LocalDay
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the rows of the day, and what is wrong with those of snapshots of the day that are about other days."""
    is_in_day = (rows["read_at"] >= day.start) & (rows["read_at"] < day.end)
    problems = [
        _problem(row, parsed, snapshots, "outside_day", f"the record is of {row['read_at'].isoformat()}, which is not in {day}")
        for row in rows[rows["is_of_day"] & ~is_in_day].to_dict("records")
    ]
    return rows[rows["is_of_day"] & is_in_day].reset_index(drop=True), problems


def _as_readings(rows: pd.DataFrame, descriptions: pd.DataFrame, snapshots: Sequence[Snapshot], city: City) -> pd.DataFrame:
    source_names = text_array(snapshot.source_name for snapshot in snapshots)
    said = descriptions.take(rows["description"].to_numpy()).reset_index(drop=True)
    free = rows["free_spaces"]
    columns = {
        "city_code": city.code,
        **rows[["read_at", "free_spaces", "is_stale", "is_stuck_at_zero"]],
        **said[["car_park_id", "car_park_name", "capacity", "latitude_deg", "longitude_deg"]],
        "is_negative": free < 0,
        "is_over_capacity": free > said["capacity"],
        "source_name": pd.array(source_names.take(pa.array(rows["snapshot"])), dtype="string[pyarrow]"),
        "unread_values": said["unread_values"],
    }
    return to_pandas(to_arrow(pd.DataFrame(columns, index=rows.index), READINGS))
