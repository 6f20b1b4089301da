"""Car parks as a slowly changing dimension: names, places, positions and prices over time."""

import json
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.contracts import CAR_PARK_SIGHTINGS, CAR_PARKS
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.donostia_parking.readings.car_parks import build_car_parks
from mlops_assets.donostia_parking.readings.daily import build_readings
from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets_tests.donostia_parking.snapshots import ARCCO, BOULEVARD, csv_snapshot, feature, require_contract, snapshot, utc
from mlops_assets_tests.shared_data import shared_data


def sightings(*snapshots: Snapshot) -> pd.DataFrame:
    """Return what the days of some snapshots have seen."""
    days = sorted({LocalDay.of(item.requested_at, DONOSTIA.time_zone) for item in snapshots}, key=lambda day: day.date)
    frames = [build_readings(snapshots, day, DONOSTIA).sightings for day in days]
    for frame in frames:
        require_contract(frame, CAR_PARK_SIGHTINGS)
    return pd.concat(frames, ignore_index=True)


def car_parks(*snapshots: Snapshot) -> pd.DataFrame:
    """Return the versions that follow from some snapshots."""
    versions = build_car_parks(sightings(*snapshots))
    require_contract(versions, CAR_PARKS)
    return versions


def at(moment: str, **properties: Any) -> Snapshot:
    return snapshot(moment, feature("5", **properties))


def test_car_park_is_described() -> None:
    """Both systems of coordinates, all kinds of places, prices as numbers."""
    row = car_parks(at("2022-02-11 12:00")).iloc[0]
    assert (row["city_code"], row["car_park_id"], row["car_park_name"], row["car_park_type"]) == (
        "donostia",
        BOULEVARD,
        "Boulevard",
        "LIB",
    )
    assert (row["capacity"], row["public_spaces"], row["resident_spaces"]) == (511, 376, 135)
    assert (row["x_m"], row["y_m"], round(row["latitude_deg"], 3), round(row["longitude_deg"], 3)) == (
        582546.52,
        4797168.72,
        43.323,
        -1.982,
    )
    assert json.loads(row["prices_eur"]) == [0.81, 1.36]
    assert row["is_current"]


def test_car_park_that_stays_the_same_has_one_version() -> None:
    """Free spaces are no property of the car park; a gap of 112 days changes nothing."""
    versions = car_parks(at("2022-02-11 12:00"), snapshot("2022-02-11 13:00", feature("9")), at("2022-06-03 13:00"))
    assert versions[["valid_from_at", "last_seen_at"]].to_numpy().tolist() == [[utc("2022-02-11 12:00"), utc("2022-06-03 13:00")]]
    assert versions["valid_to_at"].isna().all()


def test_new_name_is_a_new_version_of_the_same_car_park() -> None:
    """The identifier stays; the old version ends where the new one begins, even in the middle of a day."""
    versions = car_parks(
        at("2022-02-11 12:00", nombre="Estación"),
        at("2022-02-11 13:00", nombre="Geltokia"),
        at("2022-02-12 13:00", nombre="Geltokia"),
    )
    assert versions["car_park_name"].tolist() == ["Estación", "Geltokia"]
    assert set(versions["car_park_id"]) == {BOULEVARD}
    assert versions["valid_from_at"].tolist() == [utc("2022-02-11 12:00"), utc("2022-02-11 13:00")]
    assert versions["valid_to_at"].tolist() == [utc("2022-02-11 13:00"), pd.NaT]
    assert versions["is_current"].tolist() == [False, True]


def test_old_name_that_returns_is_a_third_version() -> None:
    """Versions follow time, not values."""
    names = ["A", "B", "A"]
    versions = car_parks(*(at(f"2022-02-11 1{hour}:00", nombre=name) for hour, name in enumerate(names)))
    assert versions["car_park_name"].tolist() == names


def test_places_position_and_prices_make_versions() -> None:
    """Whatever describes the car park counts."""
    versions = car_parks(
        at("2022-02-11 10:00"),
        at("2022-02-11 11:00", plazasRotatorias=400),
        at("2022-02-11 12:00", plazasRotatorias=400, precios=["0,90"]),
        at("2022-02-11 13:00", plazasRotatorias=400, precios=["0,90"], point=[582000, 4797000]),
    )
    assert versions["capacity"].tolist() == [511, 535, 535, 535]
    assert versions["prices_eur"].tolist() == ["[0.81,1.36]", "[0.81,1.36]", "[0.9]", "[0.9]"]
    assert versions["x_m"].tolist() == [582546.52, 582546.52, 582546.52, 582000]


def test_same_meaning_in_other_writing_is_no_change() -> None:
    """A number in quotes is that number."""
    assert len(car_parks(at("2022-02-11 10:00"), at("2022-02-11 11:00", plazasRotatorias="376", precios=[0.81, "1.36"]))) == 1


