"""The export source: recorded CSV files of every layout, and answers kept whole."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mlops_assets.donostia_parking.cities import BIRMINGHAM, DONOSTIA, City
from mlops_assets.donostia_parking.readings.daily import build_readings
from mlops_assets.donostia_parking.sources.base import Snapshot
from mlops_assets.donostia_parking.sources.bodies import read_body
from mlops_assets.donostia_parking.sources.export import ExportParkingSource
from mlops_assets.donostia_parking.sources.landing import snapshot_name
from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.tabular.files import SourceFile
from mlops_assets_tests.donostia_parking.snapshots import ARCCO, body, feature, utc
from mlops_assets_tests.shared_data import shared_data

EVER = (utc("2000-01-01"), utc("2100-01-01"))
OLD = "properties.nombre,properties.libres,timestamp\nArcco,0,2022-01-23 17:12:47.334498\nAtotxa,169,2022-01-23 17:12:47.334498\n"
RENAMED = "nombre,libres,timestamp\nArcco,162,2024-11-15 21:00:48.297317\n"
ORIGINAL = (
    "timestamp,parking_id,name,free,total,lat,lon\n"
    f"2025-10-09T21:58:54.123456+00:00,{ARCCO},Arcco Amara,7,214,4795266.72,583235.67\n"
)
UK = (
    "SystemCodeNumber,Capacity,Occupancy,LastUpdated\n"
    "Bull Ring,3053,61,2016-10-04 07:59:42\n"
    "Bull Ring,3053,64,2016-10-04 08:25:42\t\n"
)


def source(folder: Path, city: City = DONOSTIA, **files: str) -> ExportParkingSource:
    """Return the source of a folder with these files."""
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return ExportParkingSource(folder, city)


def snapshots(export: ExportParkingSource) -> list[Snapshot]:
    return list(export.snapshots_between(*EVER))


@pytest.mark.parametrize(
    ("text", "moment", "name", "free"),
    [
        (OLD, "2022-01-23 17:12:47.334498", "Arcco", "0"),
        (RENAMED, "2024-11-15 21:00:48.297317", "Arcco", "162"),
        (ORIGINAL, "2025-10-09 21:58:54.123456", "Arcco Amara", "7"),
    ],
    ids=["2022", "2024", "2025"],
)
def test_layout_is_told_by_its_header(tmp_path: Path, text: str, moment: str, name: str, free: str) -> None:
    """The collectors of three years named their columns differently; what they say is the same."""
    (found,) = snapshots(source(tmp_path, recording=text))
    assert found.requested_at == utc(moment)
    record = read_body(found.body, DONOSTIA)[0]
    assert (record.name, record.free, record.read_at) == (name, free, utc(moment))


def test_columns_may_stand_in_any_order_and_company(tmp_path: Path) -> None:
    """Layouts are known by names, not by positions."""
    (found,) = snapshots(source(tmp_path, x="index,timestamp,libres,nombre\n0,2024-11-15 21:00:48,162,Arcco\n"))
    assert read_body(found.body, DONOSTIA)[0].free == "162"


def test_moment_is_a_snapshot_with_its_lines_as_they_stand(tmp_path: Path) -> None:
    """Header and lines are kept to the byte, stray tab included; a last line without an end gets one."""
    first, second = snapshots(source(tmp_path, BIRMINGHAM, x=UK.rstrip("\n")))
    header, line, other = UK.splitlines(keepends=True)
    assert (first.body, second.body) == ((header + line).encode(), (header + other).encode())
    assert (first.requested_at, second.requested_at) == (utc("2016-10-04 06:59:42"), utc("2016-10-04 07:25:42"))
    assert (first.media_type, first.source_name) == ("text/csv", "x.csv")


def test_overlapping_files_are_one_recording(tmp_path: Path) -> None:
    """What two files say twice is one snapshot, what they say differently two; the order of files and lines does not matter."""
    later = OLD + "Arcco,3,2022-01-23 18:00:00\n" + "Arcco,2,2022-01-23 16:00:00\n"
    other = "properties.nombre,properties.libres,timestamp\nArcco,4,2022-01-23 18:00:00\n"
    found = snapshots(source(tmp_path, b=OLD, a=later, c=other))
    assert [item.requested_at.hour for item in found] == [16, 17, 18, 18]
    assert [item.source_name for item in found] == ["a.csv", "a.csv", "a.csv", "c.csv"]


def test_window_is_half_open(tmp_path: Path) -> None:
    """A snapshot at the end of a window belongs to the next one."""
    export = source(tmp_path, BIRMINGHAM, x=UK)
    start, end = utc("2016-10-04 06:59:42"), utc("2016-10-04 07:25:42")
    assert [item.requested_at for item in export.snapshots_between(start, end)] == [start]
    assert export.available_range() == (start, end)


def test_records_without_a_moment_stay_with_their_neighbours(tmp_path: Path) -> None:
    """They cannot be placed, so they are kept where they will be rejected."""
    text = "nombre,libres,timestamp\nA,1,soon\nB,2,2024-11-15 21:00:00\nC,3,\nD\n\nE,5,2024-11-15 22:00:00\n"
    first, second = snapshots(source(tmp_path, x=text))
    faults = [record.fault and record.fault[1] for record in read_body(first.body, DONOSTIA)]
    assert faults == [
        "timestamp 'soon' is not a date and time",
        None,
        "timestamp '' is not a date and time",
        "the line has 1 cells, the header 3",
    ]
    assert [record.name for record in read_body(second.body, DONOSTIA)] == ["E"]


def test_open_quote_spoils_its_own_line_only(tmp_path: Path) -> None:
    """A line is a record, whatever is wrong with the one before it."""
    text = 'nombre,libres,timestamp\n"A,1,2024-11-15 21:00:00\n"B, C",2,2024-11-15 21:00:00\n'
    (found,) = snapshots(source(tmp_path, x=text))
    broken, good = read_body(found.body, DONOSTIA)
    assert broken.fault is not None
    assert (good.name, good.free) == ("B, C", "2")


def test_moments_that_cannot_be_stay_with_their_neighbours(tmp_path: Path) -> None:
    """A mistyped year, past or to come, is no day of its own: the record is rejected with the one before it."""
    text = "nombre,libres,timestamp\nA,1,1924-11-15 21:00:00\nB,2,2024-11-15 21:00:00\nC,3,2204-11-15 21:00:00\n"
    (tmp_path / "x.csv").write_text(text)
    export = ExportParkingSource(tmp_path, DONOSTIA, until=utc("2025-01-01"))
    (found,) = snapshots(export)
    day = build_readings([found], DONOSTIA.day("2024-11-15"), DONOSTIA)
    assert day.readings["car_park_id"].tolist() == ["B"]
    assert day.rejects[["reason_code", "car_park_name"]].to_numpy().tolist() == [["outside_day", "A"], ["outside_day", "C"]]


def test_file_without_any_moment_is_an_error(tmp_path: Path) -> None:
    """A file whose times are all unreadable has another format than its header says."""
    with pytest.raises(SourceError, match=r"x\.csv: not one of its 2 lines has a timestamp that can be read and lies between 2016"):
        snapshots(source(tmp_path, x="nombre,libres,timestamp\nA,1,15/11/2024\nB,1,15/11/2024\n"))


def test_answers_kept_whole_are_recordings(tmp_path: Path) -> None:
    """A JSON file counts if its name says when it was asked for; packed ones do, too."""
    (tmp_path / "raw_20251009_215854.json").write_bytes(body(feature("80")))
    (tmp_path / "2025-10-10T08-00-00.json.gz").write_bytes(gzip.compress(body(feature("81"))))
    (tmp_path / "answer_2025-10-09.json").write_bytes(body(feature("82")))
    export = ExportParkingSource(tmp_path, DONOSTIA)
    assert [item.requested_at for item in snapshots(export)] == [utc("2025-10-09 21:58:54"), utc("2025-10-10 08:00:00")]
    assert snapshots(export)[1].body == body(feature("81"))
    assert export.describe().endswith("but not answer_2025-10-09.json")


def test_other_files_are_set_aside_and_named(tmp_path: Path) -> None:
    """Another city's file, a table of something else: neither disturbs, and each says why it is not read."""
    (tmp_path / ".hidden.csv").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    export = source(tmp_path, BIRMINGHAM, uk=UK, old=OLD, other="a,b\n1,2\n")
    assert len(snapshots(export)) == 2
    assert export.describe() == f"historical files of Birmingham at {tmp_path}, but not notes.txt, old.csv, other.csv"
    reasons = {file.name: file.note for file in export.export_files() if file.status == "set_aside"}
    assert reasons["old.csv"] == "is of Donostia / San Sebastián"
    assert reasons["other.csv"] == "is another table: its columns are a, b"
    assert str(reasons["notes.txt"]).startswith("its name does not end in .csv")


