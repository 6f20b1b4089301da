"""Reading the feed's GeoJSON, and numbers as Spanish feeds write them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.readings.positions import Position, read_position
from mlops_assets.donostia_parking.sources.bodies import excerpt, read_body
from mlops_assets.donostia_parking.sources.feed import read_feed
from mlops_assets.donostia_parking.sources.feed_values import read_number, read_text, read_time, read_whole_number
from mlops_assets.donostia_parking.sources.records import UnreadableSnapshotError
from mlops_assets_tests.donostia_parking.snapshots import BOULEVARD, body, feature, utc
from mlops_assets_tests.shared_data import shared_data


def spanish(number: int, decimals: str, *, is_grouped: bool) -> str:
    """Write a number as a Spanish feed does."""
    whole = f"{number:,}".replace(",", ".") if is_grouped else str(number)
    return f"{whole},{decimals}" if decimals else whole


@given(st.integers(-(10**9), 10**9), st.text("0123456789", max_size=6), st.booleans())
def test_spanish_numbers_are_read(number: int, decimals: str, is_grouped: bool) -> None:
    """A comma is the decimal sign, dots divide thousands, however large the number is."""
    sign = "-" if number < 0 else ""
    expected = float(f"{sign}{abs(number)}.{decimals or 0}")
    written = sign + spanish(abs(number), decimals, is_grouped=is_grouped)
    assert read_number(written) == expected
    assert read_number(f" {written}\t") == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_of_json_are_themselves(number: float) -> None:
    """What JSON gives as a number needs no interpretation."""
    assert read_number(number) == number


@given(st.text())
def test_any_text_is_a_finite_number_or_none(text: str) -> None:
    """No text brings the reader down, and none becomes infinite."""
    number = read_number(text)
    assert number is None or abs(number) < float("inf")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0,61", 0.61),
        ("19,00", 19.0),
        ("1.234", 1234.0),
        ("1.234.567,5", 1234567.5),
        ("12.5", 12.5),
        ("1234.567", 1234.567),
        ("583235.67", 583235.67),
        ("-1", -1.0),
        ("+7", 7.0),
        ("1e3", 1000.0),
    ],
)
def test_number_is_what_the_writer_meant(value: str, number: float) -> None:
    """A dot divides thousands only where it can."""
    assert read_number(value) == number


@pytest.mark.parametrize(
    "value", ["", "n/a", "1,2,3", "1.23.456", "--", "١٢", "1_000", "nan", "inf", "1e999", True, None, [], {}, float("nan")]
)
def test_other_values_are_no_numbers(value: Any) -> None:
    """Nothing is guessed."""
    assert read_number(value) is None


def test_whole_numbers_have_no_rest() -> None:
    """Places are whole, however they are written."""
    assert [read_whole_number(value) for value in ("12,0", "12", 12.0, "1.043", "12,5")] == [12, 12, 12, 1043, None]


def test_texts_lose_spare_spaces_only() -> None:
    """A name may be a number, but not a list."""
    assert [read_text(value) for value in ("  Buen\t Pastor ", "", None, 7, ["x"], True)] == [
        "Buen Pastor",
        None,
        None,
        "7",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2022-01-23 17:12:47.334498", "2022-01-23 17:12:47.334498"),
        ("2022-01-23T17:12:47", "2022-01-23 17:12:47"),
        ("2022-01-23T17:12:47.5Z", "2022-01-23 17:12:47.500000"),
        ("2025-10-09 21:58:54 UTC", "2025-10-09 21:58:54"),
        ("2025-10-09T21:58:54.123456789+02:00", "2025-10-09 19:58:54.123456"),
        ("2025-10-09 21:58:54+0200\t", "2025-10-09 19:58:54"),
    ],
)
def test_times_are_read_in_every_recorded_form(text: str, moment: str) -> None:
    """With and without fraction, zone and stray tab."""
    assert read_time(text, "UTC") == utc(moment)


@pytest.mark.parametrize(
    ("local", "moment"),
    [
        ("2016-10-04 07:59:42", "2016-10-04 06:59:42"),
        ("2016-10-30 00:59:59", "2016-10-29 23:59:59"),
        ("2016-10-30 01:30:00", "2016-10-30 00:30:00"),
        ("2016-10-30 02:00:00", "2016-10-30 02:00:00"),
        ("2016-03-27 01:30:00", "2016-03-27 01:30:00"),
    ],
)
def test_local_times_are_unambiguous(local: str, moment: str) -> None:
    """Of an hour that occurs twice the first is meant; one that does not occur is an hour later by the wall clock."""
    assert read_time(local, "Europe/London") == utc(moment)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2022-02-30 10:00:00", "2022-01-23 25:00:00", "2022-01-23", "0001-01-01 00:00:00+14:00"]
)
def test_other_texts_are_no_times(text: str) -> None:
    """A date that does not exist is not moved to one that does."""
    assert read_time(text, "UTC") is None


def test_feature_gives_its_fields_as_they_are() -> None:
    """Nothing is typed or dropped when the body is read."""
    record = read_feed(body(feature("129", plazasRotatorias="210")))[0]
    assert (record.car_park_id, record.name, record.type) == (BOULEVARD, "Boulevard", "LIB")
    assert (record.free, record.public, record.resident) == ("129", "210", 135)
    assert (record.x, record.y, record.prices) == (582546.52, 4797168.72, ("0,81", "1,36"))


def test_accents_survive_in_any_encoding() -> None:
    """UTF-8 with and without a mark, and the Windows encoding of older servers."""
    text = json.dumps({"features": [feature(nombre="Estación")]}, ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        assert read_body(text.encode(encoding), DONOSTIA)[0].name == "Estación"


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        (b"", "empty_snapshot", "the snapshot is empty"),
        (b" \n<!DOCTYPE html><html>Error</html>", "malformed_snapshot", "a web page or XML, not JSON"),
        (b'{"features": [{"geom', "malformed_snapshot", "the snapshot is not JSON: Unterminated string"),
        (b"[1, 2]", "malformed_snapshot", "it has no list of features"),
        (b'{"error": "busy"}', "malformed_snapshot", "it has no list of features"),
        (b'{"features": {}}', "malformed_snapshot", "it has no list of features"),
        (b'{"features": []}', "empty_snapshot", "the list of features is empty"),
        (b"[" * 100_000, "malformed_snapshot", "the snapshot is not JSON"),
        (b"\xff\xfe\x00", "malformed_snapshot", "neither JSON nor CSV of a known layout"),
    ],
    ids=["nothing", "web page", "cut off", "list", "error", "object", "no features", "bomb", "bytes"],
)
def test_body_without_records_says_why(text: bytes, code: str, reason: str) -> None:
    """The reason is one of the contract's, in words that name the fault."""
    with pytest.raises(UnreadableSnapshotError, match=reason) as caught:
        read_body(text, DONOSTIA)
    assert caught.value.code == code


