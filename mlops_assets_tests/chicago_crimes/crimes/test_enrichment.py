"""Positions are judged and completed, the nearest station is found in metres, and calendars are Chicago's."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.chicago_crimes.contracts import ENRICHED_CRIMES, POLICE_STATIONS, RAW_CRIMES
from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import empty_frame, to_arrow
from mlops_assets_tests.chicago_crimes.tiny_crimes import frame_of, learnable_crimes, police_stations, raw_crimes
from mlops_assets_tests.shared_data import shared_data

_COORDINATES = ["x_ft", "y_ft", "latitude_deg", "longitude_deg"]
_NOWHERE = dict.fromkeys(_COORDINATES, np.nan)
_NO_DEGREES = {"latitude_deg": np.nan, "longitude_deg": np.nan}
_PLACEHOLDER_DEGREES = {"latitude_deg": 36.619446395, "longitude_deg": -91.686565684}
# The central meridian of the Illinois East plane: every point on it has the false easting of 300,000 m or 984,250 survey feet.
_CENTRAL_MERIDIAN_DEG, _FALSE_EASTING_FT = -(88 + 20 / 60), 984_250


def _enriched(**columns: Any) -> pd.DataFrame:
    return enrich_crimes(raw_crimes(**columns), police_stations())


def _only(**columns: Any) -> pd.Series:
    return _enriched(**columns).iloc[0]


def _at(*moments: str) -> pd.DataFrame:
    return _enriched(occurred_at=list(pd.to_datetime(moments, utc=True)))


def test_distance_is_in_metres_of_survey_feet() -> None:
    """A 3-4-5 triangle of 5,000 survey feet is 5,000 x 1200/3937 m; international feet would give 1,524.000 m."""
    crime = _only(x_ft=1_176_000 + 3_000.0, y_ft=1_890_000 + 4_000.0)
    assert crime["nearest_station_code"] == "001"
    assert crime["distance_to_station_m"] == pytest.approx(1524.003048, abs=1e-6)


def test_each_crime_gets_its_own_nearest_station() -> None:
    """The border between two stations is halfway; a crime at a station is 0 m away."""
    crimes = _enriched(x_ft=[1_165_000.0, 1_167_000.0, 1_156_000.0], y_ft=1_890_000.0)
    assert crimes["nearest_station_code"].tolist() == ["002", "001", "002"]
    assert crimes["distance_to_station_m"].to_numpy() == pytest.approx(np.array([9_000, 9_000, 0]) * 1200 / 3937)


def test_headquarters_is_never_nearest() -> None:
    """A crime on the doorstep of Headquarters belongs to the station down the road."""
    crime = _only(x_ft=1_166_001.0, y_ft=1_890_000.0)
    assert crime["nearest_station_code"] == "001"


def test_a_tie_gives_one_row_and_does_not_depend_on_the_order_of_stations() -> None:
    """A crime as far from one station as from the other stays one crime, with the same station each time."""
    stations = police_stations()
    crimes = raw_crimes(x_ft=[1_166_000.0] * 3, y_ft=1_895_000.0)
    forwards, backwards = enrich_crimes(crimes, stations), enrich_crimes(crimes, stations.iloc[::-1])
    assert forwards["crime_id"].tolist() == [1, 2, 3]
    assert set(forwards["nearest_station_code"]) in ({"001"}, {"002"})
    pd.testing.assert_frame_equal(forwards, backwards)


def test_rows_and_their_order_stay() -> None:
    """Crimes without a position are neither dropped nor moved, whatever the index."""
    positions = {"x_ft": [np.nan, 1_170_000.0, 0.0], "y_ft": [np.nan, 1_890_000.0, 0.0]}
    crimes = raw_crimes(crime_id=[30, 10, 20], **positions, **_NO_DEGREES).iloc[[2, 0, 1]]
    enriched = enrich_crimes(crimes, police_stations())
    assert enriched["crime_id"].tolist() == [20, 30, 10]
    assert enriched.index.tolist() == [2, 0, 1]
    assert enriched["location_status"].tolist() == ["placeholder", "missing", "known"]


@pytest.mark.parametrize(
    ("given_position", "status"),
    [
        ({}, "known"),
        (_NOWHERE, "missing"),
        ({**_NOWHERE, "x_ft": 1_170_000.0, "latitude_deg": 41.8}, "missing"),
        ({**_NOWHERE, "x_ft": 0.0, "y_ft": 0.0}, "placeholder"),
        ({"x_ft": 0.0, "y_ft": 0.0, **_PLACEHOLDER_DEGREES}, "placeholder"),
        ({**_NOWHERE, **_PLACEHOLDER_DEGREES}, "placeholder"),
        ({"x_ft": 1_170_000.0, "y_ft": 3_000_000.0}, "outside_illinois"),
        ({**_NOWHERE, "latitude_deg": 40.7, "longitude_deg": -74.0}, "outside_illinois"),
        ({**_NOWHERE, "latitude_deg": 41.88, "longitude_deg": 87.63}, "outside_illinois"),
    ],
)
def test_a_position_that_cannot_be_used_is_emptied_and_says_why(given_position: dict[str, float], status: str) -> None:
    """Coordinates, station and distance are there together or not at all."""
    crime = _only(**given_position)
    assert crime["location_status"] == status
    filled = crime[[*_COORDINATES, "nearest_station_code", "distance_to_station_m"]].notna()
    assert filled.tolist() == [status == "known"] * 6


def test_feet_are_filled_from_degrees() -> None:
    """On the plane's central meridian the easting is known by definition, whatever the latitude."""
    crimes = _enriched(**{**_NOWHERE, "latitude_deg": [39.0, 41.8], "longitude_deg": _CENTRAL_MERIDIAN_DEG})
    assert crimes["location_status"].tolist() == ["known", "known"]
    assert crimes["x_ft"].to_numpy() == pytest.approx([_FALSE_EASTING_FT] * 2, abs=0.01)
    # 2.8 degrees of latitude; one is 111.06 km here, give or take 0.05 km.
    assert crimes["y_ft"].diff().iloc[1] * 1200 / 3937 == pytest.approx(2.8 * 111_060, rel=5e-4)


