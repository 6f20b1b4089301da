"""Writing records as the portal's CSV files: for benchmarks, and to try the `export` source without a download."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, STATION_FIELDS

if TYPE_CHECKING:
    from pathlib import Path

_SPECIAL_SPELLING = {"id": "ID", "iucr": "IUCR", "fbi_code": "FBI Code"}


def write_crimes(records: pa.Table, path: Path) -> None:
    """Write crimes as one CSV file of the portal: 22 columns, CRLF, quotes only where needed."""
    columns = {name: _quoted(records[name].combine_chunks()) for name in PORTAL_FIELDS}
    columns |= {"year": pc.utf8_slice_codeunits(columns["date"], 6, 10), "location": _locations(columns)}
    order = [*PORTAL_FIELDS[:17], "year", *PORTAL_FIELDS[17:], "location"]
    header = ",".join(_SPECIAL_SPELLING.get(name, name.replace("_", " ").title()) for name in order)
    # Joined in Arrow, the lines lie in one piece of memory that is written as it is.
    lines = pc.binary_join_element_wise(*(columns[name] for name in order), ",", null_handling="replace", null_replacement="")
    lines = pc.binary_join_element_wise(lines, "\r\n", "")
    with path.open("wb") as stream:
        stream.write(f"{header}\r\n".encode())
        stream.write(lines.buffers()[2] or b"")


def write_stations(stations: pa.Table, path: Path) -> None:
    """Write police stations in the portal's layout, with its line break inside an address."""
    records = stations.to_pylist()
    records[-1]["address"] += "\n"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([name.replace("_", " ").upper() for name in STATION_FIELDS])
        writer.writerows([record[name] for name in STATION_FIELDS] for record in records)


def _quoted(text: pa.Array) -> pa.Array:
    needs_quotes = pc.match_substring_regex(text, '[",\r\n]')
    if not pc.any(needs_quotes).as_py():
        return text
    escaped = pc.replace_substring(text, '"', '""')
    return pc.if_else(needs_quotes, pc.binary_join_element_wise('"', escaped, '"', ""), text)


def _locations(columns: dict[str, pa.Array]) -> pa.Array:
    pair = pc.binary_join_element_wise(columns["latitude"], columns["longitude"], ", ")
    return pc.binary_join_element_wise('"(', pair, ')"', "")
