"""From records of text to typed crimes: every record becomes a crime or a kept reject with its reason.

What a value must look like is not decided here but in the contract `RAW_CRIMES`: its null rules, patterns and ranges.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.chicago_crimes.contracts import POLICE_STATIONS, RAW_CRIMES
from mlops_assets.chicago_crimes.crimes.positions import COORDINATES, as_degrees, complete_positions
from mlops_assets.chicago_crimes.crimes.rejects import RejectCollector
from mlops_assets.chicago_crimes.sources import portal_values
from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, STATION_FIELDS
from mlops_assets.contracts.frames import arrow_schema, to_pandas
from mlops_assets.contracts.text import writable_array, writable_text
from mlops_assets.errors import SourceError
from mlops_assets.tabular.words import is_missing

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.chicago_crimes.sources.base import RawRecords
    from mlops_assets.contracts import Column
    from mlops_assets.months import Month

_PORTAL_FIELD = {
    "crime_id": "id",
    "occurred_at": "date",
    "iucr_code": "iucr",
    "is_arrest": "arrest",
    "is_domestic": "domestic",
    "beat_code": "beat",
    "district_code": "district",
    "ward_code": "ward",
    "community_area_code": "community_area",
    "x_ft": "x_coordinate",
    "y_ft": "y_coordinate",
    "updated_at": "updated_on",
    "latitude_deg": "latitude",
    "longitude_deg": "longitude",
}
"""The portal's name of each column whose name differs."""

_MAY_BE_MISSING = frozenset({"id", "arrest"})
"""Fields that somebody who asks about a crime need not know, though the contract requires their columns."""

_SPELLING: dict[str, Callable[[pa.Array], pa.Array]] = {
    "iucr_code": portal_values.padded(4),
    "beat_code": portal_values.padded(4),
    "district_code": portal_values.padded(3),
    "fbi_code": portal_values.padded_number,
    "ward_code": portal_values.unpadded,
    "community_area_code": portal_values.unpadded,
}

_FIELD_OF_COLUMN = {column.name: _PORTAL_FIELD.get(column.name, column.name) for column in RAW_CRIMES.columns}
PORTAL_COLUMNS = {field: RAW_CRIMES.column(name) for name, field in _FIELD_OF_COLUMN.items() if field in PORTAL_FIELDS}
"""The column of each field of the portal."""

_REPETITIVE_COLUMNS = {"primary_type", "description", "location_description", "is_arrest", "is_domestic", *_SPELLING}

_EXPECTED = {
    "string": "text",
    "timestamp": "a date and time such as 01/31/2017 11:53:00 PM or 2017-01-31T23:53:00.000",
    "bool": "true or false",
    "int64": "a whole number",
    "float64": "a number",
}


@dataclass(frozen=True)
class Fault:
    """Why some records cannot be crimes.

    Attributes:
        code: kind of reason.
        field: by the portal's name.
        rows: of the records.
        originals: what each has in the field; None where it has nothing.
        expected: what it should be.
    """

    code: str
    field: str
    rows: np.ndarray
    originals: Sequence[str | None]
    expected: str

    def reasons(self) -> list[str]:
        """Return the reason of each record."""
        return [
            f"{self.field} is empty" if original is None else f"{self.field} {original!r} is not {self.expected}"
            for original in self.originals
        ]


@dataclass(frozen=True)
class ReportedCrimes:
    """What became of records that are read as they were reported.

    Attributes:
        crimes: rows of the contract `RAW_CRIMES`, one for each record, in their order; empty where a record has a fault.
        faults: why records cannot be crimes.
    """

    crimes: pa.Table
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class ParsedCrimes:
    """What became of the records of a month.

    Attributes:
        crimes: rows of the contract `RAW_CRIMES`, by `crime_id`.
        rejects: rows of the contract `REJECTED_CRIMES`, in an order that does not depend on that of the records.
    """

    crimes: pd.DataFrame
    rejects: pd.DataFrame


