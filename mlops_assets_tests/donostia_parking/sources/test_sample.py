"""The simulated feed: repeatable, in the real format, with the quirks of the real one."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.donostia_parking.contracts import CAR_PARKS
from mlops_assets.donostia_parking.readings.car_parks import build_car_parks
from mlops_assets.donostia_parking.readings.daily import DayOfReadings, build_readings
from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets.donostia_parking.sources.bodies import read_body
from mlops_assets.donostia_parking.sources.feed_values import read_whole_number
from mlops_assets.donostia_parking.sources.sample import FIRST_MOMENT, SampleParkingSource
from mlops_assets.errors import NotEnoughDataError, SettingsError
from mlops_assets_tests.donostia_parking.snapshots import require_contract, require_contracts, utc
from mlops_assets_tests.shared_data import shared_data

LATE = utc("2026-01-01")
SINCE, UNTIL = utc("2025-05-20"), utc("2025-07-10")


def feed(seed: int = 7, as_of: datetime = LATE) -> SampleParkingSource:
    return SampleParkingSource(seed, as_of=as_of)


@pytest.fixture(scope="module")
def snapshots() -> list[Snapshot]:
    """Give seven weeks as the simulated collector recorded them."""
    return list(feed().snapshots_between(SINCE, UNTIL))


@pytest.fixture(scope="module")
def days(snapshots: list[Snapshot]) -> list[DayOfReadings]:
    """Give the readings of these weeks."""

    def build() -> Iterator[DayOfReadings]:
        day = DONOSTIA.day("2025-05-22")
        while day.end <= UNTIL:
            earliest, end = day.plus(-2).start, day.end
            yield build_readings([item for item in snapshots if earliest <= item.requested_at < end], day, DONOSTIA)
            day = day.plus(1)

    return list(build())


@pytest.fixture(scope="module")
def readings(days: list[DayOfReadings]) -> pd.DataFrame:
    return pd.concat([day.readings for day in days], ignore_index=True)


def test_same_seed_gives_the_same_bytes(snapshots: list[Snapshot]) -> None:
    """A window is the same in every process, whatever was read before it; another seed is another city."""
    again = list(feed().snapshots_between(SINCE + timedelta(days=10), SINCE + timedelta(days=12)))
    assert again == [item for item in snapshots if SINCE + timedelta(days=10) <= item.requested_at < SINCE + timedelta(days=12)]
    assert feed(seed=8).fetch_snapshot(SINCE).body != feed().fetch_snapshot(SINCE).body


def test_past_and_present_agree(snapshots: list[Snapshot]) -> None:
    """Asking at a recorded moment gives what was recorded, and a poll is many single requests."""
    source = feed()
    for item in snapshots[::200]:
        assert source.fetch_snapshot(item.requested_at) == item
    poll = list(source.poll(SINCE, SINCE + timedelta(minutes=2), timedelta(seconds=15)))
    assert poll == [source.fetch_snapshot(SINCE + timedelta(seconds=15 * number)) for number in range(8)]


def test_feed_changes_once_a_minute() -> None:
    """Answers within a minute are the same bytes, as the real feed's are."""
    bodies = [item.body for item in feed().poll(SINCE, SINCE + timedelta(minutes=10), timedelta(seconds=15))]
    assert len(set(bodies)) == 10


def test_answers_look_like_the_feeds() -> None:
    """Field by field the types of the recorded answer: strings for free spaces and prices, metres for positions."""
    real = json.loads(shared_data("parking/donostia_api_response_2025-10-09.json").read_bytes())["features"][0]
    simulated = json.loads(feed().fetch_snapshot(SINCE).body)["features"][0]

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {name: shape(inner) for name, inner in sorted(value.items())}
        return [shape(value[0])] if isinstance(value, list) else type(value).__name__

    assert shape(simulated) == shape(real)
    assert len(simulated["properties"]["precios"]) == len(real["properties"]["precios"])


def test_collector_asks_about_once_an_hour(snapshots: list[Snapshot]) -> None:
    """Never exactly on the hour, a few hours missed, each hour at most once, in order and inside the window."""
    moments = pd.DatetimeIndex([item.requested_at for item in snapshots])
    assert moments.is_monotonic_increasing
    assert SINCE <= moments[0] < moments[-1] < UNTIL
    hours = moments.floor("h")
    assert hours.is_unique
    expected = (UNTIL - SINCE) / timedelta(hours=1)
    assert 0.95 * expected < len(hours) < expected
    assert moments.minute.nunique() > 5


