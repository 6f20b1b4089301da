"""Files that a person downloaded, through the graph: every record is in a table, and the account of the files says so."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.contracts import EXPORT_FILES, RAW_CRIMES, REJECTED_CRIMES
from mlops_assets.errors import SourceError
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import LakeAddress
from mlops_assets_tests.chicago_crimes.portal_records import Record, crime, csv_text
from mlops_assets_tests.kills import bytes_of
from mlops_assets_tests.platforms import Platform, failed_checks

STATIONS = "DISTRICT,DISTRICT NAME,LATITUDE,LONGITUDE\n1,Central,41.858,-87.627\n2,Wentworth,41.801,-87.630\n"
COUNTS = ["record_count", "kept_count", "rejected_count", "waiting_count", "missing_count"]
READ = "read_chicago_crimes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "export"
    path.mkdir()
    (path / "police_stations.csv").write_text(STATIONS)
    return path


@pytest.fixture
def platform(tmp_path: Path, folder: Path, instance: dg.DagsterInstance) -> Platform:
    return Platform(tmp_path / "data", instance, source="export", export_path=folder)


def of_month(month: int, first_id: int, count: int = 10) -> list[Record]:
    return [crime(id=str(first_id + number), date=f"{month:02d}/15/2018 10:00:00 AM") for number in range(count)]


def write(path: Path, records: Sequence[Record], *damaged: str) -> None:
    path.write_text(csv_text(records, newline="\n") + "".join(f"{line}\n" for line in damaged))


def glued(records: Sequence[Record]) -> list[str]:
    """Return lines that have lost the end of each record, and hold it twice."""
    return [line[:-20] + line for line in csv_text(records, newline="\n").splitlines()[1:]]


def account_of(platform: Platform) -> pd.DataFrame:
    return platform.stores.lake(DOMAIN).read(LakeAddress((DOMAIN, EXPORT_FILES.name))).to_pandas().set_index("file_name")


def counts_of(platform: Platform, file_name: str) -> list[int]:
    """Return what became of the records of a file, in the order of `COUNTS`."""
    return account_of(platform).loc[[file_name], COUNTS].to_numpy().ravel().tolist()


def rows_of(platform: Platform, month: str) -> tuple[int, int]:
    """Return the numbers of crimes and of rejects of a month."""
    lake, partition = platform.stores.lake(DOMAIN), Partition("month", month)
    return len(read_partition(lake, RAW_CRIMES, partition)), len(read_partition(lake, REJECTED_CRIMES, partition))


def test_damage_of_one_month_is_seen_there_and_stops_no_other(platform: Platform, folder: Path) -> None:
    """Lines glued together in February fail February's check; January goes on, and every record is accounted for."""
    write(folder / "all.csv", [*of_month(1, 1), *of_month(2, 20)], *glued(of_month(2, 40)))
    assert failed_checks(platform.run(READ, month="2018-01", raise_on_error=False)) == []
    assert counts_of(platform, "all.csv") == [30, 10, 0, 20, 0]
    february = platform.run(READ, month="2018-02", raise_on_error=False)
    assert set(failed_checks(february)) == {
        "chicago_crimes/raw_crimes:has_few_rejects",
        "chicago_crimes/raw_crimes:every_source_is_read",
    }
    assert rows_of(platform, "2018-02") == (10, 10)
    assert counts_of(platform, "all.csv") == [30, 20, 10, 0, 0]
    enriched = dg.AssetKey([DOMAIN, "enriched_crimes"])
    assert platform.instance.get_materialized_partitions(enriched) == {"2018-01"}


def test_mistyped_year_hides_no_record(platform: Platform, folder: Path) -> None:
    """A crime of 1924 makes no month that is no partition: it is rejected where its neighbours are, like the damaged lines."""
    write(folder / "all.csv", [*of_month(1, 1, count=60), crime(id="99", date="01/28/1924 02:48:00 AM")], "half a line")
    assert failed_checks(platform.run(READ, month="2018-01")) == []
    assert rows_of(platform, "2018-01") == (60, 2)
    assert counts_of(platform, "all.csv") == [62, 60, 2, 0, 0]


