"""The hourly series: last reading of the hour, filled gaps, the city's total, days of 23, 24 and 25 hours."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.donostia_parking.cities import BIRMINGHAM, DONOSTIA
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID, HOURLY_FREE, READINGS
from mlops_assets.donostia_parking.readings.daily import build_readings
from mlops_assets.donostia_parking.readings.hourly import build_hourly_free
from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets.donostia_parking.sources.export import ExportParkingSource
from mlops_assets_tests.donostia_parking.snapshots import BOULEVARD, city_snapshot, hourly, require_contract, utc
from mlops_assets_tests.shared_data import shared_data

DAY = DONOSTIA.day("2022-02-11")


def readings_of(*snapshots: Snapshot, key: str = "2022-02-11") -> pd.DataFrame:
    """Return the readings of a day and the day before."""
    day = DONOSTIA.day(key)
    return pd.concat([build_readings(snapshots, which, DONOSTIA).readings for which in (day.plus(-1), day)], ignore_index=True)


def series_of(*snapshots: Snapshot, car_park: str = BOULEVARD, key: str = "2022-02-11", fill_hours: float = 3) -> pd.DataFrame:
    """Return the hourly rows of one car park, by hour."""
    rows = build_hourly_free(readings_of(*snapshots, key=key), DONOSTIA.day(key), DONOSTIA, fill_limit=timedelta(hours=fill_hours))
    require_contract(rows, HOURLY_FREE)
    return rows[rows["car_park_id"] == car_park].set_index("hour_at")


def at(rows: pd.DataFrame, hour: str) -> pd.Series:
    """Return the row of an hour."""
    (row,) = (row for moment, row in rows.iterrows() if moment == utc(hour))
    return row


def values(rows: pd.DataFrame) -> dict[str, int]:
    """Return the hours that have a value, by UTC hour."""
    known = rows[rows["free_spaces"].notna()]
    return {f"{hour:%H}": int(free) for hour, free in known["free_spaces"].items()}


def test_last_reading_of_the_hour_counts() -> None:
    """Several snapshots in an hour are several looks at the same places, not more places."""
    rows = series_of(*hourly("2022-02-11 10:05", 50, 40, 30, every=timedelta(minutes=20)), fill_hours=0)
    assert values(rows) == {"10": 30}
    assert at(rows, "2022-02-11 10:00")["read_at"] == utc("2022-02-11 10:45")


def test_every_hour_of_the_day_has_a_row() -> None:
    """A single reading makes a day of 24 rows for its car park and for the city, by local hour."""
    rows = build_hourly_free(readings_of(*hourly("2022-02-11 10:05", 50)), DAY, DONOSTIA)
    assert rows["car_park_id"].value_counts().to_dict() == {BOULEVARD: 24, CITY_TOTAL_ID: 24}
    assert rows["hour_at"].tolist() == DAY.hours() * 2
    assert rows["local_hour"].tolist() == [*range(24)] * 2
    assert set(rows["local_date"]) == {date(2022, 2, 11)}


def test_gap_is_filled_up_to_the_limit() -> None:
    """Three hours after a reading its value is history."""
    rows = series_of(*hourly("2022-02-11 10:05", 50))
    assert values(rows) == {"10": 50, "11": 50, "12": 50, "13": 50}
    filled = rows[rows["is_filled"]]
    assert [hour.hour for hour in filled.index] == [11, 12, 13]
    assert set(filled["read_at"]) == {utc("2022-02-11 10:05")}
    assert rows["is_complete"].sum() == 4


def test_reading_before_midnight_fills_the_first_hours() -> None:
    """The day before is looked at, as far as the limit goes."""
    assert values(series_of(*hourly("2022-02-10 21:59", 50))) == {"23": 50, "00": 50}
    assert values(series_of(*hourly("2022-02-10 19:59", 50))) == {}


def test_frozen_reading_stays_but_fills_nothing() -> None:
    """What a stale feed said is flagged; behind it the gap stays a gap."""
    rows = series_of(*hourly("2022-02-11 01:00", 9, 5, 5, 5, 5, 5))
    assert values(rows) == {"01": 9, "02": 5, "03": 5, "04": 5, "05": 5, "06": 5}
    assert [hour.hour for hour in rows.index[rows["is_stale"]]] == [5, 6]
    assert not rows["is_filled"].any()


def test_gap_inside_a_frozen_stretch_stays_empty() -> None:
    """A feed that is stale before and after a gap says nothing about the gap."""
    stale = hourly("2022-02-11 01:00", 5, 5, 5, 5, 5, 5, 5, 5)
    rows = series_of(*stale[:5], *stale[7:])
    assert values(rows) == {"01": 5, "02": 5, "03": 5, "04": 5, "05": 5, "08": 5}
    assert [hour.hour for hour in rows.index[rows["is_stale"]]] == [4, 5, 8]


def test_values_stay_between_nothing_and_the_capacity() -> None:
    """A counter that drifts below 0 means full, above the capacity it means empty."""
    rows = series_of(*hourly("2022-02-11 10:05", -2, 600), fill_hours=0)
    assert values(rows) == {"10": 0, "11": 511}
    assert set(rows["capacity"].dropna()) == {511}


def test_city_is_the_sum_of_its_car_parks() -> None:
    """Each car park counts once an hour, with its last reading."""
    snapshots = [city_snapshot("2022-02-11 10:05", A="10", B="20"), city_snapshot("2022-02-11 10:45", A="11", B="21")]
    rows = series_of(*snapshots, car_park=CITY_TOTAL_ID, fill_hours=0)
    total = at(rows, "2022-02-11 10:00")
    assert (total["free_spaces"], total["capacity"], total["is_complete"], total["is_city_total"]) == (32, 1022, True, True)
    assert total["read_at"] == utc("2022-02-11 10:45")
    assert values(rows) == {"10": 32}


def test_city_without_one_car_park_is_incomplete() -> None:
    """A car park that vanishes is missed on that day and the next, in the sum as in the flag, and then no more."""
    both, one = city_snapshot("2022-02-11 10:05", A="10", B="20"), city_snapshot("2022-02-11 11:05", A="11")
    rows = series_of(both, one, car_park=CITY_TOTAL_ID, fill_hours=0)
    assert values(rows) == {"10": 30, "11": 11}
    assert rows["is_complete"].sum() == 1
    for key, is_complete in (("2022-02-12", False), ("2022-02-13", True)):
        later = [both, city_snapshot("2022-02-12 11:05", A="12"), city_snapshot("2022-02-13 11:05", A="13")]
        rows = series_of(*later, car_park=CITY_TOTAL_ID, key=key, fill_hours=0)
        assert rows["is_complete"].any() == is_complete


def test_flags_of_the_city_follow_its_car_parks() -> None:
    """One repeated value makes the sum partly repeated."""
    rows = series_of(
        city_snapshot("2022-02-11 10:05", A="10", B="20"), city_snapshot("2022-02-11 11:05", A="11"), car_park=CITY_TOTAL_ID
    )
    assert at(rows, "2022-02-11 11:00")[["free_spaces", "is_filled", "is_complete"]].tolist() == [31, True, True]
    assert not rows["is_stuck_at_zero"].any()


def test_unknown_capacity_makes_that_of_the_city_unknown() -> None:
    """A sum with a hole is no sum."""
    readings = readings_of(city_snapshot("2022-02-11 10:05", A="10", B="20"))
    readings["capacity"] = readings["capacity"].astype("Int32").mask(readings["car_park_id"] == "A")
    rows = build_hourly_free(readings, DAY, DONOSTIA, fill_limit=timedelta(0))
    total = at(rows[rows["is_city_total"]].set_index("hour_at"), "2022-02-11 10:00")
    assert total["free_spaces"] == 30
    assert pd.isna(total["capacity"])


@pytest.mark.parametrize(("key", "hours"), [("2022-03-27", 23), ("2022-03-26", 24), ("2022-10-30", 25)])
def test_days_of_clock_changes_have_their_hours(key: str, hours: int) -> None:
    """Each hour that passed has one row; the wall clock skips an hour in March and shows one twice in October."""
    start = DONOSTIA.day(key).start.replace(tzinfo=None).isoformat()
    rows = series_of(*hourly(start, *range(100, 100 + hours)), key=key)
    assert len(rows) == hours
    assert rows["free_spaces"].tolist() == [*range(100, 100 + hours)]
    assert not rows["is_filled"].any()
    local = rows["local_hour"].tolist()
    expected = {23: [0, 1, *range(3, 24)], 24: [*range(24)], 25: [0, 1, 2, *range(2, 24)]}
    assert local == expected[hours]


@pytest.mark.parametrize("count", [1, 23, 24])
def test_short_history_has_the_hours_it_has(count: int) -> None:
    """Twenty-three or twenty-four readings are a day like any other."""
    rows = series_of(*hourly("2022-02-10 23:30", *range(count)), fill_hours=0)
    assert rows["free_spaces"].notna().sum() == count
    assert len(rows) == 24


def test_gap_of_112_days_is_not_bridged() -> None:
    """The day after the gap knows nothing of the day before it, and a day inside it has no rows."""
    before, after = hourly("2022-02-11 10:00", 50)[0], hourly("2022-06-03 10:00", 60)[0]
    assert values(series_of(before, after, key="2022-06-03", fill_hours=0)) == {"10": 60}
    inside = build_hourly_free(readings_of(before, after, key="2022-04-01"), DONOSTIA.day("2022-04-01"), DONOSTIA)
    require_contract(inside, HOURLY_FREE)
    assert inside.empty


def test_day_that_is_not_over_ends_now() -> None:
    """Hours that have not begun are not filled in advance."""
    readings = readings_of(*hourly("2022-02-11 10:05", 50))
    rows = build_hourly_free(readings, DAY, DONOSTIA, until=utc("2022-02-11 11:20"))
    assert rows["hour_at"].max() == utc("2022-02-11 11:00")
    assert build_hourly_free(readings, DAY, DONOSTIA, until=DAY.start).empty


def test_readings_of_other_days_are_not_looked_at() -> None:
    """The day is a function of itself and the day before, whatever else is handed in, in whatever order."""
    readings = readings_of(*hourly("2022-02-10 05:05", *range(40)))
    others = readings.assign(read_at=readings["read_at"] + timedelta(days=5))
    shuffled = pd.concat([others, readings]).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(build_hourly_free(shuffled, DAY, DONOSTIA), build_hourly_free(readings, DAY, DONOSTIA))


MINUTES_AND_PLACES = st.tuples(st.integers(0, 2 * 24 * 60 - 1), st.sampled_from("ABC"), st.integers(-2, 30))


@settings(max_examples=20)
@given(st.lists(MINUTES_AND_PLACES, max_size=12, unique_by=lambda item: item[:2]))
def test_series_repeats_only_what_was_read(read: list[tuple[int, str, int]]) -> None:
    """Each value is the last reading before the end of its hour, no older than the limit, and the city is their sum."""
    start = DAY.plus(-1).start
    readings = pd.DataFrame(
        {
            "city_code": "donostia",
            "read_at": pd.DatetimeIndex([start + timedelta(minutes=minute) for minute, _, _ in read], tz="UTC").as_unit("us"),
            "car_park_id": pd.Series([name for _, name, _ in read], dtype="string[pyarrow]"),
            "free_spaces": pd.Series([free for _, _, free in read], dtype="int32"),
            "capacity": 20,
            "is_stale": False,
            "is_stuck_at_zero": False,
        }
    )
    rows = build_hourly_free(readings, DAY, DONOSTIA)
    require_contract(rows, HOURLY_FREE)
    found = {
        (name, hour): places for name, hour, places in zip(rows["car_park_id"], rows["hour_at"], rows["free_spaces"], strict=True)
    }
    for number, hour_at in enumerate(DAY.hours(), start=24):
        expected = {}
        for minute, name, free in sorted(read):
            if number - 3 <= minute // 60 <= number:
                expected[name] = min(max(free, 0), 20)
        for name in {name for _, name, _ in read}:
            assert expected.get(name) == (None if pd.isna(found[name, hour_at]) else found[name, hour_at])
        if expected:
            assert found[CITY_TOTAL_ID, hour_at] == sum(expected.values())


def test_hour_with_two_recorded_readings_counts_once() -> None:
    """On 23 January 2022 the collector asked at 17:12 and 17:20: the hour is the second answer, not the sum of both."""
    export = ExportParkingSource(shared_data("parking/donostia_2022-01_to_03.csv.gz"), DONOSTIA)
    day = DONOSTIA.day("2022-01-23")
    readings = build_readings(export.snapshots_between(day.start, day.end), day, DONOSTIA).readings
    rows = build_hourly_free(readings, day, DONOSTIA)
    total = at(rows[rows["is_city_total"]].set_index("hour_at"), "2022-01-23 17:00")
    assert total["free_spaces"] == readings[readings["read_at"] > utc("2022-01-23 17:15")]["free_spaces"].iloc[:16].sum()
    assert total["is_complete"]
    assert readings["read_at"].nunique() > 2


def test_day_of_birmingham_goes_through_the_same_contract() -> None:
    """Readings from morning to afternoon by London's clocks; the night stays empty."""
    day = BIRMINGHAM.day("2016-10-31")
    export = ExportParkingSource(shared_data("parking"), BIRMINGHAM)
    snapshots = list(export.snapshots_between(day.plus(-3).start, day.end))
    readings = pd.concat([build_readings(snapshots, which, BIRMINGHAM).readings for which in (day.plus(-1), day)])
    require_contract(readings, READINGS)
    rows = build_hourly_free(readings, day, BIRMINGHAM)
    require_contract(rows, HOURLY_FREE)
    total = rows[rows["is_city_total"]]
    assert total[total["free_spaces"].notna()]["local_hour"].tolist() == [*range(7, 20)]
    assert rows["car_park_id"].nunique() == 29 + 1