def parse_crimes(records: RawRecords, month: Month) -> ParsedCrimes:
    """Type the records of a month and sort out those that break a rule.

    A record is rejected if it lacks a value that the contract requires (`missing_value`), has one that cannot be read or is out of
    range (`unreadable_value`), lies in another month of Chicago time (`outside_month`), or is not the newest version of its crime
    (`superseded`; of equal versions one is kept, the same one in whatever order they come).

    An optional value that cannot be read costs the record that value and not its place: the column is empty, and `unread_values`
    says what was there. So an edition of the data in which a whole column is written in another way has no rejects for it. Words
    for nothing, such as `nan`, are no value, and neither is `0` as community area. `7.0`, as pandas writes it, is district 007.

    Args:
        records: what a source gave for the month.
        month: the month that the crimes must lie in.

    Raises:
        SourceError: the table lacks a field.
    """
    table = _portal_table(records)
    rejects = RejectCollector(table)
    columns, unread, faults = _read_columns(table)
    for fault in faults:
        rejects.add(fault.code, fault.rows, fault.reasons())
    _reject_other_months(rejects, columns["occurred_at"], month)
    rows = _newest_versions(rejects, columns["crime_id"], columns["updated_at"])
    kept = {name: values.take(rows) for name, values in columns.items()}
    for name in ("occurred_at", "updated_at"):
        kept[name] = portal_values.local_to_utc(kept[name])
    kept["source_name"] = table["source_name"].combine_chunks().take(rows)
    kept["unread_values"] = unread.take(rows)
    crimes = pa.table(kept, schema=arrow_schema(RAW_CRIMES))
    return ParsedCrimes(to_pandas(crimes), rejects.to_frame(records.damaged))


def read_reported_crimes(table: pa.Table) -> ReportedCrimes:
    """Type records that stand for themselves, such as those that somebody asks a model about, by the rules of `parse_crimes`.

    They are of any month, and may be of one crime. What is not known when a crime is reported, its identifier and whether there
    was an arrest, may be missing; what is there must be readable.

    Args:
        table: `PORTAL_FIELDS` and `source_name`, all text.
    """
    columns, unread, faults = _read_columns(table)
    for name in ("occurred_at", "updated_at"):
        columns[name] = portal_values.local_to_utc(columns[name])
    crimes = {**columns, "source_name": table["source_name"].combine_chunks(), "unread_values": unread}
    known = [each for each in faults if each.code != "missing_value" or each.field not in _MAY_BE_MISSING]
    return ReportedCrimes(pa.table(crimes, schema=arrow_schema(RAW_CRIMES)), tuple(known))


def _portal_table(records: RawRecords) -> pa.Table:
    wanted = [*PORTAL_FIELDS, "source_name"]
    missing = [name for name in wanted if name not in records.table.column_names]
    if missing:
        raise SourceError(f"crimes: the source's table lacks the fields {', '.join(missing)}")
    return pa.table({name: records.table[name].combine_chunks() for name in wanted})


def _read_columns(table: pa.Table) -> tuple[dict[str, pa.Array], pa.Array, list[Fault]]:
    """Return the typed columns, times still local, what optional ones hold that cannot be read, and the faults of the others."""
    columns: dict[str, pa.Array] = {}
    unread: dict[int, list[str]] = defaultdict(list)
    faults: list[Fault] = []
    for portal_field, column in PORTAL_COLUMNS.items():
        text, values = _read_field(table[portal_field].combine_chunks(), column)
        columns[column.name] = values
        if not column.nullable:
            faults += _faults(portal_field, text, values, column)
            continue
        rows, originals = _unreadable(text, values)
        for row, original in zip(rows.tolist(), originals, strict=True):
            unread[row].append(f"{portal_field} {original!r}")
    return columns, _sparse(len(table), {row: "; ".join(parts) for row, parts in unread.items()}), faults


def _sparse(rows: int, texts: Mapping[int, str]) -> pa.Array:
    """Return texts by row, null in all others."""
    if not texts:
        return pa.nulls(rows, pa.string())
    return pa.array([texts.get(row) for row in range(rows)], pa.string())


def _read_field(raw: pa.Array, column: Column) -> tuple[pa.Array, pa.Array]:
    """Return the cleaned text of a field and the values that it stands for; either is null where there is none.

    Of fields that repeat a few values, each is read once; if all can be read, the values are given for the text.
    """
    if column.name not in _REPETITIVE_COLUMNS:
        return _read_texts(raw, column)
    encoded = raw.dictionary_encode()
    distinct_text, distinct_values = _read_texts(encoded.dictionary, column)
    values = pc.take(distinct_values, encoded.indices)
    is_readable = distinct_text.null_count == distinct_values.null_count
    return values if is_readable else pc.take(distinct_text, encoded.indices), values


def _read_texts(raw: pa.Array, column: Column) -> tuple[pa.Array, pa.Array]:
    text = portal_values.clean_text(raw)
    if column.name == "community_area_code":
        text = portal_values.without_zero(text)
    return text, _read(text, column)


def _unreadable(text: pa.Array, values: pa.Array) -> tuple[np.ndarray, list[str]]:
    """Return the rows of the values that could not be read, and what they say."""
    if values.null_count == text.null_count:
        return np.array([], np.int64), []
    rows = np.flatnonzero(pc.and_(text.is_valid(), values.is_null()))
    return rows, text.take(rows).to_pylist()