def test_part_of_a_split_file_is_read(tmp_path: Path) -> None:
    """The parts without a header have the columns of the first; what lands is a header and its lines, as of any other file."""
    first, second = ORIGINAL, ORIGINAL.splitlines()[1].replace("21:58", "22:58") + "\n"
    export = source(tmp_path, part1=first, part2=second)
    bodies = [item.body.decode() for item in snapshots(export)]
    assert bodies == [first, ORIGINAL.splitlines()[0] + "\n" + second]
    assert read_body(bodies[1].encode(), DONOSTIA)[0].free == "7"
    assert export.export_files()[1].note == "has no header; read as a continuation of part1.csv"


@pytest.mark.parametrize("first", ["xaa.csv", "xaa", "zz.txt"])
def test_parts_are_told_by_their_content(tmp_path: Path, first: str) -> None:
    """`split` gives its parts names without an ending; one that comes before its sibling is looked at again."""
    (tmp_path / "xab").write_text(RENAMED.splitlines()[1].replace("21:00", "22:00") + "\n")
    export = source(tmp_path)
    assert [(file.name, file.status) for file in export.export_files()] == [("xab", "unrecognized")]
    (tmp_path / first).write_text(RENAMED)
    assert len(snapshots(export)) == 2
    assert {file.name: file.note for file in export.export_files()} == {
        first: None,
        "xab": f"has no header; read as a continuation of {first}",
    }


