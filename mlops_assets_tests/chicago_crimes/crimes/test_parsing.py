"""From portal text to typed crimes and stations."""

from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.chicago_crimes import TIME_ZONE
from mlops_assets.chicago_crimes.contracts import POLICE_STATIONS, RAW_CRIMES, REJECTED_CRIMES
from mlops_assets.chicago_crimes.crimes.parsing import ParsedCrimes, parse_crimes, parse_stations
from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, STATION_FIELDS, DamagedRecord, RawRecords
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import to_arrow
from mlops_assets.errors import SourceError
from mlops_assets.months import Month
from mlops_assets_tests.chicago_crimes.portal_records import Record, crime, raw_records, station, text_table
from mlops_assets_tests.shared_data import shared_data

JANUARY = Month(2018, 1)
CHICAGO = ZoneInfo(TIME_ZONE)


def parse(*records: Record, month: Month = JANUARY) -> ParsedCrimes:
    return parse_crimes(raw_records(*records), month)


def parse_one(**fields: str | None) -> pd.Series:
    """Return the crime that a record becomes."""
    parsed = parse(crime(**fields))
    assert parsed.rejects.empty, parsed.rejects["reason"].tolist()
    return parsed.crimes.iloc[0]


def reject_one(**fields: str | None) -> tuple[str, str]:
    """Return code and reason of the reject that a record becomes."""
    parsed = parse(crime(**fields))
    assert parsed.crimes.empty
    return parsed.rejects["reason_code"].item(), parsed.rejects["reason"].item()


def test_record_becomes_typed_crime() -> None:
    """Every field of a clean record arrives in its column, typed, with times in UTC."""
    parsed = parse(crime())
    assert parsed.rejects.empty
    assert parsed.crimes.iloc[0].to_dict() == {
        "crime_id": 11192233,
        "case_number": "JB100001",
        "occurred_at": pd.Timestamp("2018-01-16 05:53", tz="UTC"),
        "block": "001XX N STATE ST",
        "iucr_code": "0460",
        "primary_type": "BATTERY",
        "description": "SIMPLE",
        "location_description": "STREET",
        "is_arrest": False,
        "is_domestic": True,
        "beat_code": "0111",
        "district_code": "001",
        "ward_code": "42",
        "community_area_code": "32",
        "fbi_code": "08B",
        "x_ft": 1176352.0,
        "y_ft": 1900927.0,
        "updated_at": pd.Timestamp("2018-02-10 21:50:01", tz="UTC"),
        "latitude_deg": 41.883500187,
        "longitude_deg": -87.627876698,
        "source_name": "crimes.csv",
        "unread_values": None,
    }


def test_crimes_and_rejects_keep_their_contracts() -> None:
    """Both tables convert to Arrow by their contract and break none of its rules, also with missing values."""
    optional = dict.fromkeys(("case_number", "ward", "x_coordinate", "y_coordinate", "latitude", "longitude", "updated_on"))
    parsed = parse(crime(id="2"), crime(id="1", **optional), crime(id="x"))
    for frame, contract in ((parsed.crimes, RAW_CRIMES), (parsed.rejects, REJECTED_CRIMES)):
        to_arrow(frame, contract)
        assert find_violations(frame, contract).empty
    assert parsed.crimes["crime_id"].tolist() == [1, 2]


def test_no_records_give_empty_tables() -> None:
    """A source without a record gives tables with all columns and no row."""
    parsed = parse_crimes(raw_records(), JANUARY)
    assert (len(parsed.crimes), len(parsed.rejects)) == (0, 0)
    assert list(parsed.crimes.columns) == RAW_CRIMES.column_names


def test_missing_field_is_an_error() -> None:
    """A table without one of the portal's fields is the source's fault, and is named."""
    records = RawRecords(raw_records(crime()).table.drop(["iucr"]))
    with pytest.raises(SourceError, match="lacks the fields iucr"):
        parse_crimes(records, JANUARY)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("01/31/2018 11:53:00 PM", "2018-02-01 05:53:00"),
        ("01/31/2018 12:00:00 AM", "2018-01-31 06:00:00"),
        ("01/31/2018 12:30:05 PM", "2018-01-31 18:30:05"),
        ("2018-01-31T23:53:00.000", "2018-02-01 05:53:00"),
        ("2018-01-31T23:53:00.125", "2018-02-01 05:53:00.125"),
        ("2018-01-31T23:53:00", "2018-02-01 05:53:00"),
        ("  2018-01-31 23:53:00 ", "2018-02-01 05:53:00"),
    ],
)
def test_times_are_chicago_times(text: str, utc: str) -> None:
    """Both spellings of a time are read as Chicago's clock."""
    assert parse_one(date=text)["occurred_at"] == pd.Timestamp(utc, tz="UTC")