@pytest.mark.parametrize("broken", [None, 7, "x", [], {}, {"properties": None}, {"properties": []}])
def test_feature_without_properties_is_a_faulty_record(broken: Any) -> None:
    """One broken feature does not hide the others."""
    records = read_feed(body(broken, feature("5")))
    assert records[0].fault == ("malformed_record", "the feature has no properties")
    assert records[1].free == "5"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_feature_is_a_record(value: Any) -> None:
    """Whatever JSON holds becomes a record with a text, faulty or not."""
    written = body(value, {"properties": value, "geometry": value})
    assert [json.loads(record.text) for record in read_feed(written)] == json.loads(written)["features"]


def test_excerpt_of_a_page_is_its_beginning() -> None:
    """A reject keeps what helps, not a megabyte."""
    assert excerpt(b"<html>" + b"x" * 10_000) == "<html>" + "x" * 1_994


def test_metres_become_degrees() -> None:
    """The feed's coordinates are UTM zone 30N, and Boulevard is in Donostia."""
    place = read_position(582546.52, "4797168,72")
    assert (place.x_m, place.y_m) == (582546.52, 4797168.72)
    assert place.latitude_deg == pytest.approx(43.3229, abs=1e-3)
    assert place.longitude_deg == pytest.approx(-1.9819, abs=1e-3)


def test_degrees_become_metres() -> None:
    """A feed that should learn to write degrees is understood, to the millimetre."""
    place = read_position(582546.52, 4797168.72)
    back = read_position(place.longitude_deg, place.latitude_deg)
    assert back.x_m == pytest.approx(582546.52, abs=0.02)
    assert back.y_m == pytest.approx(4797168.72, abs=0.02)


@pytest.mark.parametrize(("x", "y"), [(None, None), (0, 0), ("", "x"), (1e12, 5), (583_235.67, 1e9), ([], {}), (583_235.67, None)])
def test_placeholder_is_no_position(x: Any, y: Any) -> None:
    """A position that cannot be one is unknown; it does not cost the reading."""
    assert read_position(x, y) == Position()


def test_recorded_answer_is_read() -> None:
    """The city's answer of 2025: sixteen car parks, strings for free spaces, all positions in the town."""
    records = read_feed(shared_data("parking/donostia_api_response_2025-10-09.json").read_bytes())
    assert len({record.car_park_id for record in records}) == len(records) == 16
    assert sum(read_whole_number(record.free) or 0 for record in records) == 1011
    for record in records:
        place = read_position(record.x, record.y)
        assert place.latitude_deg == pytest.approx(43.31, abs=0.03)
        assert place.longitude_deg == pytest.approx(-1.99, abs=0.03)
