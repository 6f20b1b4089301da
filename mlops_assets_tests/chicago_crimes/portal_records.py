"""Records as the portal gives them, for tests: one plausible crime and one plausible station, of which every field can be set."""

from collections.abc import Sequence

import pyarrow as pa

from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, STATION_FIELDS, DamagedRecord, RawRecords

Record = dict[str, str | None]


def crime(**fields: str | None) -> Record:
    """Return one crime of January 2018, in the spelling of the portal's CSV files."""
    record: Record = {
        "id": "11192233",
        "case_number": "JB100001",
        "date": "01/15/2018 11:53:00 PM",
        "block": "001XX N STATE ST",
        "iucr": "0460",
        "primary_type": "BATTERY",
        "description": "SIMPLE",
        "location_description": "STREET",
        "arrest": "false",
        "domestic": "true",
        "beat": "0111",
        "district": "001",
        "ward": "42",
        "community_area": "32",
        "fbi_code": "08B",
        "x_coordinate": "1176352",
        "y_coordinate": "1900927",
        "updated_on": "02/10/2018 03:50:01 PM",
        "latitude": "41.883500187",
        "longitude": "-87.627876698",
    }
    assert set(fields) <= set(PORTAL_FIELDS)
    return {**record, **fields}


def station(**fields: str | None) -> Record:
    """Return one police station."""
    record: Record = {
        "district": "1",
        "district_name": "Central",
        "address": "1718 S State St",
        "zip": "60616",
        "x_coordinate": "1176569.052",
        "y_coordinate": "1891771.704",
        "latitude": "41.85837259",
        "longitude": "-87.62735617",
    }
    assert set(fields) <= set(STATION_FIELDS)
    return {**record, **fields}


def text_table(records: Sequence[Record], fields: Sequence[str]) -> pa.Table:
    """Return records as a table of text."""
    return pa.table({name: pa.array([record[name] for record in records], pa.string()) for name in fields})


def raw_records(*records: Record, source_name: str = "crimes.csv", damaged: tuple[DamagedRecord, ...] = ()) -> RawRecords:
    """Return records as a source would, all from one file."""
    table = text_table(records, PORTAL_FIELDS)
    return RawRecords(table.append_column("source_name", pa.repeat(source_name, len(table))), damaged)


def csv_text(records: Sequence[Record], newline: str = "\r\n", titles: Sequence[str] = PORTAL_FIELDS) -> str:
    """Return records as CSV in the portal's 20-column layout, or with other titles in the same order."""
    spelling = {"id": "ID", "iucr": "IUCR", "fbi_code": "FBI Code"}
    shown = [spelling.get(title, title.replace("_", " ").title()) if titles is PORTAL_FIELDS else title for title in titles]
    lines = [",".join(shown), *(",".join(_cell(record[name]) for name in PORTAL_FIELDS) for record in records)]
    return newline.join(lines) + newline


def _cell(text: str | None) -> str:
    if text is None:
        return ""
    return f'"{text}"' if any(character in text for character in ',\r\n"') else text
