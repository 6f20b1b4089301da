"""From snapshots to the readings of a day: everything becomes a reading or a kept reject."""

import json
import random
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from mlops_assets.donostia_parking.cities import BIRMINGHAM, DONOSTIA
from mlops_assets.donostia_parking.readings.daily import DayOfReadings, build_readings
from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets.donostia_parking.sources.export import ExportParkingSource
from mlops_assets.errors import SourceError
from mlops_assets_tests.donostia_parking.snapshots import (
    ARCCO,
    ATOTXA,
    BOULEVARD,
    city_snapshot,
    csv_snapshot,
    feature,
    hourly,
    require_contracts,
    snapshot,
    utc,
)
from mlops_assets_tests.shared_data import shared_data

DAY = DONOSTIA.day("2022-02-11")
NOON = "2022-02-11 12:00"


def build(*snapshots: Snapshot) -> DayOfReadings:
    """Return the readings of the day, its tables checked against their contracts."""
    day = build_readings(snapshots, DAY, DONOSTIA)
    require_contracts(day)
    return day


def reject(*snapshots: Snapshot) -> tuple[str, str]:
    """Return reason code and reason of the only reject."""
    ((code, reason),) = build(*snapshots).rejects[["reason_code", "reason"]].itertuples(index=False)
    return code, reason


def test_record_becomes_a_reading() -> None:
    """Strings are numbers, places are added up, metres are degrees, the moment is the request's."""
    row = build(snapshot("2022-02-11 12:00:01.5", "1.043")).readings.iloc[0]
    assert (row["city_code"], row["car_park_id"], row["car_park_name"]) == ("donostia", BOULEVARD, "Boulevard")
    assert (row["read_at"], row["free_spaces"], row["capacity"]) == (utc("2022-02-11 12:00:01.5"), 1043, 376 + 135)
    assert (row["latitude_deg"], row["longitude_deg"]) == (pytest.approx(43.3229, abs=1e-3), pytest.approx(-1.9819, abs=1e-3))
    assert (row["is_negative"], row["is_over_capacity"], row["is_stale"], row["is_stuck_at_zero"]) == (False, True, False, False)


def test_doubtful_values_are_flagged_and_stay() -> None:
    """Below nothing and above everything: the value is the feed's, the flag is ours."""
    readings = build(*hourly("2022-02-11 08:00", -1, 0, 511, 512)).readings
    assert readings["free_spaces"].tolist() == [-1, 0, 511, 512]
    assert readings["is_negative"].tolist() == [True, False, False, False]
    assert readings["is_over_capacity"].tolist() == [False, False, False, True]


def test_unknown_capacity_is_not_exceeded() -> None:
    """A historical file without places cannot say that there are too many free ones; its names lead to the feed's identifiers."""
    text = "properties.nombre,properties.libres,timestamp\nArcco,999,2022-02-11 12:00:00\nNuevo,1,2022-02-11 12:00:00\n"
    readings = build(csv_snapshot(NOON, text)).readings
    assert readings["car_park_id"].tolist() == [ARCCO, "Nuevo"]
    assert readings["capacity"].isna().all()
    assert not readings["is_over_capacity"].any()
    assert readings["latitude_deg"].isna().all()


def test_free_places_follow_from_occupied_ones() -> None:
    """Birmingham counts cars: minus three of 480 are 483 free, 1013 of 1010 are minus three."""
    header = "SystemCodeNumber,Capacity,Occupancy,LastUpdated\n"
    text = header + "NIA North,480,-3,2016-10-16 15:57:16\nBHMBRCBRG01,1010,1013,2016-10-16 15:57:16\n"
    day = build_readings([csv_snapshot("2016-10-16 14:57:16", text)], BIRMINGHAM.day("2016-10-16"), BIRMINGHAM)
    require_contracts(day)
    assert day.readings["car_park_id"].tolist() == ["BHMBRCBRG01", "NIA North"]
    assert day.readings["free_spaces"].tolist() == [-3, 483]
    assert day.readings[["is_negative", "is_over_capacity"]].to_numpy().tolist() == [[True, False], [False, True]]


def test_window_is_the_local_day() -> None:
    """The hour before midnight in UTC is of the next day already; what came before shows no row and no reject."""
    snapshots = [
        snapshot(at, "1") for at in ("2022-02-10 22:59:59.999999", "2022-02-10 23:00", "2022-02-11 22:59:59", "2022-02-11 23:00")
    ]
    page = Snapshot(utc("2022-02-10 22:00"), b"<html>", "feed")
    day = build(*snapshots, page)
    assert day.readings["read_at"].tolist() == [utc("2022-02-10 23:00"), utc("2022-02-11 22:59:59")]
    assert day.rejects.empty