@pytest.mark.parametrize("lost", [{"x_ft": np.nan, "y_ft": np.nan}, {"x_ft": np.nan}, {"y_ft": np.nan}])
def test_degrees_filled_from_feet_lead_back_to_the_same_feet(lost: dict[str, float]) -> None:
    """The two pairs are each other's inverse, and half a pair counts as none."""
    from_feet = _only(x_ft=1_170_000.0, y_ft=1_900_000.0, **_NO_DEGREES)
    assert (41.6 < from_feet["latitude_deg"] < 42.1, -87.95 < from_feet["longitude_deg"] < -87.5) == (True, True)
    degrees = {name: from_feet[name] for name in _NO_DEGREES}
    from_degrees = _only(**{"x_ft": 1_170_000.0, "y_ft": 1_900_000.0, **lost, **degrees})
    assert from_degrees[["x_ft", "y_ft"]].tolist() == pytest.approx([1_170_000, 1_900_000], abs=0.01)


def test_feet_from_degrees_agree_with_recorded_ones() -> None:
    """Where the portal gives both, the computed feet are within 2 m of its own (NAD 83 and WGS 84 differ by about 1 m)."""
    recorded = pd.read_csv(shared_data("crimes/crimes_2018-01.csv.gz"), nrows=2_000).dropna(subset=["Latitude", "X Coordinate"])
    degrees = {"latitude_deg": recorded["Latitude"].to_numpy(), "longitude_deg": recorded["Longitude"].to_numpy()}
    computed = _enriched(x_ft=np.nan, y_ft=np.nan, **degrees)
    difference_ft = computed[["x_ft", "y_ft"]].to_numpy() - recorded[["X Coordinate", "Y Coordinate"]].to_numpy()
    assert np.abs(difference_ft).max() < 2 * 3937 / 1200


@pytest.mark.parametrize(
    ("moment", "hour", "time_of_day"),
    [
        ("2024-01-15 05:59:59", 23, "evening"),
        ("2024-01-15 06:00:00", 0, "night"),
        ("2024-01-15 11:59:59", 5, "night"),
        ("2024-01-15 12:00:00", 6, "morning"),
        ("2024-01-15 17:59:59", 11, "morning"),
        ("2024-01-15 18:00:00", 12, "afternoon"),
        ("2024-01-15 23:59:59", 17, "afternoon"),
        ("2024-01-16 00:00:00", 18, "evening"),
    ],
)
def test_time_of_day_changes_at_6_12_18_and_midnight_in_chicago(moment: str, hour: int, time_of_day: str) -> None:
    """In winter Chicago is six hours behind UTC."""
    crime = _at(moment).iloc[0]
    assert (crime["local_hour"], crime["time_of_day"]) == (hour, time_of_day)


def test_seasons_are_those_of_meteorologists_in_local_months() -> None:
    """March, June, September and December begin a season at local midnight, five or six hours after UTC."""
    moments = [
        "03-01 05:59",
        "03-01 06:00",
        "06-01 04:59",
        "06-01 05:00",
        "09-01 04:59",
        "09-01 05:00",
        "12-01 05:59",
        "12-01 06:00",
    ]
    seasons = _at(*(f"2024-{moment}" for moment in moments))["season"].tolist()
    assert seasons == ["winter", "spring", "spring", "summer", "summer", "autumn", "autumn", "winter"]