def _faults(portal_field: str, text: pa.Array, values: pa.Array, column: Column) -> Iterator[Fault]:
    """Yield what is wrong with the records that lack a value which the contract requires, or have one that cannot be read."""
    if text.null_count:
        rows = np.flatnonzero(text.is_null())
        yield Fault("missing_value", portal_field, rows, [None] * len(rows), _expectation(column))
    if values.null_count > text.null_count:
        rows, originals = _unreadable(text, values)
        yield Fault("unreadable_value", portal_field, rows, originals, _expectation(column))


def _read(text: pa.Array, column: Column) -> pa.Array:
    if column.type == "timestamp":
        return portal_values.read_times(text)
    if column.type == "bool":
        return portal_values.read_flags(text)
    if column.type == "int64":
        return _within_range(portal_values.read_whole_numbers(text), column)
    if column.type == "float64":
        return _within_range(portal_values.read_numbers(text), column)
    if column.pattern is not None:
        return portal_values.read_codes(text, column.pattern, _SPELLING[column.name])
    return writable_array(text)


def _within_range(numbers: pa.Array, column: Column) -> pa.Array:
    """Return the numbers with those outside the contract's range made null."""
    nothing = pa.scalar(None, numbers.type)
    if column.minimum is not None:
        numbers = pc.if_else(pc.greater_equal(numbers, pa.scalar(column.minimum, numbers.type)), numbers, nothing)
    if column.maximum is not None:
        numbers = pc.if_else(pc.less_equal(numbers, pa.scalar(column.maximum, numbers.type)), numbers, nothing)
    return numbers


def _expectation(column: Column) -> str:
    if column.pattern is not None:
        return f"a code that matches {column.pattern}"
    limits = [f"at least {column.minimum:g}"] if column.minimum is not None else []
    limits += [f"at most {column.maximum:g}"] if column.maximum is not None else []
    return ", ".join([_EXPECTED[column.type], " and ".join(limits)]) if limits else _EXPECTED[column.type]


def _reject_other_months(rejects: RejectCollector, occurred_local: pa.Array, month: Month) -> None:
    rows = rejects.remaining()
    months = occurred_local.take(rows).to_numpy(zero_copy_only=False).astype("datetime64[M]")
    outside = rows[months != np.datetime64(month.key, "M")]
    dates = rejects.table["date"].take(outside).to_pylist()
    rejects.add("outside_month", outside, [f"date {date!r} is not in {month}" for date in dates])


def _newest_versions(rejects: RejectCollector, crime_ids: pa.Array, updated_at: pa.Array) -> np.ndarray:
    """Return the rows to keep, by crime id, after rejecting all but the newest version of each crime."""
    rows = rejects.remaining()
    ids = crime_ids.take(rows).to_numpy(zero_copy_only=False)
    order = np.argsort(ids, kind="stable")
    rows, ids = rows[order], ids[order]
    same_as_next = ids[1:] == ids[:-1]
    if not same_as_next.any():
        return rows
    is_repeated = np.append(same_as_next, False) | np.insert(same_as_next, 0, False)
    winners = _reject_older(rejects, rows[is_repeated], crime_ids, updated_at)
    kept = np.isin(rows, winners) | ~is_repeated
    return rows[kept]


def _reject_older(rejects: RejectCollector, rows: np.ndarray, crime_ids: pa.Array, updated_at: pa.Array) -> np.ndarray:
    versions = rejects.table.take(rows).append_column("crime_id", crime_ids.take(rows))
    versions = versions.append_column("updated_at", updated_at.take(rows))
    by_age = [("crime_id", "ascending"), ("updated_at", "descending")]
    # Equal versions are told apart by their text, so that the choice does not depend on the order of files or pages.
    order = pc.sort_indices(versions, sort_keys=[*by_age, *((name, "ascending") for name in rejects.table.column_names)])
    rows = rows[order.to_numpy()]
    ids = versions["crime_id"].take(order).to_numpy()
    is_winner = np.insert(ids[1:] != ids[:-1], 0, True)
    winner_of = np.maximum.accumulate(np.where(is_winner, np.arange(len(rows)), 0))
    losers = np.flatnonzero(~is_winner)
    winners = rejects.table.select(["updated_on", "source_name"]).take(rows[winner_of[losers]]).to_pylist()
    texts = [
        f"crime {crime_id} is kept in the version updated on {winner['updated_on']} from {winner['source_name']}"
        for crime_id, winner in zip(ids[losers].tolist(), winners, strict=True)
    ]
    rejects.add("superseded", rows[losers], texts)
    return rows[is_winner]


