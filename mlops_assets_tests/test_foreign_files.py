"""Names of files that nobody put there on purpose."""

import pytest

from mlops_assets.foreign_files import is_foreign


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        "a/.DS_Store",
        "a/._crimes.csv",
        "~$crimes.csv",
        "crimes.csv~",
        "a~/crimes.csv",
        ".crimes.csv.swp",
        "#crimes.csv#",
        ".ipynb_checkpoints/crimes.csv",
        "__MACOSX/crimes.csv",
        "Thumbs.db",
        "a/desktop.ini",
        "a/DESKTOP.INI",
        "Icon\r",
        "prefix/",
    ],
)
def test_files_that_programs_leave_behind_are_foreign(name: str) -> None:
    """At any depth, and in any case of letters where the system does not mind."""
    assert is_foreign(name)


@pytest.mark.parametrize(
    "name",
    [
        "crimes.csv",
        "2024~2025.csv",
        "my crimes (1).csv",
        "raw_crimes/month=2024-01/data.parquet",
        "city=donostia/utc_date=2025-10-09/215854.123456Z-8990070c.json",
        "thumbs.db.csv",
        "C#.csv",
    ],
)
def test_names_that_people_and_we_give_are_not(name: str) -> None:
    """Odd characters inside of a name mean nothing."""
    assert not is_foreign(name)
