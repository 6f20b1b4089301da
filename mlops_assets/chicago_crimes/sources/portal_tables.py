"""The portal's tables as CSV files: crimes and police stations, told by their columns."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa

from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, REQUIRED_FIELDS, REQUIRED_STATION_FIELDS, STATION_FIELDS
from mlops_assets.chicago_crimes.sources.portal_values import read_times, read_whole_numbers
from mlops_assets.tabular.kinds import Table, TableKind
from mlops_assets.tabular.layout import split_line

# A date and time of the portal, wherever it stands in a line.
_TIME = re.compile(r"\d{2}/\d{2}/\d{4} \d{2}:\d{2}:\d{2} [AP]M|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}", re.ASCII)


def is_crime(record: Mapping[str, str]) -> bool:
    """Tell whether cells, by field, may be those of a crime: a number for an identifier and a date and time."""
    identifier = read_whole_numbers(pa.array([record.get("id")], pa.string()))
    return identifier.null_count + read_times(pa.array([record.get("date")], pa.string())).null_count == 0


CRIMES_TABLE = TableKind("crimes of the portal", PORTAL_FIELDS, REQUIRED_FIELDS, is_crime)
STATIONS_TABLE = TableKind("police stations of the portal", STATION_FIELDS, REQUIRED_STATION_FIELDS, lambda record: False)


def dates_in(text: str, table: Table) -> list[str]:
    """Return the texts in a damaged record of crimes that may be its date, the likeliest first: what stands in the date's place."""
    cells = split_line(text, table.layout)
    position = table.layout.titles.index(table.titles["date"] or "")
    return [*(cell.strip() for cell in cells[position : position + 1]), *_TIME.findall(text)]