def test_account_names_files_that_are_not_read(platform: Platform, folder: Path) -> None:
    """Parts of a split file count, a list of codes is set aside, and both are told; what nobody put there is not."""
    lines = csv_text(of_month(1, 1), newline="\n").splitlines(keepends=True)
    (folder / "crimes_aa.csv").write_text("".join(lines[:6]))
    (folder / "crimes_ab.csv").write_text("".join(lines[6:]))
    (folder / "codes.csv").write_text("IUCR,PRIMARY DESCRIPTION\n110,HOMICIDE\n")
    (folder / ".DS_Store").write_bytes(b"\0")
    result = platform.run(READ, month="2018-01")
    account = account_of(platform)
    assert account["record_count"].to_dict() == {"codes.csv": 0, "crimes_aa.csv": 5, "crimes_ab.csv": 5}
    assert account["status"].to_dict() == {"codes.csv": "set_aside", "crimes_aa.csv": "read", "crimes_ab.csv": "read"}
    (evaluation,) = [item for item in result.get_asset_check_evaluations() if item.check_name == "accounts_for_every_record"]
    assert evaluation.passed
    assert evaluation.description == (
        "10 records in 2 files: 10 kept, 0 rejected, 0 waiting for their partition to be materialized. "
        "Set aside: codes.csv (is another table: its columns are IUCR, PRIMARY DESCRIPTION)"
    )
    shown = platform.metadata("export_files")
    assert "has no header; read as a continuation of crimes_aa.csv" in shown["files"]
    assert (shown["record_count"], shown["kept_count"]) == (10, 10)


def test_file_that_may_hold_records_is_warned_of(platform: Platform, folder: Path) -> None:
    """A part whose columns nobody knows is named by a warning; a picture is not."""
    write(folder / "all.csv", of_month(1, 1))
    (folder / "x01").write_text("1,2,3\n4,5,6\n")
    (folder / "map.png").write_bytes(b"\x89PNG\r\n")
    result = platform.run(READ, month="2018-01")
    (warning,) = [item for item in result.get_asset_check_evaluations() if not item.passed]
    assert (warning.check_name, warning.severity) == ("accounts_for_every_record", dg.AssetCheckSeverity.WARN)
    assert str(warning.description).startswith("x01 may hold records and is not read: its name does not end in .csv")
    assert account_of(platform)["status"].to_dict() == {"all.csv": "read", "map.png": "set_aside", "x01": "unrecognized"}


def test_change_of_a_file_is_seen_until_its_months_are_read_again(platform: Platform, folder: Path) -> None:
    """Records that came after the month was read are in no table, which the check says; reading again mends it, byte by byte."""
    write(folder / "a.csv", of_month(1, 1))
    write(folder / "b.csv", of_month(1, 50))
    platform.run(READ, month="2018-01")
    write(folder / "b.csv", of_month(1, 50, count=13))
    result = platform.materialize("export_files")
    assert failed_checks(result) == ["chicago_crimes/export_files:accounts_for_every_record"]
    (evaluation,) = [item for item in result.get_asset_check_evaluations() if not item.passed]
    assert str(evaluation.description).startswith(
        "b.csv: 3 of its 13 records are in no table; if the file was changed, materialize 20"
    )
    assert failed_checks(platform.run(READ, month="2018-01")) == []
    before = bytes_of(platform.settings.data_dir / "lake")
    platform.run(READ, month="2018-01")
    assert bytes_of(platform.settings.data_dir / "lake") == before


def test_file_that_cannot_be_read_is_named_by_run_and_account(platform: Platform, folder: Path) -> None:
    """No month is read beside a file that may hold a part of it; the account of the other files is there."""
    write(folder / "good.csv", of_month(1, 1))
    (folder / "page.csv").write_text("<html>")
    with pytest.raises(SourceError, match=r"raw_crimes, month 2018-01: .*page\.csv: looks like an HTML or XML page"):
        platform.run(READ, month="2018-01")
    assert failed_checks(platform.materialize("export_files")) == ["chicago_crimes/export_files:accounts_for_every_record"]
    account = account_of(platform)
    assert account["status"].to_dict() == {"good.csv": "read", "page.csv": "unreadable"}
    assert counts_of(platform, "good.csv") == [10, 0, 0, 10, 0]


def test_public_edition_without_wards_is_kept_with_a_warning(platform: Platform, folder: Path) -> None:
    """A column that is written in another way, or that is missing, costs its values and not the crimes, and is pointed out."""
    text = csv_text([{**record, "district": "1st", "ward": None} for record in of_month(1, 1)])
    (folder / "edition.csv").write_text(text.replace("Ward", "Alderman"))
    result = platform.run(READ, month="2018-01")
    assert rows_of(platform, "2018-01") == (10, 0)
    assert failed_checks(result) == ["chicago_crimes/raw_crimes:reads_optional_values"]
    (warning,) = [item for item in result.get_asset_check_evaluations() if not item.passed]
    assert warning.severity == dg.AssetCheckSeverity.WARN
    assert warning.description == (
        "2018-01: 10 of 10 rows have values that cannot be read, for example district '1st', "
        "without a value in any row: district_code, ward_code"
    )
    assert account_of(platform)["note"]["edition.csv"] == "columns missing, and therefore empty: ward"