def test_freezing_is_seen_across_midnight() -> None:
    """A feed that stood still since the evening is stale in the first reading of the day."""
    readings = build(*hourly("2022-02-10 19:30", 5, 5, 5, 5, 5, 6)).readings
    assert readings["is_stale"].tolist() == [True, False]


def test_car_park_without_sensor_is_seen_from_the_days_before() -> None:
    """Zero since the morning before makes a zero suspect at once."""
    readings = build(*hourly("2022-02-10 11:00", *[0] * 26)).readings
    assert readings["is_stuck_at_zero"].tolist() == [False] * 12 + [True] * 2


def test_order_of_snapshots_does_not_matter() -> None:
    """Clocks jump and folders list as they like: the same snapshots give the same bytes, in order of time."""
    snapshots = [*hourly("2022-02-11 08:00", 5, 5, 7, -1, 7), city_snapshot("2022-02-11 08:00", B="1", A="2"), snapshot(NOON, "x")]
    expected = build(*snapshots)
    for seed in range(3):
        random.Random(seed).shuffle(snapshots)
        for table in ("readings", "rejects", "sightings"):
            pd.testing.assert_frame_equal(getattr(build(*snapshots), table), getattr(expected, table))
    assert expected.readings["read_at"].is_monotonic_increasing


def test_repeated_records_are_kept_once() -> None:
    """Of records of one car park and moment the last snapshot's last one counts; the others are rejects."""
    first, second = snapshot(NOON, "1", "2", source_name="a"), snapshot(NOON, "3", source_name="b")
    day = build(second, first)
    assert day.readings["free_spaces"].tolist() == [3]
    assert day.rejects["reason_code"].tolist() == ["duplicate", "duplicate"]
    assert [json.loads(text)["properties"]["libres"] for text in day.rejects["raw_text"]] == ["1", "2"]
    assert "has another record of 2022-02-11T12:00:00+00:00, which is kept; it says 3 free spaces" in day.rejects["reason"][0]


def test_page_instead_of_json_is_a_reject() -> None:
    """The reason, the moment and the text are kept, and the other snapshots count."""
    day = build(Snapshot(utc(NOON), b"<html>Mantenimiento</html>", "object"), snapshot("2022-02-11 13:00", "5"))
    assert len(day.readings) == 1
    row = day.rejects.iloc[0]
    assert (row["reason_code"], row["raw_text"]) == ("malformed_snapshot", "<html>Mantenimiento</html>")
    assert (row["requested_at"], row["source_name"]) == (utc(NOON), "object")


def test_empty_list_is_a_reject() -> None:
    """A feed that lists nothing says nothing, and that is kept."""
    assert reject(snapshot(NOON)) == ("empty_snapshot", "the list of features is empty")


@pytest.mark.parametrize(
    ("broken", "code", "reason"),
    [
        ({"libres": None}, "missing_value", "the number of free spaces is missing"),
        ({"libres": " "}, "missing_value", "the number of free spaces is missing"),
        ({"libres": "n/a"}, "unreadable_value", "free spaces 'n/a' is no number of places"),
        ({"libres": "12,5"}, "unreadable_value", "free spaces '12,5' is no number of places"),
        ({"libres": 1e9}, "unreadable_value", "free spaces 1000000000.0 is no number of places"),
        ({"libres": ["5"]}, "unreadable_value", "free spaces ['5'] is no number of places"),
        ({"libres": "-"}, "unreadable_value", "free spaces '-' is no number of places"),
        ({"noteId": None, "nombre": None}, "missing_value", "the record has neither an identifier nor a name of the car park"),
        ({"noteId": {}, "nombre": []}, "missing_value", "the record has neither an identifier nor a name of the car park"),
    ],
)
def test_broken_record_is_a_reject(broken: dict[str, Any], code: str, reason: str) -> None:
    """The field and the value are named; the neighbours stay."""
    record = feature("5", **broken)
    day = build(snapshot(NOON, record, feature("7", noteId=ATOTXA)))
    assert day.readings["free_spaces"].tolist() == [7]
    assert day.rejects[["reason_code", "reason"]].to_numpy().tolist() == [[code, reason]]
    assert json.loads(day.rejects["raw_text"][0]) == record


