"""Crimes and stations from files that a person downloaded."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
from mlops_assets.chicago_crimes.sources import export_cache, export_index
from mlops_assets.chicago_crimes.sources.base import PORTAL_FIELDS, CrimeSource
from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource
from mlops_assets.chicago_crimes.sources.export_index import IndexedFile
from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.months import Month
from mlops_assets.tabular.files import SourceFile
from mlops_assets_tests.chicago_crimes.portal_records import Record, crime, csv_text
from mlops_assets_tests.shared_data import shared_data

JANUARY, FEBRUARY, MARCH = Month(2018, 1), Month(2018, 2), Month(2018, 3)


def on(day: str, crime_id: str = "1", **fields: str | None) -> Record:
    """Return a crime on a day of 2018, for example `02/14`."""
    return crime(id=crime_id, date=f"{day}/2018 10:00:00 AM", **fields)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "export"
    path.mkdir()
    return path


@pytest.fixture
def source(tmp_path: Path, folder: Path) -> ExportCrimeSource:
    return ExportCrimeSource(folder, tmp_path / "cache")


def write(path: Path, *records: Record) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(csv_text(records), "utf-8", newline="")
    return path


def ids(source: CrimeSource, month: Month) -> list[str]:
    return sorted(source.read_month(month).table["id"].to_pylist())


def test_files_are_found_in_subfolders_and_named_in_each_row(folder: Path, source: ExportCrimeSource) -> None:
    """All CSV files below the folder count, plain and gzip; a row tells which one it came from."""
    write(folder / "a.csv", on("01/01", "1"))
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "b.CSV.gz").write_bytes(gzip.compress(csv_text([on("01/02", "2")]).encode()))
    (folder / "notes.txt").write_text("not a crime")
    table = source.read_month(JANUARY).table
    assert sorted(zip(table["id"].to_pylist(), table["source_name"].to_pylist(), strict=True)) == [
        ("1", "a.csv"),
        ("2", "deep/er/b.CSV.gz"),
    ]
    assert table.column_names == [*PORTAL_FIELDS, "source_name"]


def test_single_file_is_an_export(tmp_path: Path, folder: Path) -> None:
    """The path may be one file; its neighbours do not count."""
    write(folder / "other.csv", on("01/05", "2"))
    source = ExportCrimeSource(write(folder / "all.csv", on("01/01")), tmp_path / "cache")
    assert ids(source, JANUARY) == ["1"]


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda text: text.encode(), id="crlf"),
        pytest.param(lambda text: text.replace("\r\n", "\n").encode(), id="lf"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="byte order mark"),
        pytest.param(lambda text: gzip.compress(text.encode()), id="gzip under the name of plain CSV"),
        pytest.param(lambda text: gzip.compress(text[:50].encode()) + gzip.compress(text[50:].encode()), id="two gzip members"),
    ],
)
def test_spellings_of_a_file_read_alike(folder: Path, source: ExportCrimeSource, encode: object) -> None:
    """Line ends, a byte order mark and compression make no difference; empty fields are null."""
    assert callable(encode)
    record = on("01/01", description='KNIFE, "BIG"'.replace('"', ""), location_description="BAR\nOR TAVERN", ward=None)
    (folder / "a.csv").write_bytes(encode(csv_text([record])))
    row = source.read_month(JANUARY).table.to_pylist()[0]
    assert {name: row[name] for name in PORTAL_FIELDS} == record


def test_layout_of_the_api_with_additional_columns_is_read(folder: Path, source: ExportCrimeSource) -> None:
    """Snake-case titles in any order are known, and columns that nobody asked for are passed over."""
    fields = [":@computed_region_awaf_s7ux", *reversed(PORTAL_FIELDS), "location", "year"]
    record = {**on("01/01"), "date": "2018-01-01T10:00:00.000"}
    values = ["5", *(record[name] or "" for name in reversed(PORTAL_FIELDS)), '"{\'latitude\': \'41\', ""a"": """"}"', "2018"]
    (folder / "a.csv").write_text(f"{','.join(fields)}\n{','.join(values)}\n")
    row = source.read_month(JANUARY).table.to_pylist()[0]
    assert {name: row[name] for name in PORTAL_FIELDS} == record


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "looks like an empty file"),
        (b"\n\n", "looks like an empty file"),
        (b"<!DOCTYPE html><html>busy</html>", "looks like an HTML or XML page"),
        (b'{"error": true}', "looks like JSON"),
        (b"PK\x03\x04" + b"\0" * 40, "looks like an Excel workbook or zip archive"),
        (csv_text([on("01/01")]).encode("utf-16"), "looks like UTF-16 text"),
        (b"\x00\x01\x02\x03", "looks like binary data"),
        (b"\x1f\x8bnot gzip at all", "looks like damaged gzip"),
        (gzip.compress(csv_text([on("01/01")] * 50).encode())[:-30], "is truncated gzip"),
        (csv_text([on("01/01", block="CAF\u00c9")]).encode("latin-1"), "is not UTF-8"),
        (csv_text([]).encode(), "has a header but no rows"),
        (
            csv_text([crime(date="soon")]).encode(),
            r"has a header but none of its 1 rows has a readable date from 2001-01 to 2199-12 in 'Date', for example 'soon'",
        ),
        (csv_text([on("01/01")]).replace("IUCR", "Code").encode(), r"columns missing: iucr\. It has: ID, Case Number, Date"),
        (csv_text([on("01/01")]).replace(",", "^").encode(), r"columns missing: id.*separated by something else than commas"),
        (csv_text([on("01/01")]).replace("Ward", "Beat").encode(), "two columns are named 'Beat'"),
        (csv_text([on("01/01")]).encode() + b'2,"' + b"x,\n" * 3_000_000, "has an opening quote that is never closed"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_file_that_is_no_portal_csv_is_named(folder: Path, source: ExportCrimeSource, content: bytes, message: str) -> None:
    """The error says which file it is and what it looks like."""
    (folder / "bad.csv").write_bytes(content)
    with pytest.raises(SourceError, match=rf"bad\.csv: {message}"):
        source.read_month(JANUARY)


def test_one_broken_file_does_not_make_the_others_be_read_again(
    folder: Path, source: ExportCrimeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was learnt before a broken file was met is kept."""
    write(folder / "a.csv", on("01/01"))
    (folder / "b.csv").write_text("<html>")
    with pytest.raises(SourceError, match=r"b\.csv"):
        source.read_month(JANUARY)
    write(folder / "b.csv", on("01/02", "2"))
    scanned = watch_scans(monkeypatch)
    assert ids(source, JANUARY) == ["1", "2"]
    assert scanned == ["b.csv"]


def watch_scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the name of each file read through for its months."""
    names: list[str] = []
    look = export_index._look_at

    def noted(file: SourceFile, *others: Any) -> IndexedFile:
        names.append(file.name)
        return look(file, *others)

    monkeypatch.setattr(export_index, "_look_at", noted)
    return names


def test_damaged_lines_are_kept(folder: Path, source: ExportCrimeSource) -> None:
    """A line with too few or too many fields is handed on word for word, and the rest is read."""
    path = write(folder / "a.csv", on("01/01"))
    path.write_bytes(path.read_bytes() + b"7,too,short\r\n" + b"," * 30)
    records = source.read_month(JANUARY)
    assert records.table["id"].to_pylist() == ["1"]
    assert {(record.source_name, record.text, record.reason) for record in records.damaged} == {
        ("a.csv", "7,too,short", "has 3 fields where the header has 20"),
        ("a.csv", "," * 30, "has 31 fields where the header has 20"),
    }


def test_file_of_many_months_is_split_once(folder: Path, source: ExportCrimeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Months come out of a mixed file complete and in the file's order, and the file is read only twice for all of them."""
    days = ["02/03", "01/01", "03/09", "01/31", "02/01", "01/02"]
    write(folder / "all.csv", *(on(day, str(number)) for number, day in enumerate(days)))
    months = {month: source.read_month(month).table["id"].to_pylist() for month in (FEBRUARY, JANUARY, MARCH)}
    assert months == {JANUARY: ["1", "3", "5"], FEBRUARY: ["0", "4"], MARCH: ["2"]}
    monkeypatch.setattr(export_cache, "stream_records", None)
    assert ids(source, FEBRUARY) == ["0", "4"]


def test_small_buffer_gives_the_same_split(folder: Path, source: ExportCrimeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month written in several pieces reads like one written at once."""
    monkeypatch.setattr(export_cache, "_BUFFER_BYTES", 1_000)
    monkeypatch.setattr("mlops_assets.tabular.records._BLOCK_BYTES", 2_000)
    records = [on(f"{number % 3 + 1:02d}/{number % 27 + 1:02d}", str(number)) for number in range(200)]
    write(folder / "all.csv", *records)
    assert source.read_month(MARCH).table["id"].to_pylist() == [str(number) for number in range(200) if number % 3 == 2]
    assert sum(len(source.read_month(month).table) for month in (JANUARY, FEBRUARY, MARCH)) == 200


def test_records_without_a_date_have_the_month_of_their_neighbours(folder: Path, source: ExportCrimeSource) -> None:
    """A record is rejected where people look: with the dated record before it, or with the first one of the file behind it."""
    undated = [crime(id=str(number), date=text) for number, text in ((1, "soon"), (4, None), (6, "01/28/1924 02:48:00 AM"))]
    write(folder / "all.csv", undated[0], on("02/03", "2"), on("01/09", "3"), undated[1], on("02/05", "5"), undated[2])
    assert source.read_month(JANUARY).table["id"].to_pylist() == ["3", "4"]
    assert source.read_month(FEBRUARY).table["id"].to_pylist() == ["1", "2", "5", "6"]
    assert source.available_months() == [JANUARY, FEBRUARY]
    assert parse_crimes(source.read_month(FEBRUARY), FEBRUARY).rejects["reason_code"].tolist() == [
        "outside_month",
        "unreadable_value",
    ]


def test_dates_to_come_are_typing_errors(tmp_path: Path, folder: Path) -> None:
    """What happened after the file was looked at did not happen; it is rejected with its neighbours."""
    write(folder / "all.csv", on("02/03", "1"), crime(id="2", date="02/04/2081 10:00:00 AM"))
    source = ExportCrimeSource(folder, tmp_path / "cache", until=MARCH)
    assert ids(source, FEBRUARY) == ["1", "2"]
    assert source.available_months() == [FEBRUARY]


def test_damaged_lines_have_the_month_of_a_date_in_them_or_of_their_neighbours(folder: Path, source: ExportCrimeSource) -> None:
    """Two lines glued together say when they happened; half a line without a date is where it stands in the file."""
    lines = csv_text([on("01/05", "1"), on("02/05", "2"), on("01/06", "3")]).splitlines()
    header, first, second, third = lines
    (folder / "all.csv").write_text(
        "\n".join([header, "half,a line", first, second + second, "x,y", third, ",,02/07/2018 10:00:00 AM"])
    )
    found = {month: [record.text for record in source.read_month(month).damaged] for month in (JANUARY, FEBRUARY)}
    assert found == {JANUARY: ["half,a line", "x,y"], FEBRUARY: [second + second, ",,02/07/2018 10:00:00 AM"]}


@pytest.mark.parametrize("block_bytes", [300, 4 << 20])
def test_month_of_a_damaged_line_does_not_depend_on_how_the_file_is_read(
    folder: Path, source: ExportCrimeSource, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    """Damaged lines know their place in the file, however many records are read at a time."""
    monkeypatch.setattr("mlops_assets.tabular.records._BLOCK_BYTES", block_bytes)
    lines = csv_text([on(f"{number % 3 + 1:02d}/05", str(number)) for number in range(30)]).splitlines(keepends=True)
    damaged = [f"{number},damaged\r\n" for number in range(30)]
    (folder / "all.csv").write_text("".join([lines[0], *(text for pair in zip(lines[1:], damaged, strict=True) for text in pair)]))
    for month in (JANUARY, FEBRUARY, MARCH):
        records = source.read_month(month)
        assert sorted(records.table["id"].to_pylist()) == sorted(record.text.split(",")[0] for record in records.damaged)


def test_part_of_a_split_file_is_read(folder: Path, source: ExportCrimeSource) -> None:
    """What `split -l` makes of one file: the parts without a header have the columns of the first."""
    lines = csv_text([on("01/01", str(number)) for number in range(9)]).splitlines(keepends=True)
    for name, start, end in (("aa", 0, 4), ("ab", 4, 7), ("ac", 7, 10)):
        (folder / f"crimes_{name}.csv").write_text("".join(lines[start:end]))
    assert ids(source, JANUARY) == [str(number) for number in range(9)]
    notes = {file.name: file.note for file in source.export_files()}
    assert notes == {"crimes_aa.csv": None} | dict.fromkeys(
        ("crimes_ab.csv", "crimes_ac.csv"), "has no header; read as a continuation of crimes_aa.csv"
    )


@pytest.mark.parametrize("first", ["x00.csv", "x00", "zz.txt"])
def test_parts_are_told_by_their_content(folder: Path, source: ExportCrimeSource, first: str) -> None:
    """`split` gives its parts names without an ending; they are read in whatever order they come."""
    lines = csv_text([on("01/01", str(number)) for number in range(4)]).splitlines(keepends=True)
    (folder / "x01").write_text("".join(lines[3:]))
    assert [(file.name, file.status) for file in source.export_files()] == [("x01", "unrecognized")]
    (folder / first).write_text("".join(lines[:3]))
    assert ids(source, JANUARY) == ["0", "1", "2", "3"]
    assert {file.name: file.note for file in source.export_files()} == {
        first: None,
        "x01": f"has no header; read as a continuation of {first}",
    }


def test_packed_archive_is_an_error_that_says_what_to_do(folder: Path, source: ExportCrimeSource) -> None:
    """Crimes may be in it, and months read without them would lack them."""
    write(folder / "a.csv", on("01/01"))
    (folder / "b.csv.zip").write_bytes(b"PK\x03\x04crimes")
    assert [file.status for file in source.export_files()] == ["read", "unreadable"]
    with pytest.raises(SourceError, match=r"b\.csv\.zip: is a packed archive; unpack it"):
        source.read_month(JANUARY)


def test_part_without_its_sibling_is_an_error_that_names_it(folder: Path, source: ExportCrimeSource) -> None:
    """Nobody knows what its columns are; also after the sibling was there once and has gone."""
    lines = csv_text([on("01/01", "1"), on("01/02", "2")]).splitlines(keepends=True)
    (folder / "b.csv").write_text(lines[2])
    with pytest.raises(SourceError, match=r"b\.csv: has no header, and its rows fit no other file's columns"):
        source.read_month(JANUARY)
    (folder / "a.csv").write_text("".join(lines[:2]))
    assert ids(source, JANUARY) == ["1", "2"]
    (folder / "a.csv").unlink()
    with pytest.raises(SourceError, match=r"b\.csv: has no header"):
        source.read_month(JANUARY)


def test_missing_optional_column_is_empty_and_said(folder: Path, source: ExportCrimeSource) -> None:
    """An edition without wards, areas and times of update is one of crimes; the file's note says what it lacks."""
    titles = [name for name in PORTAL_FIELDS if name not in ("ward", "community_area", "updated_on")]
    for name, day in (("one.csv", "01/01"), ("two.csv", "02/01")):
        values = ",".join(on(day, "7")[title] or "" for title in titles)
        (folder / name).write_text(f"{','.join(titles)}\n{values}\n" + (values.replace("02/01", "03/01") if day == "02/01" else ""))
    for month in (JANUARY, FEBRUARY, MARCH):
        parsed = parse_crimes(source.read_month(month), month)
        assert parsed.crimes[["crime_id", "ward_code", "updated_at"]].isna().to_numpy().tolist() == [[False, True, True]]
    assert {file.note for file in source.export_files()} == {
        "columns missing, and therefore empty: ward, community_area, updated_on"
    }


def test_every_record_of_a_file_has_a_month(folder: Path, source: ExportCrimeSource) -> None:
    """What the files are said to hold of each month is what reading the month gives, damaged lines included."""
    lines = csv_text([on("01/05", "1"), crime(id="2", date="soon"), on("02/05", "3"), on("02/05", "4")])
    (folder / "all.csv").write_text(lines + "half a line\r\n" + ",".join("x" * 30))
    (folder / "codes.csv").write_text("IUCR,PRIMARY DESCRIPTION\n110,HOMICIDE\n")
    (folder / "notes.txt").write_text("not a crime")
    all_files, codes, notes = source.export_files()
    assert all_files.counts == {("2018-01", "all.csv"): 2, ("2018-02", "all.csv"): 4}
    for month in (JANUARY, FEBRUARY):
        records = source.read_month(month)
        assert len(records.table) + len(records.damaged) == all_files.counts[month.key, "all.csv"]
    assert (codes.status, codes.note) == ("set_aside", "is another table: its columns are IUCR, PRIMARY DESCRIPTION")
    assert (notes.status, notes.note) == (
        "set_aside",
        "its name does not end in .csv or .csv.gz, and it is text without columns",
    )


def test_file_that_cannot_be_read_is_listed(folder: Path, source: ExportCrimeSource) -> None:
    """The list of files says what is wrong with each, though reading a month stops at the first of them."""
    write(folder / "a.csv", on("01/01"))
    (folder / "b.csv").write_text("<html>")
    (folder / "c.csv").write_text(csv_text([on("02/01")]).replace("Arrest", "Held"))
    statuses = [(file.name, file.status) for file in source.export_files()]
    assert statuses == [("a.csv", "read"), ("b.csv", "unreadable"), ("c.csv", "unreadable")]
    assert "columns missing: arrest" in str(source.export_files()[2].note)


def test_foreign_files_do_not_disturb(folder: Path, source: ExportCrimeSource) -> None:
    """What file managers, spreadsheets and notebooks leave in a folder is neither read nor an error."""
    write(folder / "a.csv", on("01/01"))
    for name in (".DS_Store", "._a.csv", "~$a.csv", "a.csv~", "Thumbs.db", ".ipynb_checkpoints/a-checkpoint.csv", "__MACOSX/a.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\x00\x05\x16\x07")
    assert ids(source, JANUARY) == ["1"]
    assert [file.name for file in source.export_files()] == ["a.csv"]


@pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param(lambda text: "sep=,\r\n" + text, id="sep line of a spreadsheet"),
        pytest.param(lambda text: "\ufeffsep=;\r\n" + text.replace(",", ";"), id="sep line with a semicolon"),
        pytest.param(lambda text: text.replace(",", ";"), id="semicolons"),
        pytest.param(lambda text: text.replace(",", "\t"), id="tabs"),
        pytest.param(lambda text: "\n\n" + text, id="blank lines on top"),
        pytest.param(lambda text: wrapped(text, header=False), id="rows in quotes"),
        pytest.param(lambda text: wrapped(text, header=True), id="rows and header in quotes"),
        pytest.param(lambda text: "sep=,\n" + wrapped(text, header=True), id="sep line and rows in quotes"),
    ],
)
@pytest.mark.parametrize("days", [("01/01", "01/02"), ("01/01", "02/02")], ids=["one month", "two months"])
def test_dialects_of_spreadsheets_are_read(folder: Path, source: ExportCrimeSource, rewrite: Any, days: tuple[str, str]) -> None:
    """A file that a spreadsheet has saved holds the same records, of one month or of several."""
    records = [on(day, str(number)) for number, day in enumerate(days)]
    (folder / "a.csv").write_text(rewrite(csv_text(records)), newline="")
    found = [
        row for month in source.available_months() for row in source.read_month(month).table.select(["id", "date"]).to_pylist()
    ]
    assert found == [{"id": record["id"], "date": record["date"]} for record in records]


def wrapped(text: str, *, header: bool) -> str:
    """Return CSV whose rows, and whose header if asked for, stand in quotes as a whole."""
    first, *rows = text.splitlines()
    quoted = ['"{}"'.format(line.replace('"', '""')) for line in (first, *rows)]
    return "\r\n".join([quoted[0] if header else first, *quoted[1:]]) + "\r\n"


def test_overlapping_files_are_resolved_by_the_newest_version(folder: Path, source: ExportCrimeSource) -> None:
    """An old and a new download together give each crime once, as it was updated last."""
    write(folder / "old.csv", on("01/01", "1", arrest="false"), on("01/02", "2"))
    write(folder / "new.csv", on("01/01", "1", arrest="true", updated_on="05/01/2018 03:50:01 PM"), on("02/02", "3"))
    parsed = parse_crimes(source.read_month(JANUARY), JANUARY)
    assert parsed.crimes[["crime_id", "is_arrest"]].to_numpy().tolist() == [[1, True], [2, False]]
    assert parsed.rejects["reason_code"].tolist() == ["superseded"]


def test_month_without_rows_names_month_and_folder(folder: Path, source: ExportCrimeSource) -> None:
    """Asking for a month that no file has says which months there are."""
    write(folder / "a.csv", on("01/01"), on("02/01", "2"))
    with pytest.raises(
        NotEnoughDataError, match=r"crimes of 2018-03: no file at .*export has any; .* 2 months from 2018-01 to 2018-02"
    ):
        source.read_month(MARCH)


def test_empty_folder_and_missing_path_say_what_to_do(tmp_path: Path, source: ExportCrimeSource) -> None:
    """An export that is not there is explained, not a stack of OS errors."""
    with pytest.raises(NotEnoughDataError, match=r"no \.csv or \.csv\.gz file at .*download dataset ijzp-q8t2"):
        source.read_month(JANUARY)
    with pytest.raises(SourceError, match="there is no file or folder"):
        ExportCrimeSource(tmp_path / "nowhere", tmp_path / "cache").read_month(JANUARY)


def test_changed_file_replaces_its_split(tmp_path: Path, folder: Path, source: ExportCrimeSource) -> None:
    """A new download under the old name is read afresh, and what was kept of the old one is removed."""
    path = write(folder / "all.csv", on("01/01", "1"), on("02/01", "2"))
    assert ids(source, FEBRUARY) == ["2"]
    write(path, on("01/01", "1"), on("02/01", "22"), on("02/02", "3"))
    assert ids(source, FEBRUARY) == ["22", "3"]
    assert len(list((tmp_path / "cache" / "splits").iterdir())) == 1


def test_half_made_split_is_never_trusted(tmp_path: Path, folder: Path, source: ExportCrimeSource) -> None:
    """A process killed in the middle of a split leaves files that the next one removes before it splits anew."""
    path = write(folder / "all.csv", *(on("01/01", str(number)) for number in range(50)), on("02/01", "50"))
    script = (
        "import os, signal, sys, pathlib\n"
        "from mlops_assets.chicago_crimes.sources import export, export_cache\n"
        "from mlops_assets.months import Month\n"
        "write = export_cache.pq.write_table\n"
        "def write_and_die(*arguments, **options):\n"
        "    write(*arguments, **options)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "export_cache.pq.write_table = write_and_die\n"
        "export.ExportCrimeSource(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])).read_month(Month(2018, 2))\n"
    )
    repository = Path(__file__).resolve().parents[3]
    killed = subprocess.run([sys.executable, "-c", script, str(path.parent), str(tmp_path / "cache")], cwd=repository, check=False)
    assert killed.returncode == -9
    splits = tmp_path / "cache" / "splits"
    assert [entry.name[0] for entry in splits.iterdir()] == ["."]
    assert ids(source, FEBRUARY) == ["50"]
    assert len(ids(source, JANUARY)) == 50
    assert [entry.name[0] for entry in splits.iterdir()] != ["."]
    assert len(list(splits.iterdir())) == 1


def test_stale_leftovers_are_removed_at_the_next_scan(tmp_path: Path, folder: Path, source: ExportCrimeSource) -> None:
    """Splits of files that are gone, and half-made ones, do not fill the disk for ever."""
    path = write(folder / "all.csv", on("01/01", "1"), on("02/01", "2"))
    assert ids(source, JANUARY) == ["1"]
    (tmp_path / "cache" / "splits" / ".abandoned").mkdir()
    path.unlink()
    write(folder / "other.csv", on("03/01", "3"))
    assert ids(source, MARCH) == ["3"]
    assert list((tmp_path / "cache" / "splits").iterdir()) == []


def test_deleted_cache_is_made_again(tmp_path: Path, folder: Path, source: ExportCrimeSource) -> None:
    """A damaged or foreign index is the same as none."""
    write(folder / "all.csv", on("01/01", "1"), on("02/01", "2"))
    assert ids(source, JANUARY) == ["1"]
    (tmp_path / "cache" / "index.json").write_text("{broken")
    assert ids(source, FEBRUARY) == ["2"]
    (tmp_path / "cache" / "index.json").write_text(json.dumps({"format": 0, "files": {"x": {}}}))
    assert ids(source, FEBRUARY) == ["2"]


def test_changed_months_are_those_of_new_changed_and_removed_files(folder: Path, source: ExportCrimeSource) -> None:
    """The first look only sets the cursor; later ones name exactly the months whose files differ."""
    write(folder / "a.csv", on("01/01", "1"))
    write(folder / "b.csv", on("02/01", "2"), on("03/01", "3"))
    first = source.changed_months(None)
    assert first.months == ()
    assert source.changed_months(first.cursor).months == ()
    write(folder / "c.csv", on("01/03", "4"))
    second = source.changed_months(first.cursor)
    assert second.months == (JANUARY,)
    (folder / "b.csv").unlink()
    assert source.changed_months(second.cursor).months == (FEBRUARY, MARCH)
    assert source.changed_months(first.cursor).months == (JANUARY, FEBRUARY, MARCH)


def test_touched_file_counts_as_changed(folder: Path, source: ExportCrimeSource) -> None:
    """Size and time decide, so that 2 GB need not be read to see that nothing happened."""
    path = write(folder / "a.csv", on("01/01", "1"))
    cursor = source.changed_months(None).cursor
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert source.changed_months(cursor).months == (JANUARY,)


@pytest.mark.parametrize("cursor", ["", "{", "[]", '{"export": 3}', "2018-02-10T15:50:01.000", "sample until 2024-01-01"])
def test_cursor_of_another_source_starts_over(folder: Path, source: ExportCrimeSource, cursor: str) -> None:
    """After a change of source the old cursor counts as none."""
    write(folder / "a.csv", on("01/01", "1"))
    assert source.changed_months(cursor).months == ()


STATIONS = (
    "DISTRICT,DISTRICT NAME,ADDRESS,CITY,STATE,ZIP,X COORDINATE,Y COORDINATE,LATITUDE,LONGITUDE,LOCATION\n"
    '12,Near West,"1412 S Blue Island Ave\n",Chicago,IL,60608,1168487.845,1893384.455,41.86297662,-87.65697251,"(41.8, -87.6)"\n'
    "Headquarters,Headquarters,3510 S Michigan Ave,Chicago,IL,60653,1177731.401,1881697.404,41.83070169,-87.62339535,\n"
)


def test_stations_are_told_by_their_columns(tmp_path: Path, folder: Path, source: ExportCrimeSource) -> None:
    """Stations may lie in a folder of crimes or beside a single file of them; a name says nothing against the columns."""
    crimes = write(folder / "crimes.csv", on("01/01"))
    (folder / "Police_Stations_2018.csv").write_text(STATIONS)
    for either in (source, ExportCrimeSource(crimes, tmp_path / "cache")):
        assert parse_stations(either.read_stations())["station_code"].tolist() == ["012", "headquarters"]
        assert ids(either, JANUARY) == ["1"]
    write(folder / "near_station.csv", on("01/02", "2"))
    assert ids(source, JANUARY) == ["1", "2"]
    assert len(source.read_stations()) == 2


def test_older_file_of_stations_has_degrees_only(folder: Path, source: ExportCrimeSource) -> None:
    """Without state plane coordinates, also in the header, stations are projected from latitude and longitude."""
    (folder / "stations.csv").write_text(
        "DISTRICT,DISTRICT NAME,ADDRESS,ZIP,LATITUDE,LONGITUDE\n1.0,Central,,60616.0,41.85837259,-87.62735617\n"
    )
    station = parse_stations(source.read_stations()).iloc[0]
    assert (station["station_code"], station["zip_code"]) == ("001", "60616")
    assert (station["x_ft"], station["y_ft"]) == (pytest.approx(1_176_569.05, abs=0.1), pytest.approx(1_891_771.70, abs=0.1))


def test_missing_stations_say_where_to_get_them(folder: Path, source: ExportCrimeSource) -> None:
    """Without a stations file, or with several, the error names the dataset."""
    with pytest.raises(SourceError, match=r"found none\. Download dataset z8bn-74gv"):
        source.read_stations()
    for name in ("station_a.csv", "station_b.csv"):
        (folder / name).write_text(STATIONS)
    with pytest.raises(SourceError, match=r"found several: station_a\.csv, station_b\.csv"):
        source.read_stations()


def test_damaged_line_among_stations_is_an_error(folder: Path, source: ExportCrimeSource) -> None:
    """A station that cannot be read would be nobody's nearest one, so it is not passed over."""
    (folder / "stations.csv").write_text(STATIONS + "13,half a line\n")
    with pytest.raises(SourceError, match=r"stations\.csv: the line '13,half a line' has 2 fields where the header has 11"):
        source.read_stations()


@pytest.mark.parametrize(
    ("name", "month", "rows"),
    [
        ("crimes_2015-10.csv.gz", Month(2015, 10), 23_038),
        ("crimes_22col_2024_other_months.csv.gz", Month(2024, 2), 155),
        ("crimes_2008-06-01_to_07_blank_columns.csv.gz", Month(2008, 6), 9_125),
        ("daily", Month(2018, 3), None),
    ],
)
def test_recorded_files_are_read_whole(tmp_path: Path, name: str, month: Month, rows: int | None) -> None:
    """Every layout of the real portal is read, and no row is lost between file, crimes and rejects."""
    records = ExportCrimeSource(shared_data(f"crimes/{name}"), tmp_path).read_month(month)
    parsed = parse_crimes(records, month)
    expected = rows or sum(len(path.read_text().splitlines()) - 1 for path in shared_data("crimes/daily").iterdir())
    assert len(records.table) == len(parsed.crimes) + len(parsed.rejects) == expected
    assert records.damaged == ()


def test_recorded_year_is_split_into_its_eleven_months(tmp_path: Path) -> None:
    """The file of 2024 without May gives its months together exactly once."""
    source = ExportCrimeSource(shared_data("crimes/crimes_22col_2024_other_months.csv.gz"), tmp_path)
    counts = Counter({number: len(source.read_month(Month(2024, number)).table) for number in range(1, 13) if number != 5})
    assert counts.total() == 1_668
    with pytest.raises(NotEnoughDataError):
        source.read_month(Month(2024, 5))


def test_recorded_api_extract_lacks_columns(tmp_path: Path) -> None:
    """The 2012 extract of the API cannot be used as it is, and the error says why."""
    source = ExportCrimeSource(shared_data("crimes/crimes_api_fields_2012-02-01_to_14.csv.gz"), tmp_path)
    with pytest.raises(SourceError, match=r"columns missing: id, district, community_area, updated_on\. It has: date, block"):
        source.read_month(Month(2012, 2))


def test_recorded_stations_are_read(tmp_path: Path) -> None:
    """The real file gives 22 stations and Headquarters, line break in an address included."""
    stations = parse_stations(ExportCrimeSource(shared_data("police_stations"), tmp_path).read_stations())
    assert len(stations) == 23
    assert stations.set_index("station_code")["address"]["012"] == "1412 S Blue Island Ave"


def test_table_of_something_else_is_passed_over_and_named(folder: Path, source: ExportCrimeSource) -> None:
    """A list of codes beside the crimes does not get in the way, and nobody has to wonder whether it was read."""
    (folder / "crimes.csv").write_text(csv_text([on("01/01")]))
    (folder / "codes.csv").write_text("IUCR,PRIMARY DESCRIPTION\n110,HOMICIDE\n")
    assert len(source.read_month(JANUARY).table) == 1
    assert source.available_months() == [JANUARY]
    assert source.describe().endswith(", but not codes.csv")


def test_missing_column_fails_the_months_of_that_file_alone(folder: Path, source: ExportCrimeSource) -> None:
    """Whoever asks for its months learns what is missing; the months of other files can be read."""
    (folder / "january.csv").write_text(csv_text([on("01/01")]))
    (folder / "february.csv").write_text(csv_text([on("02/01")]).replace("IUCR", "Code"))
    assert len(source.read_month(JANUARY).table) == 1
    with pytest.raises(SourceError, match=r"february\.csv: columns missing: iucr"):
        source.read_month(JANUARY.plus(1))
