"""Local days: partition keys, UTC windows, hours."""

from datetime import date, datetime, timedelta

import pytest

from mlops_assets.donostia_parking.cities import BIRMINGHAM, DONOSTIA, fold_name
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.errors import PermanentError
from mlops_assets_tests.donostia_parking.snapshots import utc


@pytest.mark.parametrize(
    ("key", "hours", "start", "end"),
    [
        ("2022-03-26", 24, "2022-03-25 23:00", "2022-03-26 23:00"),
        ("2022-03-27", 23, "2022-03-26 23:00", "2022-03-27 22:00"),
        ("2022-07-01", 24, "2022-06-30 22:00", "2022-07-01 22:00"),
        ("2022-10-30", 25, "2022-10-29 22:00", "2022-10-30 23:00"),
    ],
)
def test_day_of_madrid_has_its_hours(key: str, hours: int, start: str, end: str) -> None:
    """A day lasts from midnight to midnight by the city's clocks: 23 hours in March, 25 in October."""
    day = DONOSTIA.day(key)
    assert (day.start, day.end) == (utc(start), utc(end))
    assert len(day.hours()) == hours
    assert day.hours()[0] == day.start
    assert day.hours()[-1] == day.end - timedelta(hours=1)


def test_days_of_another_city_follow_its_clocks() -> None:
    """Birmingham's day begins an hour after Donostia's."""
    assert BIRMINGHAM.day("2016-10-04").start == DONOSTIA.day("2016-10-04").start + timedelta(hours=1)
    assert len(BIRMINGHAM.day("2016-10-30").hours()) == 25


def test_moment_belongs_to_one_day() -> None:
    """Half past eleven at night in UTC is already the next day in Madrid."""
    day = LocalDay.of(utc("2022-01-31 23:30"), "Europe/Madrid")
    assert (day.key, day.date, str(day.plus(-1))) == ("2022-02-01", date(2022, 2, 1), "2022-01-31")
    assert day.start <= utc("2022-01-31 23:30") < day.end
    assert LocalDay.of(day.end, "Europe/Madrid") == day.plus(1)


@pytest.mark.parametrize("key", ["2022-3-27", "2022-02-30", "20220327", "2022-03-27T00", "", "٢٠٢٢-٠٣-٢٧"])
def test_other_keys_are_refused(key: str) -> None:
    """There is one way to write a day."""
    with pytest.raises(PermanentError, match="is not a day; write it as YYYY-MM-DD"):
        DONOSTIA.day(key)


def test_names_are_compared_without_accents_and_capitals() -> None:
    """All names that a car park has had lead to one identifier; an unknown name stands for itself."""
    assert fold_name("  Pío  xII ") == fold_name("Pio XII")
    assert DONOSTIA.id_of("Estación") == DONOSTIA.id_of("ESTACIÓN") == DONOSTIA.id_of("Geltokia")
    assert DONOSTIA.id_of("Arcco") == DONOSTIA.id_of("Arcco Amara") == "12598E650F907CF7C1257D6B0031061A"
    assert DONOSTIA.id_of("Nuevo") == "Nuevo"
    assert len(set(DONOSTIA.car_park_ids.values())) == 16


def test_day_of_a_moment_needs_no_utc() -> None:
    """A moment may come in any zone."""
    assert LocalDay.of(datetime.fromisoformat("2022-02-01T00:30:00+01:00"), "Europe/Madrid").key == "2022-02-01"