def test_what_is_not_needed_may_be_missing() -> None:
    """Position, type, prices and places can be unknown, a name can stand in for an identifier, an identifier for a name."""
    bare = {"properties": {"libres": 5, "nombre": "Arcco"}}
    odd = feature(6, point="here", tipo=[], precios=["0,81", {}], nombre=None, plazasRotatorias=None)
    readings = build(snapshot(NOON, bare, odd)).readings
    assert readings["car_park_id"].tolist() == [ARCCO, BOULEVARD]
    assert readings["car_park_name"].tolist() == ["Arcco", BOULEVARD]
    assert readings[["capacity", "latitude_deg"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("odd", "unread"),
    [
        ({"plazasRotatorias": "many"}, "public places 'many'"),
        ({"plazasResidentes": -1}, "residents' places -1"),
        ({"tipo": []}, "type []"),
        ({"point": ["here", 1]}, "position ('here', 1)"),
        ({"precios": ["0,81", {}]}, "prices ('0,81', {})"),
        ({"plazasRotatorias": "n/a", "plazasResidentes": "nan", "tipo": "-", "point": [0, 0], "precios": []}, None),
    ],
)
def test_unreadable_description_costs_no_reading(odd: dict[str, Any], unread: str | None) -> None:
    """Free spaces are there; of the rest, the row says what could not be read. Words for nothing say nothing."""
    readings = build(snapshot(NOON, feature("5", **odd))).readings
    assert readings["free_spaces"].tolist() == [5]
    assert readings["unread_values"].tolist() == [unread] if unread else readings["unread_values"].isna().all()


def test_unknown_capacity_of_a_car_park_that_counts_cars_is_a_reject() -> None:
    """Occupied places alone do not say how many are free."""
    text = "SystemCodeNumber,Capacity,Occupancy,LastUpdated\nA,many,13,2016-10-16 15:57:16\n"
    day = build_readings([csv_snapshot("2016-10-16 14:57:16", text)], BIRMINGHAM.day("2016-10-16"), BIRMINGHAM)
    assert day.rejects[["reason_code", "car_park_id"]].to_numpy().tolist() == [["unreadable_value", "A"]]
    assert day.rejects["reason"].item() == "the number of occupied spaces is given, but not that of all places: places 'many'"


def test_identifiers_and_numbers_as_pandas_writes_them() -> None:
    """A column of whole numbers with a gap in it has decimal zeros: the identifier is the same, and so is the number."""
    header = "timestamp,parking_id,name,free,total\n"
    plain = build(csv_snapshot(NOON, header + "2022-02-11 12:00:00,7,A,80,100\n")).readings
    floats = build(csv_snapshot(NOON, header + "2022-02-11 12:00:00,7.0,A,80.0,100.0\n")).readings
    pd.testing.assert_frame_equal(plain, floats)


@pytest.mark.parametrize("odd", ["Boule\ud83dvard", "Boule\0vard"])
def test_text_that_no_store_takes_is_repaired(odd: str) -> None:
    """Half a surrogate pair or a NUL costs a letter and not the day, in readings as in everything that a reject says."""
    good = feature("5", nombre=odd, noteId=odd)
    broken = feature("x", nombre=odd, noteId=odd, tipo=odd)
    day = build(
        snapshot(NOON, good, broken, feature("6", nombre=odd, noteId=odd)),
        Snapshot(utc(NOON), odd.encode("utf-8", "surrogatepass"), "page"),
    )
    assert day.readings["car_park_name"].tolist() == ["Boule\ufffdvard"]
    assert sorted(day.rejects["reason_code"]) == ["duplicate", "malformed_snapshot", "unreadable_value"]
    for table in (day.readings, day.rejects, day.sightings):
        assert "\0" not in "".join(table.select_dtypes("string").fillna("").to_numpy().ravel().tolist())


def test_rejects_name_their_car_park() -> None:
    """Whoever looks for what is wrong with a car park finds all its rejects, whatever their reason."""
    closed = feature("Cerrado", noteId=ATOTXA, nombre="Atotxa")
    day = build(snapshot(NOON, feature("5"), closed, closed), Snapshot(utc(NOON), b"<html>", "page"))
    named = day.rejects[["reason_code", "car_park_id", "car_park_name"]].fillna("").to_numpy().tolist()
    assert named == [*[["unreadable_value", ATOTXA, "Atotxa"]] * 2, ["malformed_snapshot", "", ""]]


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ({"libres": None}, "not one of 4 records can be used, for the number of free spaces is missing; .* libres, noteId, nombre"),
        ({"noteId": None, "nombre": None}, "not one of 4 records can be used, for the record has neither an identifier nor a name"),
    ],
)
def test_field_lost_everywhere_is_a_changed_format(lost: dict[str, None], message: str) -> None:
    """Some records without a field are rejects; if all of a day lack it, the format is another one, and nothing is written."""
    record = feature("5")
    for name in lost:
        del record["properties"][name]
    broken = [snapshot(NOON, record, record), snapshot("2022-02-11 13:00", record, record)]
    with pytest.raises(SourceError, match=f"snapshots of 2022-02-11: {message}"):
        build(*hourly("2022-02-10 12:00", 5, 5), *broken)
    assert len(build(*broken, *hourly("2022-02-11 14:00", 5)).rejects) == 4