def test_both_spellings_of_times_may_be_mixed() -> None:
    """Files of the portal's CSV and of its API together give one month."""
    parsed = parse(crime(id="1"), crime(id="2", date="2018-01-15T23:53:00.000"), crime(id="3", date="2018-01-15T23:53:00"))
    assert len(set(parsed.crimes["occurred_at"])) == 1


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("11/04/2018 12:30:00 AM", "2018-11-04 05:30"),
        ("11/04/2018 01:30:00 AM", "2018-11-04 06:30"),
        ("11/04/2018 02:30:00 AM", "2018-11-04 08:30"),
    ],
)
def test_repeated_hour_in_november_is_the_first(text: str, utc: str) -> None:
    """1:30 of the night the clocks go back happens twice; the portal does not say which, so it is the one in daylight time."""
    parsed = parse(crime(date=text), month=Month(2018, 11))
    assert parsed.crimes["occurred_at"].item() == pd.Timestamp(utc, tz="UTC")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("03/11/2018 01:59:00 AM", "2018-03-11 07:59"),
        ("03/11/2018 02:30:00 AM", "2018-03-11 08:30"),
        ("03/11/2018 03:30:00 AM", "2018-03-11 08:30"),
    ],
)
def test_missing_hour_in_march_shifts_forward(text: str, utc: str) -> None:
    """2:30 of the night the clocks go forward does not exist and is taken as 3:30."""
    parsed = parse(crime(date=text), month=Month(2018, 3))
    assert parsed.crimes["occurred_at"].item() == pd.Timestamp(utc, tz="UTC")


@given(
    # Beyond 2037 pandas no longer changes the clocks.
    moment=st.datetimes(datetime(1970, 1, 2), datetime(2037, 1, 1)).map(lambda moment: moment.replace(microsecond=0, fold=0)),  # noqa: DTZ001
    layout=st.sampled_from(["%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S.000", "%Y-%m-%dT%H:%M:%S"]),
)
def test_any_time_reads_as_python_reads_it(moment: datetime, layout: str) -> None:
    """Whatever the moment and the spelling, the result is that of Python's own time zones, for the first of two equal hours."""
    text = moment.strftime(layout)
    parsed = parse(crime(date=text, updated_on=text), month=Month(moment.year, moment.month))
    expected = moment.replace(tzinfo=CHICAGO).astimezone(timezone.utc)
    assert parsed.crimes["occurred_at"].item() == parsed.crimes["updated_at"].item() == expected


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} [AP]M", fullmatch=True))
def test_any_text_as_date_is_kept(text: str) -> None:
    """Whatever stands in a date, the record is a crime or a reject, never an exception and never lost."""
    parsed = parse(crime(date=text))
    assert len(parsed.crimes) + len(parsed.rejects) == 1


@pytest.mark.parametrize(
    "text",
    [
        "02/30/2018 10:00:00 PM",
        "13/01/2018 10:00:00 PM",
        "01/15/2018 13:00:00 PM",
        "01/15/2018 00:30:00 AM",
        "01/15/2018 10:60:00 PM",
        "01/15/2018 10:00:00 XM",
        "2018-01-15T24:00:00.000",
        "2018-01-15",
        "15 January 2018",
        "0018-01-15T10:00:00",
    ],
)
def test_impossible_dates_are_rejected(text: str) -> None:
    """A day, hour or spelling that does not exist is named in the reason."""
    code, reason = reject_one(date=text)
    assert code == "unreadable_value"
    assert reason.startswith(f"date {text!r} is not a date and time such as")


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("Y", True), ("false", False), ("False", False), ("N", False)],
)
def test_flags_are_read_in_any_spelling(text: str, *, value: bool) -> None:
    """The portal's CSV, its API and spreadsheets spell flags differently."""
    assert parse_one(arrest=text)["is_arrest"] == value


