"""Names of landed snapshots, and which of them a day needs."""

from datetime import timedelta

import pytest

from mlops_assets.donostia_parking.cities import BIRMINGHAM, DONOSTIA
from mlops_assets.donostia_parking.sources.landing import folders_of, landed_snapshot, names_for_day, snapshot_name
from mlops_assets.errors import SourceError
from mlops_assets_tests.donostia_parking.snapshots import csv_snapshot, hourly, snapshot, utc

DAY = DONOSTIA.day("2022-03-27")


def test_name_says_when_and_what() -> None:
    """The moment to the microsecond, and a fingerprint of the body; JSON and CSV are told apart."""
    name = snapshot_name(DONOSTIA, snapshot("2025-10-09 21:58:54.123456", "80"))
    assert name == "city=donostia/utc_date=2025-10-09/215854.123456Z-8990070c.json"
    recorded = snapshot_name(BIRMINGHAM, csv_snapshot("2016-10-04 06:59:42", "a\n1\n"))
    assert recorded.startswith("city=birmingham/utc_date=2016-10-04/065942.000000Z-")
    assert recorded.endswith(".csv")


def test_landed_snapshot_is_the_one_that_landed() -> None:
    """Moment, body and kind come back; the object is its source now."""
    for original in (snapshot("2025-10-09 21:58:54.123456", "80"), csv_snapshot("2016-10-04 06:59:42", "a\n1\n")):
        name = snapshot_name(DONOSTIA, original)
        landed = landed_snapshot(name, original.body)
        assert (landed.requested_at, landed.body, landed.media_type) == (original.requested_at, original.body, original.media_type)
        assert landed.source_name == name


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "city=donostia/utc_date=2025-10-09/.DS_Store",
        "city=donostia/utc_date=2025-10-09/215854.123456Z-8990070c.json.bak copy",
    ],
)
def test_name_of_something_else_is_no_snapshot(name: str) -> None:
    """Whatever somebody left in the folder is told from our own objects by its name, and disturbs no day."""
    ours = snapshot_name(DONOSTIA, snapshot("2022-03-27 12:00", "80"))
    assert names_for_day([name, ours], DAY) == [ours]
    with pytest.raises(SourceError, match=name):
        landed_snapshot(name, b"")


def test_folders_cover_the_day_and_the_look_back() -> None:
    """A day of Madrid begins on the evening before in UTC; two days are looked back."""
    assert [folder[-11:-1] for folder in folders_of(DONOSTIA, DAY)] == ["2022-03-24", "2022-03-25", "2022-03-26", "2022-03-27"]


def test_day_needs_its_snapshots_and_the_last_of_each_hour_before() -> None:
    """Readings every 15 minutes: all of the 23 hours of the day, and one of each of the 48 hours before."""
    start = (DAY.start - timedelta(days=3)).replace(tzinfo=None).isoformat()
    names = [snapshot_name(DONOSTIA, item) for item in hourly(start, *[1] * 4 * 24 * 5, every=timedelta(minutes=15))]
    needed = [landed_snapshot(name, b"").requested_at for name in names_for_day(reversed(names), DAY)]
    assert needed == sorted(needed)
    of_day = [moment for moment in needed if moment >= DAY.start]
    assert (len(of_day), of_day[0], of_day[-1]) == (23 * 4, DAY.start, DAY.end - timedelta(minutes=15))
    before = needed[: -len(of_day)]
    assert (len(before), before[0], before[-1]) == (48, utc("2022-03-24 23:45"), utc("2022-03-26 22:45"))
