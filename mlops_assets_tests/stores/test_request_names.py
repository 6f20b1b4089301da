"""Names of answers to requests: they say when and what, and sort by time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.stores.landing.request_names import FolderPeriod, RequestNames, folder_end, requested_at

MOMENT = datetime(2025, 10, 9, 21, 58, 54, 123456, tzinfo=timezone.utc)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001
PERIODS = st.sampled_from(["hour", "day", "month"])


@pytest.mark.parametrize(
    ("per", "name", "end"),
    [
        ("hour", "city=x/utc_date=2025-10-09/utc_hour=21/5854.123456Z-48449a14.json", datetime(2025, 10, 9, 22)),  # noqa: DTZ001
        ("day", "city=x/utc_date=2025-10-09/215854.123456Z-48449a14.json", datetime(2025, 10, 10)),  # noqa: DTZ001
        ("month", "city=x/utc_month=2025-10/09T215854.123456Z-48449a14.json", datetime(2025, 11, 1)),  # noqa: DTZ001
    ],
)
def test_name_says_when_and_what(per: FolderPeriod, name: str, end: datetime) -> None:
    """The moment to the microsecond, wherever the clock that told it stands, and a fingerprint of the content."""
    names = RequestNames("city=x/", per)
    assert names.name(MOMENT.astimezone(timezone(timedelta(hours=2))), b"80", "json") == name
    assert requested_at(name) == MOMENT
    assert folder_end(names.folder(MOMENT)) == end.replace(tzinfo=timezone.utc)


@given(MOMENTS, MOMENTS, PERIODS, st.binary(max_size=3), st.sampled_from(["json", "csv", "json.gz"]))
def test_moment_comes_back_and_names_sort_by_it(
    first: datetime, second: datetime, per: FolderPeriod, content: bytes, extension: str
) -> None:
    """Any two moments."""
    names = RequestNames("a=1/b=2/", per)
    earlier, later = sorted([first, second])
    written = [names.name(moment, content, extension) for moment in (earlier, later)]
    assert [requested_at(name) for name in written] == [earlier, later]
    assert written == sorted(written)
    assert written[0].startswith(names.folder(earlier))


def test_same_answer_has_one_name() -> None:
    """The same content of one moment is one object, other content of that moment is another one."""
    names = RequestNames()
    assert names.name(MOMENT, b"80", "json") == names.name(MOMENT, b"80", "json")
    assert names.name(MOMENT, b"80", "json") != names.name(MOMENT, b"81", "json")


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "utc_date=2025-10-09/215854.123456Z-48449a14",
        "utc_date=2025-10-09/215854.123456Z-48449a14.json~",
        "utc_date=2025-10-09/215854.123456Z-48449a14.json.bak copy",
        "utc_date=2025-13-09/215854.123456Z-48449a14.json",
        "utc_date=2025-10-09/256054.123456Z-48449a14.json",
        "utc_date=2025-10-09/5854.123456Z-48449a14.json",
    ],
)
def test_other_name_says_no_moment(name: str) -> None:
    """What somebody left in a folder is no answer of ours, and neither is a date that there is not."""
    assert requested_at(name) is None


@pytest.mark.parametrize("folder", ["", "notes/", "utc_date=2025-13-09/", "utc_date=2025-10-09", "topic=a/partition=00000/"])
def test_other_folder_has_no_end(folder: str) -> None:
    """Only folders of a time do."""
    assert folder_end(folder) is None


@pytest.mark.parametrize(
    ("per", "folders"),
    [
        ("hour", ["utc_date=2024-02-29/utc_hour=23/", "utc_date=2024-03-01/utc_hour=00/"]),
        ("day", ["utc_date=2024-02-29/", "utc_date=2024-03-01/"]),
        ("month", ["utc_month=2024-02/", "utc_month=2024-03/"]),
    ],
)
def test_folders_of_a_window(per: FolderPeriod, folders: list[str]) -> None:
    """Every folder that the half-open window touches, and no more."""
    start, end = datetime(2024, 2, 29, 23, 59, tzinfo=timezone.utc), datetime(2024, 3, 1, 1, tzinfo=timezone.utc)
    assert RequestNames(per=per).folders(start, end) == folders
    assert RequestNames(per=per).folders(start, start) == []