def test_what_a_recording_leaves_out_is_unchanged() -> None:
    """A historical file knows names only: it learns places from the feed, and the feed's places outlast it."""
    recorded = "nombre,libres,timestamp\nArcco,1,{}\n"
    versions = car_parks(
        csv_snapshot("2022-02-11 10:00", recorded.format("2022-02-11 10:00:00")),
        at("2022-02-12 10:00", noteId=ARCCO, nombre="Arcco"),
        csv_snapshot("2022-02-13 10:00", recorded.format("2022-02-13 10:00:00")),
        at("2022-02-14 10:00", noteId=ARCCO, nombre="Arcco Amara", plazasRotatorias=None),
    )
    assert versions["car_park_name"].tolist() == ["Arcco", "Arcco Amara"]
    assert versions["capacity"].tolist() == [511, 511]
    assert versions["valid_from_at"].tolist() == [utc("2022-02-11 10:00"), utc("2022-02-14 10:00")]


def test_car_park_missing_for_a_week_is_gone_and_may_return() -> None:
    """A feed that leaves one out for a day does not end it; if it comes back, its version goes on."""
    other = feature("1", noteId="OTHER", nombre="Other")
    first, week_later = snapshot("2022-02-01 12:00", feature("5"), other), snapshot("2022-02-08 12:00", other)
    assert car_parks(first, snapshot("2022-02-08 11:00", other))["is_current"].all()
    gone = car_parks(first, week_later)
    assert gone["is_current"].tolist() == [False, True]
    assert gone["valid_to_at"][0] == utc("2022-02-01 12:00")
    back = car_parks(first, week_later, at("2022-02-20 12:00"))
    assert back[back["car_park_id"] == BOULEVARD][["valid_from_at", "is_current"]].to_numpy().tolist() == [
        [utc("2022-02-01 12:00"), True]
    ]


def test_broken_snapshots_end_nothing() -> None:
    """A web page is no sighting, and no proof of absence."""
    page = Snapshot(utc("2022-03-11 12:00"), b"<html>", "feed")
    assert car_parks(at("2022-02-11 12:00"), page)["is_current"].tolist() == [True]


def test_nothing_seen_is_an_empty_table() -> None:
    """Before the first snapshot there are no car parks."""
    nothing = build_readings([], DONOSTIA.day("2022-02-11"), DONOSTIA).sightings
    car_parks = build_car_parks(nothing)
    require_contract(car_parks, CAR_PARKS)
    assert car_parks.empty


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.integers(0, 5 * 24), st.sampled_from("AB"), st.sampled_from(["x", "y"])),
        min_size=1,
        unique_by=lambda item: item[:2],
    )
)
def test_versions_do_not_overlap_and_lose_no_sighting(seen: list[tuple[int, str, str]]) -> None:
    """In whatever order days are built, every sighting lies in exactly one version that says the same."""
    snapshots = [
        at(f"2022-01-{1 + hour // 24:02d} {hour % 24:02d}:00", noteId=car_park, nombre=name) for hour, car_park, name in seen
    ]
    stretches = sightings(*snapshots)
    versions = build_car_parks(stretches)
    pd.testing.assert_frame_equal(versions, build_car_parks(stretches.sample(frac=1, random_state=1)))
    for _, one in stretches.iterrows():
        of_car_park = versions[versions["car_park_id"] == one["car_park_id"]]
        holds = (of_car_park["valid_from_at"] <= one["first_seen_at"]) & (of_car_park["last_seen_at"] >= one["last_seen_at"])
        assert of_car_park[holds]["car_park_name"].tolist() == [one["car_park_name"]]


def test_renamed_car_parks_of_donostia_are_recognised() -> None:
    """From the historical file of 2022 to the city's answer of 2025: sixteen car parks, two of them under another name."""
    body = shared_data("parking/donostia_api_response_2025-10-09.json").read_bytes()
    names = ["Arcco", "Atotxa", "Boulevard", "Buen Pastor", "Easo", "Estación", "Illumbe", "Katalunia"]
    names += ["Kontxa", "Kursaal", "Okendo", "Ondarreta", "Pio XII", "San Martin", "Txofre", "Zuatzu"]
    lines = "".join(f"{name},1,2022-01-23 17:12:47.334498\n" for name in names)
    recorded = csv_snapshot("2022-01-23 17:12:47.334498", f"properties.nombre,properties.libres,timestamp\n{lines}")
    versions = car_parks(recorded, Snapshot(utc("2025-10-09 21:58:54"), body, "feed"))
    assert versions["car_park_id"].nunique() == 16
    renamed = versions[versions["car_park_id"].duplicated(keep=False)]
    assert set(renamed["car_park_name"]) == {"Arcco", "Arcco Amara", "Estación", "Geltokia"}
    assert versions["is_current"].sum() == 16