@pytest.mark.parametrize(
    ("field", "column", "text", "code"),
    [
        ("iucr", "iucr_code", "110", "0110"),
        ("iucr", "iucr_code", "41a", "041A"),
        ("iucr", "iucr_code", "2027", "2027"),
        ("beat", "beat_code", "614", "0614"),
        ("district", "district_code", "6", "006"),
        ("district", "district_code", "31", "031"),
        ("fbi_code", "fbi_code", "8b", "08B"),
        ("fbi_code", "fbi_code", "6", "06"),
        ("fbi_code", "fbi_code", "26", "26"),
        ("ward", "ward_code", "07", "7"),
        ("community_area", "community_area_code", "77", "77"),
    ],
)
def test_codes_get_their_one_spelling(field: str, column: str, text: str, code: str) -> None:
    """Zeros that a spreadsheet has eaten come back, so that codes join."""
    assert parse_one(**{field: text})[column] == code


@given(st.integers(0, 9999))
def test_padded_codes_survive_the_loss_of_their_zeros(number: int) -> None:
    """A code reads the same with and without its leading zeros."""
    code = f"{number:04d}"
    parsed = parse(crime(id="1", iucr=code, beat=code), crime(id="2", iucr=str(number), beat=str(number)))
    assert parsed.crimes["iucr_code"].tolist() == parsed.crimes["beat_code"].tolist() == [code, code]


@given(st.integers(1, 10**17), st.floats(-90, 90), st.floats(-180, 180))
def test_numbers_round_trip(crime_id: int, latitude: float, longitude: float) -> None:
    """Identifiers keep every digit and coordinates every bit."""
    row = parse_one(id=str(crime_id), latitude=repr(latitude), longitude=repr(longitude))
    assert (row["crime_id"], row["latitude_deg"], row["longitude_deg"]) == (crime_id, latitude, longitude)


@pytest.mark.parametrize("text", ["0", "00", "0.0"])
def test_community_area_zero_is_no_value(text: str) -> None:
    """The portal writes 0 where it does not know the area."""
    row = parse_one(community_area=text)
    assert row[["community_area_code", "unread_values"]].isna().all()


@pytest.mark.parametrize("text", [None, "", "   "])
def test_optional_value_may_be_missing(text: str | None) -> None:
    """Null, nothing and white space are all no value."""
    row = parse_one(location_description=text, x_coordinate=text, ward=text, updated_on=text)
    assert row[["location_description", "x_ft", "ward_code", "updated_at"]].isna().all()


@pytest.mark.parametrize("field", ["id", "date", "iucr", "primary_type", "arrest", "domestic"])
def test_required_value_may_not_be_missing(field: str) -> None:
    """A record without a value that the contract requires is rejected, and the field is named."""
    assert reject_one(**{field: " "}) == ("missing_value", f"{field} is empty")


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("id", "11192233.5", "id '11192233.5' is not a whole number, at least 1"),
        ("id", "1.1E+07", "id '1.1E+07' is not a whole number, at least 1"),
        ("id", "0x1F", "id '0x1F' is not a whole number, at least 1"),
        ("id", "0", "id '0' is not a whole number, at least 1"),
        ("iucr", "UNKNOWN", "iucr 'UNKNOWN' is not a code that matches [0-9]{3}[0-9A-Z]"),
        ("arrest", "pending", "arrest 'pending' is not true or false"),
    ],
)
def test_unreadable_value_is_rejected_with_its_text(field: str, text: str, reason: str) -> None:
    """The reason names the field, what it says, and what the contract wants."""
    assert reject_one(**{field: text}) == ("unreadable_value", reason)


@pytest.mark.parametrize(
    ("field", "column", "text"),
    [
        ("district", "district_code", "North"),
        ("ward", "ward_code", "4.5"),
        ("x_coordinate", "x_ft", "1,176,352"),
        ("latitude", "latitude_deg", "91"),
        ("longitude", "longitude_deg", "1e999"),
        ("updated_on", "updated_at", "yesterday"),
    ],
)
def test_unreadable_optional_value_costs_the_value_and_not_the_crime(field: str, column: str, text: str) -> None:
    """The column is empty, and the row says what stood there."""
    row = parse_one(**{field: text})
    assert pd.isna(row[column])
    assert row["unread_values"] == f"{field} {text!r}"


