"""Historical files and odd feeds through the graph: every record is in a table, and no single one stops the others."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.contracts import EXPORT_FILES, HOURLY_FREE, READINGS, REJECTED_READINGS
from mlops_assets.donostia_parking.partitions import PARKING_DAYS
from mlops_assets.orchestration.export_accounts import account_for_export
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import LakeAddress
from mlops_assets.tabular.export_files import ExportFile
from mlops_assets_tests.donostia_parking.snapshots import body, feature
from mlops_assets_tests.platforms import Platform, failed_checks

EVERYTHING = {"donostia_parking__snapshots": {"config": {"mode": "replay"}}}
COUNTS = ["record_count", "kept_count", "rejected_count", "waiting_count", "missing_count"]
READ = "read_donostia_parking"
DAY = "2024-11-15"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "export"
    path.mkdir()
    return path


@pytest.fixture
def platform(tmp_path: Path, folder: Path, instance: dg.DagsterInstance) -> Platform:
    return Platform(tmp_path / "data", instance, parking={"source": "export", "export_path": folder})


def of_day(platform: Platform, contract: Any, day: str = DAY) -> pd.DataFrame:
    return read_partition(platform.stores.lake(DOMAIN), contract, Partition("day", day))


def account_of(platform: Platform) -> pd.DataFrame:
    return platform.stores.lake(DOMAIN).read(LakeAddress((DOMAIN, EXPORT_FILES.name))).to_pandas().set_index("file_name")


def counts_of(platform: Platform, file_name: str) -> list[int]:
    """Return what became of the records of a file, in the order of `COUNTS`."""
    return account_of(platform).loc[[file_name], COUNTS].to_numpy().ravel().tolist()


def write_responses(folder: Path, *closed: str, car_parks: int = 0) -> None:
    """Write responses of the feed, one per hour from 8 to 18 o'clock: so many car parks with the hour's number, and closed ones."""
    for hour in range(8, 18):
        numbered = [car_park(f"P{number}", str(hour)) for number in range(car_parks)]
        (folder / f"raw_20241115_{hour:02d}0000.json").write_bytes(body(*numbered, *(car_park(name, "Cerrado") for name in closed)))


def car_park(name: str, free: Any) -> dict[str, Any]:
    return feature(free, noteId=name, nombre=name)


def test_parts_of_a_split_file_are_read_and_accounted_for(platform: Platform, folder: Path) -> None:
    """All records of both parts are readings, rejects, or wait for a day that has not been read; a mistyped year is a reject."""
    lines = [f"P{number % 2},{number},2024-11-{15 + number // 20} {8 + number % 20 // 2:02d}:00:00\n" for number in range(40)]
    lines[7] = "P1,7,1924-11-15 11:00:00\n"
    (folder / "part1.csv").write_text("nombre,libres,timestamp\n" + "".join(lines[:30]))
    (folder / "part2.csv").write_text("".join(lines[30:]) + "half a line\n")
    (folder / ".DS_Store").write_bytes(b"\0")
    platform.run(READ, day=DAY, ops=EVERYTHING)
    assert (len(of_day(platform, READINGS)), len(of_day(platform, REJECTED_READINGS))) == (19, 1)
    assert counts_of(platform, "part1.csv") == [30, 19, 1, 10, 0]
    assert counts_of(platform, "part2.csv") == [11, 0, 0, 11, 0]
    platform.run(READ, day="2024-11-16", ops=EVERYTHING)
    assert account_of(platform)[COUNTS].sum().tolist() == [41, 39, 2, 0, 0]
    assert account_of(platform)["note"]["part2.csv"] == "has no header; read as a continuation of part1.csv"


def test_file_that_may_hold_records_is_warned_of(platform: Platform, folder: Path) -> None:
    """A response whose name does not say when it was asked for is named by a warning; a text is not."""
    (folder / "all.csv").write_text(f"nombre,libres,timestamp\nP1,7,{DAY} 11:00:00\n")
    (folder / "answer.json").write_bytes(body(feature("80")))
    (folder / "README.txt").write_text("Recorded at home.\n")
    result = platform.run(READ, day=DAY, ops=EVERYTHING)
    (warning,) = [item for item in result.get_asset_check_evaluations() if not item.passed]
    assert (warning.check_name, warning.severity) == ("accounts_for_every_record", dg.AssetCheckSeverity.WARN)
    assert account_of(platform)["status"].to_dict() == {"README.txt": "set_aside", "all.csv": "read", "answer.json": "unrecognized"}


def test_records_of_days_to_come_are_missing(platform: Platform) -> None:
    """A day that will not be materialized is nothing to wait for; today is, though it is not over."""
    now = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
    file = ExportFile("a.csv", "read", None, {("2025-06-01", "a.csv"): 2, ("2099-10-09", "a.csv"): 3})
    account = account_for_export([file], platform.stores.lake(DOMAIN), READINGS, REJECTED_READINGS, PARKING_DAYS, now)
    assert account[COUNTS].to_numpy().tolist() == [[5, 0, 0, 2, 3]]


def test_closed_car_park_stops_no_other(platform: Platform, folder: Path) -> None:
    """It is named by a warning and has no readings; the hourly series of the others goes on."""
    write_responses(folder, "Closed", car_parks=4)
    result = platform.run(READ, day=DAY, ops=EVERYTHING)
    assert result.success
    assert failed_checks(result) == ["donostia_parking/readings:every_car_park_is_read"]
    (warning,) = [item for item in result.get_asset_check_evaluations() if not item.passed]
    assert warning.description == f"{DAY}: Closed (10 of 10 records rejected)"
    assert set(of_day(platform, READINGS)["car_park_id"]) == {"P0", "P1", "P2", "P3"}
    hourly = of_day(platform, HOURLY_FREE)
    assert hourly[hourly["is_city_total"]]["free_spaces"].max() == 4 * 17


def test_feed_that_has_changed_its_ways_stops_what_follows(platform: Platform, folder: Path) -> None:
    """If most car parks have no number, it is not one of them that is closed."""
    write_responses(folder, "A", "B", car_parks=1)
    result = platform.run(READ, day=DAY, ops=EVERYTHING, raise_on_error=False)
    assert "donostia_parking/readings:has_few_rejects" in failed_checks(result)
    assert DAY not in platform.instance.get_materialized_partitions(dg.AssetKey([DOMAIN, "hourly_free"]))


def test_half_a_surrogate_pair_does_not_stop_the_day(platform: Platform, folder: Path) -> None:
    """What has landed cannot be changed any more, so it must be read as it is: a letter is lost, no record."""
    odd = json.dumps({"features": [car_park("A", "5"), car_park("B\ud83d", "6"), car_park("C\udfff\0", "\ud800")]})
    assert "\\ud83d" in odd
    (folder / "raw_20241115_080000.json").write_text(odd)
    platform.run(READ, day=DAY, ops=EVERYTHING)
    assert of_day(platform, READINGS)["car_park_name"].tolist() == ["A", "B\ufffd"]
    assert of_day(platform, REJECTED_READINGS)["car_park_name"].tolist() == ["C\ufffd\ufffd"]


def test_foreign_files_among_snapshots_disturb_no_day(platform: Platform, folder: Path) -> None:
    """What file managers and editors leave among landed objects is passed over, and so is a copy under another name."""
    write_responses(folder, car_parks=1)
    platform.run(READ, day=DAY, ops=EVERYTHING)
    before = of_day(platform, READINGS)
    landed = sorted((platform.settings.data_dir / "lake").rglob("*Z-*.json"))
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", f"{landed[0].name}~", f"{landed[0].stem} copy.json", ".x.json.swp"):
        (landed[0].parent / name).write_bytes(landed[0].read_bytes())
    platform.materialize("readings", "rejected_readings", "car_park_sightings", domain=DOMAIN, day=DAY)
    pd.testing.assert_frame_equal(of_day(platform, READINGS), before)
    assert of_day(platform, REJECTED_READINGS).empty