def test_part_is_looked_at_again_when_its_sibling_comes_or_goes(tmp_path: Path) -> None:
    """It is an error for as long as nobody knows what its columns are, and no longer."""
    export = source(tmp_path, b=RENAMED.splitlines()[1].replace("21:00", "22:00"))
    for _ in range(2):
        with pytest.raises(SourceError, match=r"b\.csv: has no header, and its rows fit no other file's columns"):
            snapshots(export)
        (tmp_path / "a.csv").write_text(RENAMED)
        assert len(snapshots(export)) == 2
        (tmp_path / "a.csv").unlink()


def test_files_that_have_not_changed_are_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sensors ask a source again and again; nothing of a file is read twice."""
    export = source(tmp_path, a=RENAMED, b=RENAMED.splitlines()[1].replace("21:00", "22:00"))
    expected = snapshots(export)
    for name in ("head", "content", "open"):
        monkeypatch.setattr(SourceFile, name, lambda file: pytest.fail(f"{file.name} is read again"))
    assert snapshots(export) == expected


def test_packed_archive_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """Readings may be in it."""
    (tmp_path / "rec.csv.zip").write_bytes(b"PK\x03\x04readings")
    export = source(tmp_path, a=RENAMED)
    assert [file.status for file in export.export_files()] == ["read", "unreadable"]
    with pytest.raises(SourceError, match=r"rec\.csv\.zip: is a packed archive; unpack it"):
        snapshots(export)


@pytest.mark.parametrize("stamp", ["20991009_215856", "19991009_215856", "20241399_215856"])
def test_impossible_moment_in_a_name_is_an_error(tmp_path: Path, stamp: str) -> None:
    """Nothing can have been recorded then, so the response would wait for its day for ever."""
    (tmp_path / f"raw_{stamp}.json").write_bytes(body(feature("80")))
    export = ExportParkingSource(tmp_path, DONOSTIA, until=utc("2025-01-01"))
    (file,) = export.export_files()
    assert (file.status, file.counts) == ("unreadable", {})
    assert f"{stamp} in its name is no moment between 2016" in str(file.note)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2024-11-15 21:00:00,Arcco\n", "has no header, and its rows fit no other file's columns"),
        ("nombre,libres\nArcco,1\n", "columns missing: timestamp. It has: nombre, libres"),
        ("", "looks like an empty file"),
        ("<html>", "looks like an HTML or XML page"),
    ],
    ids=["no header", "no time", "empty", "page"],
)
def test_file_of_which_nobody_can_tell_what_it_holds_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """It is named, and not passed over on weak evidence."""
    export = source(tmp_path, good=OLD, bad=text)
    with pytest.raises(SourceError, match=rf"bad\.csv: {re.escape(message)}"):
        snapshots(export)
    assert [(file.name, file.status) for file in export.export_files()] == [("bad.csv", "unreadable"), ("good.csv", "read")]


@pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param(lambda text: "sep=,\n" + text, id="sep line"),
        pytest.param(lambda text: text.replace(",", ";"), id="semicolons"),
        pytest.param(lambda text: "\n".join(f'"{line}"' for line in text.splitlines()), id="lines in quotes"),
        pytest.param(
            lambda text: text.splitlines()[0] + "\n" + "\n".join(f'"{line}"' for line in text.splitlines()[1:]), id="rows in quotes"
        ),
        pytest.param(lambda text: text.upper().replace("ARCCO", "Arcco"), id="capitals"),
    ],
)
def test_dialects_of_spreadsheets_are_read(tmp_path: Path, rewrite: Callable[[str], str]) -> None:
    """A file that a spreadsheet has saved says the same, also once it has landed."""
    (found,) = snapshots(source(tmp_path, x=rewrite(RENAMED)))
    (record,) = read_body(found.body, DONOSTIA)
    assert (record.name, record.free, record.read_at) == ("Arcco", "162", utc("2024-11-15 21:00:48.297317"))


def test_missing_optional_columns_are_said(tmp_path: Path) -> None:
    """Readings need a moment, a name and a number; capacity and position may be missing."""
    export = source(tmp_path, x="timestamp,name,free\n2025-10-09 21:58:54,Arcco,7\n")
    (found,) = snapshots(export)
    assert read_body(found.body, DONOSTIA)[0].free == "7"
    assert export.export_files()[0].note == "columns missing, and therefore empty: parking_id, total, lon, lat"


def test_every_record_of_a_file_has_a_day(tmp_path: Path) -> None:
    """The list of files says how many records of each day lie in which snapshot: what reading the day gives."""
    text = RENAMED + "Easo,x,2024-11-15 21:00:48.297317\nEaso\nEaso,4,2024-11-16 21:00:00\n\n"
    (tmp_path / "raw_20241117_215854.json").write_bytes(body(feature("80"), feature("81")))
    (tmp_path / "raw_20241117_225854.json").write_text("{broken")
    export = source(tmp_path, x=text)
    counts = {place: count for file in export.export_files() for place, count in file.counts.items()}
    found: dict[tuple[str, str], int] = {}
    for key in ("2024-11-15", "2024-11-16", "2024-11-17"):
        landed = [replace(item, source_name=snapshot_name(DONOSTIA, item)) for item in snapshots(export)]
        day = build_readings(landed, DONOSTIA.day(key), DONOSTIA)
        names = pd.concat([day.readings["source_name"], day.rejects["source_name"]])
        found |= {(key, str(name)): count for name, count in names.value_counts().items()}
    assert found == counts
    assert sum(counts.values()) == 7


def test_single_file_is_a_recording(tmp_path: Path) -> None:
    """A path may name a file, packed or not, in any letter case of its columns' own."""
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(OLD.encode()))
    export = ExportParkingSource(path, DONOSTIA)
    assert [item.source_name for item in snapshots(export)] == ["data.csv.gz"]