def test_column_written_in_another_way_rejects_nothing() -> None:
    """An edition of the data that spells out wards and districts is kept whole, and every row says what it lost."""
    parsed = parse(*(crime(id=str(number), ward=f"Ward {number}", district="1st") for number in range(1, 6)))
    assert (len(parsed.crimes), len(parsed.rejects)) == (5, 0)
    assert parsed.crimes["unread_values"].tolist()[1] == "district '1st'; ward 'Ward 2'"


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "NULL", "N/A", "#N/A", "<NA>", "NaT", "-", " null ", r"\N"])
def test_words_for_nothing_are_no_values(word: str) -> None:
    """What programs write for a missing value is one, in optional columns of every type and in required ones."""
    optional = {"location_description": word, "x_coordinate": word, "ward": word, "updated_on": word, "latitude": word}
    row = parse_one(**optional)
    assert row[["location_description", "x_ft", "ward_code", "updated_at", "latitude_deg", "unread_values"]].isna().all()
    assert reject_one(iucr=word) == ("missing_value", "iucr is empty")


def test_numbers_as_pandas_writes_them_are_read() -> None:
    """A column of whole numbers that has a gap somewhere comes out of pandas with decimal zeros: codes are codes all the same."""
    floats = {"id": "11192233.0", "district": "7.0", "ward": "24.0", "community_area": "29.0", "beat": "713.0", "iucr": "1130.0"}
    row = parse_one(**floats, fbi_code="6.0", x_coordinate="1170000.0", arrest="1.0", domestic="False")
    codes = ["crime_id", "district_code", "ward_code", "community_area_code", "beat_code", "iucr_code", "fbi_code", "x_ft"]
    assert row[codes].tolist() == [11192233, "007", "24", "29", "0713", "1130", "06", 1_170_000.0]
    assert (row["is_arrest"], row["is_domestic"]) == (True, False)
    assert pd.isna(row["unread_values"])


@given(st.integers(0, 999), st.integers(0, 3))
def test_codes_survive_decimal_zeros(number: int, zeros: int) -> None:
    """Whatever number of zeros stands behind the point, the code is the same."""
    row = parse_one(district=f"{number}.{'0' * zeros}", beat=f"{number}")
    assert (row["district_code"], row["beat_code"]) == (f"{number:03d}", f"{number:04d}")


@given(st.text(max_size=12))
def test_any_text_in_optional_columns_keeps_the_crime(text: str) -> None:
    """Whatever stands in a ward, a time of update or a description, the crime is kept, and can be written."""
    parsed = parse(crime(ward=text, updated_on=text, description=text, x_coordinate=text))
    assert len(parsed.crimes) == 1
    assert "\0" not in "".join(parsed.crimes[["description", "unread_values"]].fillna("").iloc[0])


def test_all_faults_of_a_record_are_named() -> None:
    """A record with several faults is one reject with all reasons, and the code of the first."""
    assert reject_one(id=None, date="soon", arrest="maybe") == (
        "missing_value",
        "id is empty; date 'soon' is not a date and time such as 01/31/2017 11:53:00 PM or 2017-01-31T23:53:00.000; "
        "arrest 'maybe' is not true or false",
    )


def test_reject_keeps_the_record_as_it_was() -> None:
    """The raw text is JSON of the untouched fields; those without a value are left out."""
    rejects = parse(crime(id=None, block=" 5XX Ü ST ", ward=None)).rejects
    text = rejects["raw_text"].item()
    assert '"block": " 5XX Ü ST "' in text
    assert '"ward"' not in text
    assert '"id"' not in text
    assert rejects["source_name"].item() == "crimes.csv"


def test_damaged_record_is_a_reject() -> None:
    """A line that could not be split is kept word for word."""
    damaged = DamagedRecord("crimes.csv", "1,2,3", "has 3 fields where the header has 20")
    parsed = parse_crimes(raw_records(crime(), damaged=(damaged,)), JANUARY)
    assert len(parsed.crimes) == 1
    assert parsed.rejects.iloc[0].tolist() == ["crimes.csv", "malformed_record", damaged.reason, damaged.text]


def test_text_that_no_store_takes_is_repaired() -> None:
    """NUL becomes the mark of an unreadable character, in crimes and in everything that a reject says."""
    row = parse_one(block="001XX N\0STATE ST")
    assert row["block"] == "001XX N\ufffdSTATE ST"
    damaged = DamagedRecord("crimes\0.csv", "1,\0,3", "has 3 fields where the header has 20")
    rejects = parse_crimes(raw_records(crime(id="\0"), damaged=(damaged,)), JANUARY).rejects
    assert len(rejects) == 2
    assert not rejects.map(lambda text: "\0" in text).any(axis=None)
    assert "1,\ufffd,3" in rejects["raw_text"].tolist()