def test_sunday_is_weekday_0_and_saturday_6() -> None:
    """The week of 7 January 2024, a Sunday; the day changes at local midnight."""
    days = _at("2024-01-07 05:59", *(f"2024-01-{day:02d} 06:00" for day in range(7, 14)))
    assert days["local_weekday"].tolist() == [6, 0, 1, 2, 3, 4, 5, 6]
    assert (days["local_weekday"].dtype, days["local_hour"].dtype) == (np.int8, np.int8)


def test_the_repeated_hour_in_november_is_one_oclock_twice() -> None:
    """On 5 November 2023 clocks went back from 2:00 to 1:00: two UTC hours have the same local hour, and none is lost."""
    night = _at("2023-11-05 05:30", "2023-11-05 06:30", "2023-11-05 07:30", "2023-11-05 08:30")
    assert night["local_hour"].tolist() == [0, 1, 1, 2]
    assert night["local_weekday"].tolist() == [0] * 4


def test_the_day_in_march_has_no_two_oclock() -> None:
    """On 10 March 2024 clocks went forward from 2:00 to 3:00: the day has 23 hours, all of them that Sunday."""
    hours = pd.date_range("2024-03-10 06:00", periods=24, freq="h", tz="UTC")
    day = _enriched(occurred_at=list(hours))
    assert day["local_hour"].tolist() == [0, 1, *range(3, 24), 0]
    assert day["local_weekday"].tolist() == [0] * 23 + [1]


def test_result_keeps_its_contract() -> None:
    """Of thousands of crimes, with and without positions, none breaks a rule of `enriched_crimes`."""
    crimes = learnable_crimes(rows=2_000)
    enriched = enrich_crimes(crimes, police_stations())
    assert enriched["location_status"].value_counts().keys().tolist() == ["known", "missing"]
    assert find_violations(enriched, ENRICHED_CRIMES).empty
    assert to_arrow(enriched, ENRICHED_CRIMES).num_rows == 2_000


def test_empty_month_gives_an_empty_table() -> None:
    """No crimes are no error here."""
    enriched = enrich_crimes(empty_frame(RAW_CRIMES), police_stations())
    assert len(enriched) == 0
    assert to_arrow(enriched, ENRICHED_CRIMES).num_rows == 0


def test_month_without_any_position_is_kept() -> None:
    """All crimes stay when none of them has coordinates, even where the column is all null as the lake reads it."""
    enriched = enrich_crimes(frame_of(RAW_CRIMES, **raw_crimes(crime_id=[1, 2]).assign(**_NOWHERE)), police_stations())
    assert enriched["location_status"].tolist() == ["missing", "missing"]
    assert find_violations(enriched, ENRICHED_CRIMES).empty


def test_enriching_again_changes_nothing() -> None:
    """A model that enriches stored crimes sees what was stored; only the reason why a position is missing is lost."""
    once = _enriched(x_ft=[0.0, 1_170_000.0, np.nan, 1e8], y_ft=[0.0, 1_890_000.0, np.nan, 1e8], **_NO_DEGREES)
    twice = enrich_crimes(once, police_stations())
    assert twice["location_status"].tolist() == ["missing", "known", "missing", "missing"]
    pd.testing.assert_frame_equal(once.drop(columns="location_status"), twice.drop(columns="location_status"))


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, 0.0, 1_170_000.0, -5e9]),
            st.sampled_from([None, 0.0, 1_890_000.0, 5e9]),
            st.sampled_from([None, 41.85, 36.619446395, 90.0]),
            st.sampled_from([None, -87.65, -91.686565684, 180.0]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_mixture_of_coordinates_keeps_rows_and_contract(positions: list[tuple[float | None, ...]]) -> None:
    """Whatever is given, a row is known with all of its place or not known with none of it."""
    columns = {name: list(values) for name, values in zip(_COORDINATES, zip(*positions, strict=True), strict=True)}
    enriched = _enriched(crime_id=np.arange(len(positions)) + 1, **columns)
    assert enriched["crime_id"].tolist() == list(range(1, len(positions) + 1))
    assert find_violations(enriched, ENRICHED_CRIMES).empty
    place = enriched[[*_COORDINATES, "nearest_station_code", "distance_to_station_m"]].notna().to_numpy()
    assert (place == (enriched["location_status"] == "known").to_numpy(dtype=bool)[:, None]).all()


def test_the_stations_of_these_tests_keep_their_contract() -> None:
    """The builder gives what the lake would give."""
    assert find_violations(police_stations(), POLICE_STATIONS).empty