def parse_stations(table: pa.Table) -> pd.DataFrame:
    """Type the police stations and give each both kinds of coordinates.

    Args:
        table: `STATION_FIELDS` as text. Of x/y (EPSG:3435) and latitude/longitude one pair may be missing; it is computed.

    Returns:
        Rows of the contract `POLICE_STATIONS`, by `station_code`.

    Raises:
        SourceError: a row cannot be read, lies outside Illinois, or contradicts another one; the message names it.
    """
    records = [{name: _clean(record[name]) for name in STATION_FIELDS} for record in table.to_pylist()]
    places = [f"police stations, row {number} (district {_district(record)!r})" for number, record in enumerate(records, start=1)]
    read = [_read_station(place, record) for place, record in zip(places, records, strict=True)]
    rows = [{**row, **position} for row, position in zip(read, _complete_positions(places, read), strict=True)]
    stations: dict[str, dict[str, Any]] = {}
    for row in rows:
        code = row["station_code"]
        if stations.setdefault(code, row) != row:
            raise SourceError(f"police stations: two different rows for station {code}; keep one of them")
    if all(row["is_headquarters"] for row in rows):
        raise SourceError(f"police stations: none of the {len(rows)} rows is a station that serves a district")
    ordered = [stations[code] for code in sorted(stations)]
    return to_pandas(pa.Table.from_pylist(ordered, schema=arrow_schema(POLICE_STATIONS)))


def _read_station(place: str, text: dict[str, str | None]) -> dict[str, Any]:
    district = _district(text)
    is_headquarters = district.lower() == "headquarters"
    if not is_headquarters and not re.fullmatch("[0-9]{1,3}", district):
        raise SourceError(f"{place}: the district is neither a number nor Headquarters")
    zip_code = re.fullmatch(r"([0-9]{5})(?:-[0-9]{4}|\.0*)?", text["zip"] or "")
    if text["zip"] and not zip_code:
        raise SourceError(f"{place}: zip {text['zip']!r} is not a postal code")
    if not text["district_name"]:
        raise SourceError(f"{place}: district_name is empty")
    return {
        "station_code": "headquarters" if is_headquarters else district.zfill(3),
        "district_code": None if is_headquarters else district.zfill(3),
        "station_name": text["district_name"],
        "is_headquarters": is_headquarters,
        "address": text["address"],
        "zip_code": zip_code[1] if zip_code else None,
        **{name: _read_coordinate(place, _PORTAL_FIELD[name], text) for name in COORDINATES},
    }


def _district(text: dict[str, str | None]) -> str:
    return re.sub(r"\.0*$", "", text["district"] or "")


def _clean(text: str | None) -> str | None:
    """Return a text without spare spaces; None for words that stand for nothing."""
    return None if is_missing(text) else writable_text(" ".join((text or "").split()))


def _complete_positions(places: list[str], stations: list[dict[str, Any]]) -> list[dict[Any, Any]]:
    """Return the positions of stations in both systems, after checking that whatever is given of them lies in Illinois."""
    import pandas as pd

    given = pd.DataFrame(stations, columns=COORDINATES, dtype="float64")
    has_degrees = given[["latitude_deg", "longitude_deg"]].notna().all(axis=1)
    positions = complete_positions(given)
    rows = positions.to_dict("records")
    for place, row, (longitude, latitude), is_given in zip(places, rows, as_degrees(positions), has_degrees, strict=True):
        if any(math.isnan(coordinate) for coordinate in row.values()):
            raise SourceError(f"{place}: neither x_coordinate and y_coordinate nor latitude and longitude are given")
        if is_given:
            written = f"latitude {row['latitude_deg']}, longitude {row['longitude_deg']}"
            _require_illinois(place, row["latitude_deg"], row["longitude_deg"], written)
        _require_illinois(place, latitude, longitude, f"x_coordinate {row['x_ft']}, y_coordinate {row['y_ft']} (EPSG:3435, feet)")
    return rows


def _read_coordinate(place: str, field: str, text: dict[str, str | None]) -> float | None:
    written = text[field]
    try:
        return None if written is None else float(written)
    except ValueError as error:
        raise SourceError(f"{place}: {field} {written!r} is not a number") from error


def _require_illinois(place: str, latitude: float, longitude: float, given: str) -> None:
    if _is_within(latitude, "latitude_deg") and _is_within(longitude, "longitude_deg"):
        return
    hint = "; the longitude's sign is wrong" if _is_within(-longitude, "longitude_deg") else ""
    raise SourceError(f"{place}: {given} is outside Illinois{hint}")


def _is_within(value: float, name: str) -> bool:
    column = POLICE_STATIONS.column(name)
    return (column.minimum is None or value >= column.minimum) and (column.maximum is None or value <= column.maximum)