def test_nothing_to_read_is_not_enough_data(tmp_path: Path) -> None:
    """The message says which columns a historical file needs."""
    with pytest.raises(NotEnoughDataError, match=r"historical files of Donostia .* no file at .* libres, nombre, timestamp"):
        snapshots(source(tmp_path, other="a,b\n1,2\n"))


def test_missing_and_damaged_files_are_errors(tmp_path: Path) -> None:
    """A path that is wrong and a file that is cut off are named."""
    with pytest.raises(SourceError, match=r"there is no file or folder .*nowhere"):
        snapshots(ExportParkingSource(tmp_path / "nowhere", DONOSTIA))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(OLD.encode())[:-20])
    with pytest.raises(SourceError, match=r"cut\.csv\.gz: cannot be read: .*is it complete"):
        snapshots(ExportParkingSource(tmp_path, DONOSTIA))


def test_recording_has_no_present(tmp_path: Path) -> None:
    """Asking a file for now is a mistake, and says so."""
    with pytest.raises(NotEnoughDataError, match="holds historical files, which have no present"):
        source(tmp_path, x=OLD).fetch_snapshot(utc("2025-01-01"))


@pytest.mark.parametrize(
    ("city", "count", "records", "first", "last"),
    [
        (DONOSTIA, 1_546 + 26, 24_736 + 416, "2022-01-23 17:12:47.334498", "2024-11-17 14:16:47.466829"),
        (BIRMINGHAM, 615, 12_474, "2016-10-04 06:46:28", "2016-10-31 16:26:06"),
    ],
    ids=["donostia", "birmingham"],
)
def test_recorded_files_are_read_completely(city: City, count: int, records: int, first: str, last: str) -> None:
    """Every line of the real historical files becomes a record of its moment; both cities lie in one folder."""
    export = ExportParkingSource(shared_data("parking"), city)
    found = snapshots(export)
    assert len(found) == count
    assert export.available_range() == (utc(first), utc(last))
    read = [record for item in found for record in read_body(item.body, city)]
    assert len(read) == records
    assert all(record.fault is None for record in read)