@pytest.mark.parametrize("text", ["12/31/2017 11:59:59 PM", "02/01/2018 12:00:00 AM", "01/15/2017 10:00:00 PM"])
def test_other_months_are_rejected(text: str) -> None:
    """The month is that of Chicago's calendar, to the second."""
    assert reject_one(date=text) == ("outside_month", f"date {text!r} is not in 2018-01")


def test_month_begins_and_ends_at_local_midnight() -> None:
    """The first and the last second of the month belong to it, though in UTC they are six hours later."""
    parsed = parse(crime(id="1", date="01/01/2018 12:00:00 AM"), crime(id="2", date="01/31/2018 11:59:59 PM"))
    assert parsed.crimes["occurred_at"].dt.strftime("%m-%d %H:%M:%S").tolist() == ["01-01 06:00:00", "02-01 05:59:59"]


def test_newest_version_wins() -> None:
    """Of several versions of a crime the one updated last is kept, and the others say which one that is."""
    old, new, undated = (
        crime(updated_on="02/10/2018 03:50:01 PM"),
        crime(updated_on="2018-03-01T15:50:01.000", arrest="true"),
        crime(updated_on=None),
    )
    parsed = parse(old, new, crime(id="5"), undated)
    assert parsed.crimes[["crime_id", "is_arrest"]].to_numpy().tolist() == [[5, False], [11192233, True]]
    assert parsed.rejects["reason_code"].tolist() == ["superseded"] * 2
    assert set(parsed.rejects["reason"]) == {
        "crime 11192233 is kept in the version updated on 2018-03-01T15:50:01.000 from crimes.csv"
    }


def test_unreadable_version_does_not_win() -> None:
    """A newer version that breaks the contract leaves the older one in place."""
    parsed = parse(crime(), crime(updated_on="03/01/2018 03:50:01 PM", arrest="maybe"))
    assert len(parsed.crimes) == 1
    assert parsed.rejects["reason_code"].tolist() == ["unreadable_value"]


@given(st.permutations([0, 1, 2, 3, 4, 5]))
def test_result_does_not_depend_on_the_order_of_records(order: list[int]) -> None:
    """Files and pages may come in any order: which version is kept, and how rejects are sorted, stays the same."""
    records = [
        crime(block="A"),
        crime(block="B"),
        crime(block="B"),
        crime(id="7"),
        crime(id="x"),
        crime(id="7", date="05/05/2018 01:00:00 AM"),
    ]
    expected, parsed = parse(*records), parse(*(records[position] for position in order))
    pd.testing.assert_frame_equal(parsed.crimes, expected.crimes)
    pd.testing.assert_frame_equal(parsed.rejects, expected.rejects)
    assert len(parsed.crimes) + len(parsed.rejects) == len(records)


def read_shared(path: Path) -> pa.Table:
    """Return a recorded file as text in the portal's fields; missing ones are null."""
    titles = pyarrow.csv.open_csv(path).schema.names
    options = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(titles, pa.string()))
    table = pyarrow.csv.read_csv(path, convert_options=options).rename_columns(
        [title.lower().replace(" ", "_") for title in titles]
    )
    for name in PORTAL_FIELDS:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), pa.string()))
    return table.select(PORTAL_FIELDS).append_column("source_name", pa.repeat(path.name, len(table)))


@pytest.mark.parametrize(
    ("name", "month", "rows", "unplaced"),
    [
        ("crimes_2014-02", Month(2014, 2), 18_006, 69),
        ("crimes_2015-12", Month(2015, 12), 21_100, 1_059),
        ("crimes_2018-01", JANUARY, 20_237, 65),
    ],
)
def test_recorded_months_parse_whole(name: str, month: Month, rows: int, unplaced: int) -> None:
    """Real months have no rejects, as many crimes as rows, and coordinates missing where the publisher left them out."""
    parsed = parse_crimes(RawRecords(read_shared(shared_data(f"crimes/{name}.csv.gz"))), month)
    assert (len(parsed.crimes), len(parsed.rejects)) == (rows, 0)
    assert parsed.crimes["x_ft"].isna().sum() == unplaced
    assert find_violations(parsed.crimes, RAW_CRIMES).empty