def test_record_of_another_day_is_a_reject() -> None:
    """Lines that somebody put into the wrong snapshot are not moved silently."""
    text = "nombre,libres,timestamp\nArcco,1,2022-02-11 12:00:00\nArcco,2,2022-03-11 12:00:00\nArcco,3,soon\n"
    day = build(csv_snapshot(NOON, text))
    assert day.readings["free_spaces"].tolist() == [1]
    assert day.rejects["reason_code"].tolist() == ["outside_day", "unreadable_value"]
    assert day.rejects["raw_text"].tolist() == ["Arcco,2,2022-03-11 12:00:00", "Arcco,3,soon"]
    assert day.rejects["reason"][0] == "the record is of 2022-03-11T12:00:00+00:00, which is not in 2022-02-11"


def test_recording_of_another_city_is_a_reject() -> None:
    """Cities do not mix."""
    code, reason = reject(csv_snapshot(NOON, "SystemCodeNumber,Capacity,Occupancy,LastUpdated\nA,1,1,2022-02-11 12:00:00\n"))
    assert (code, reason) == ("malformed_snapshot", "the snapshot is of Birmingham, not of Donostia / San Sebastián")


def test_day_without_snapshots_is_empty() -> None:
    """In a gap of 112 days every day has tables without rows."""
    day = build()
    assert (len(day.readings), len(day.rejects), len(day.sightings)) == (0, 0, 0)


def test_car_park_may_appear_and_vanish() -> None:
    """Rows are of what is listed, nothing is invented."""
    readings = build(city_snapshot("2022-02-11 10:00", A="1", B="2"), city_snapshot("2022-02-11 11:00", B="3", C="4")).readings
    assert readings["car_park_id"].tolist() == ["A", "B", "B", "C"]


def test_recorded_freeze_is_found() -> None:
    """The feed last changed at 03:19 on 11 February 2022: three hours later it counts as stale, and before it never does."""
    export = ExportParkingSource(shared_data("parking/donostia_2022-01_to_03.csv.gz"), DONOSTIA)
    snapshots = list(export.snapshots_between(utc("2022-02-08"), utc("2022-02-14")))
    days = [build_readings(snapshots, DAY.plus(number), DONOSTIA) for number in (-1, 0, 1)]
    for day in days:
        require_contracts(day)
    readings = pd.concat([day.readings for day in days])
    stale = readings[readings["is_stale"]]["read_at"]
    assert stale.min() - utc("2022-02-11 03:19:45") > timedelta(hours=3)
    assert stale.min() == utc("2022-02-11 06:24:34.492584")
    assert readings[readings["read_at"] >= stale.min()]["is_stale"].all()
    silent = set(readings[readings["is_stuck_at_zero"]]["car_park_name"])
    assert silent == {"Arcco", "Illumbe", "Kursaal", "Ondarreta", "Zuatzu"}


def test_repeats_of_birmingham_are_rejects() -> None:
    """Thirty October 2016: 40 exact repeats, one reading each remains; clocks went back that night."""
    day = BIRMINGHAM.day("2016-10-30")
    export = ExportParkingSource(shared_data("parking"), BIRMINGHAM)
    found = build_readings(export.snapshots_between(day.plus(-2).start, day.end), day, BIRMINGHAM)
    require_contracts(found)
    assert set(found.rejects["reason_code"]) == {"duplicate"}
    assert not found.readings.duplicated(["read_at", "car_park_id"]).any()
    assert found.readings["read_at"].min() == utc("2016-10-30 07:46:55")


def test_recorded_answer_has_every_car_park() -> None:
    """The city's answer of 2025 as a live snapshot: 16 readings, 1011 free spaces, capacities known."""
    body = shared_data("parking/donostia_api_response_2025-10-09.json").read_bytes()
    day = build_readings([Snapshot(utc("2025-10-09 21:58:54"), body, "feed")], DONOSTIA.day("2025-10-09"), DONOSTIA)
    require_contracts(day)
    assert (len(day.readings), day.readings["free_spaces"].sum(), day.readings["capacity"].sum()) == (16, 1011, 9883)
    assert day.rejects.empty