def test_days_keep_their_contracts(days: list[DayOfReadings]) -> None:
    """Everything simulated goes through the same tables as the real thing."""
    for day in days:
        require_contracts(day)
    assert sum(len(day.readings) for day in days) > 10_000


def test_quirks_of_the_feed_are_there(days: list[DayOfReadings], readings: pd.DataFrame) -> None:
    """Sensors that are missing, counters that drift, feeds that freeze, answers that are none: rare, but there."""
    rejects = pd.concat([day.rejects for day in days])
    assert {"missing_value", "malformed_snapshot"} <= set(rejects["reason_code"])
    assert len(rejects) < 0.01 * len(readings)
    assert readings[readings["is_stuck_at_zero"]]["car_park_id"].nunique() == 2
    assert 0 < readings["is_over_capacity"].mean() < 0.05
    assert 0 < readings["is_stale"].mean() < 0.3
    stale = readings[readings["is_stale"]]
    assert (stale.groupby("read_at").size() >= 15).all()


def test_negative_values_occur() -> None:
    """In a poll through a year's afternoons somebody's counter is below zero."""
    source = feed()
    lowest = 0
    for number in range(0, 365, 5):
        records = read_body(source.fetch_snapshot(utc("2024-01-01 17:00") + timedelta(days=number)).body, DONOSTIA)
        lowest = min(lowest, *(read_whole_number(record.free) or 0 for record in records))
    assert -2 <= lowest < 0


def test_thousands_have_dots() -> None:
    """As in the prices, the writing is Spanish."""
    assert any(b'"libres": "1.' in item.body for item in feed().poll(SINCE, SINCE + timedelta(days=1), timedelta(hours=1)))


def test_car_parks_change_their_names_and_come_and_go(days: list[DayOfReadings]) -> None:
    """A name follows its sponsor each quarter, a car park opens in June; identifiers stay."""
    versions = build_car_parks(pd.concat([day.sightings for day in days]))
    require_contract(versions, CAR_PARKS)
    assert versions[versions["car_park_name"].str.startswith("Estadio")]["car_park_name"].tolist() == [
        "Estadio Itsaso",
        "Estadio Lurra",
    ]
    assert versions["car_park_id"].nunique() == 17
    opened = versions[versions["car_park_name"] == "Playa Verano"]["valid_from_at"].iloc[0]
    assert utc("2025-05-31 22:00") <= opened < utc("2025-06-01 06:00")


def test_free_places_follow_the_week(readings: pd.DataFrame) -> None:
    """Offices are full on working mornings and empty on Sundays, homes at night, beaches at noon."""
    good = readings[~readings["is_stale"]]
    local = good["read_at"].dt.tz_convert(DONOSTIA.time_zone)
    table = good.assign(hour=local.dt.hour, weekday=local.dt.weekday, share=good["free_spaces"] / good["capacity"].astype(float))

    def mean(name: str, hours: range, weekdays: range) -> float:
        rows = table[(table["car_park_name"] == name) & table["hour"].isin(hours) & table["weekday"].isin(weekdays)]
        return float(np.mean(rows["share"]))

    assert mean("Universidad", range(9, 13), range(5)) < 0.5 * mean("Universidad", range(9, 13), range(6, 7))
    assert mean("Puerto", range(2, 5), range(7)) < 0.7 * mean("Puerto", range(11, 15), range(7))
    assert mean("Playa Norte", range(11, 16), range(7)) < 0.8 * mean("Playa Norte", range(2, 6), range(7))


def test_nothing_is_recorded_before_the_beginning_or_after_now() -> None:
    """The past has a beginning and the present an end."""
    source = feed(as_of=FIRST_MOMENT + timedelta(hours=5, minutes=30))
    found = list(source.snapshots_between(FIRST_MOMENT - timedelta(days=3), LATE))
    assert 3 <= len(found) <= 6
    assert source.available_range() == (FIRST_MOMENT, FIRST_MOMENT + timedelta(hours=5, minutes=30))
    with pytest.raises(NotEnoughDataError, match="the simulated feed begins on 2022-01-01"):
        source.fetch_snapshot(FIRST_MOMENT - timedelta(seconds=1))


def test_moment_without_a_zone_is_refused() -> None:
    """Half past two might be two moments."""
    with pytest.raises(SettingsError, match="has no time zone"):
        SampleParkingSource(1, as_of=datetime(2025, 1, 1))  # noqa: DTZ001