def test_recorded_api_layout_parses_with_its_missing_fields_supplied() -> None:
    """The API's spelling of dates and flags is read; this extract only lacks the identifier, which the test adds."""
    table = read_shared(shared_data("crimes/crimes_api_fields_2012-02-01_to_14.csv.gz"))
    identifiers = pa.array([str(number) for number in range(1, len(table) + 1)])
    parsed = parse_crimes(RawRecords(table.set_column(0, "id", identifiers)), Month(2012, 2))
    assert (len(parsed.crimes), len(parsed.rejects)) == (2_785, 0)


def test_recorded_file_without_identifiers_is_all_rejects() -> None:
    """Every row of the damaged 2008 file is kept, with the reason."""
    parsed = parse_crimes(
        RawRecords(read_shared(shared_data("crimes/crimes_2008-06-01_to_07_blank_columns.csv.gz"))), Month(2008, 6)
    )
    assert parsed.crimes.empty
    assert parsed.rejects["reason"].value_counts().to_dict() == {"id is empty": 9_125}


def parse_station_rows(*records: Record) -> pd.DataFrame:
    return parse_stations(text_table(records, STATION_FIELDS))


def test_stations_are_typed_and_headquarters_marked() -> None:
    """District numbers get their zeros, Headquarters serves no district, and line breaks leave the address."""
    stations = parse_station_rows(
        station(district="Headquarters", district_name="Headquarters"),
        station(district="12", address="1412 S Blue Island Ave\n", zip="60608-1234"),
    )
    assert stations["station_code"].tolist() == ["012", "headquarters"]
    assert stations["district_code"].isna().tolist() == stations["is_headquarters"].tolist() == [False, True]
    assert stations["address"][0] == "1412 S Blue Island Ave"
    assert stations["zip_code"].tolist() == ["60608", "60616"]
    assert find_violations(stations, POLICE_STATIONS).empty


@pytest.mark.parametrize("nothing", [None, "nan", "-"])
def test_missing_coordinates_of_a_station_are_computed(nothing: str | None) -> None:
    """Either pair of coordinates is enough; the other agrees with the portal's own to a centimetre."""
    both, feet_only, degrees_only = (
        parse_station_rows(station(**dict.fromkeys(missing, nothing)))
        for missing in ((), ("latitude", "longitude"), ("x_coordinate", "y_coordinate"))
    )
    assert feet_only["latitude_deg"].item() == pytest.approx(both["latitude_deg"].item(), abs=1e-7)
    assert feet_only["longitude_deg"].item() == pytest.approx(both["longitude_deg"].item(), abs=1e-7)
    assert degrees_only["x_ft"].item() == pytest.approx(both["x_ft"].item(), abs=0.03)
    assert degrees_only["y_ft"].item() == pytest.approx(both["y_ft"].item(), abs=0.03)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"longitude": "87.62735617"}, "longitude 87.62735617 is outside Illinois; the longitude's sign is wrong"),
        ({"latitude": "40.7128", "longitude": "-74.006"}, "outside Illinois"),
        ({"x_coordinate": "0", "y_coordinate": "0"}, r"x_coordinate 0.0, y_coordinate 0.0 \(EPSG:3435, feet\) is outside Illinois"),
        ({"latitude": None, "y_coordinate": None}, "neither x_coordinate and y_coordinate nor latitude and longitude"),
        ({"x_coordinate": "far"}, "x_coordinate 'far' is not a number"),
        ({"district": "North"}, "neither a number nor Headquarters"),
        ({"zip": "6O616"}, "'6O616' is not a postal code"),
        ({"district_name": None}, "district_name is empty"),
    ],
)
def test_wrong_station_is_an_error_that_names_its_row(fields: Record, message: str) -> None:
    """A station in the wrong place would be somebody's nearest one, so nothing is guessed."""
    with pytest.raises(SourceError, match=rf"police stations, row 2 \(district .*{message}"):
        parse_station_rows(station(district="2"), station(**fields))


def test_repeated_station_counts_once_and_contradicting_ones_are_an_error() -> None:
    """Exact repeats are harmless; two different places for one station are not."""
    assert len(parse_station_rows(station(), station())) == 1
    with pytest.raises(SourceError, match="two different rows for station 001"):
        parse_station_rows(station(), station(address="elsewhere"))


def test_stations_without_a_district_are_an_error() -> None:
    """Headquarters alone is nobody's nearest station."""
    with pytest.raises(SourceError, match="none of the 1 rows is a station that serves a district"):
        parse_station_rows(station(district="Headquarters"))
