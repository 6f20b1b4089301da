"""What files hold whose names do not say it."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from mlops_assets.errors import SourceError
from mlops_assets.tabular.files import SourceFile
from mlops_assets.tabular.identification import Unrecognized, identify, lacks_header
from mlops_assets.tabular.kinds import OtherTable, Table, TableKind

WHOLE = "name,people,rain\nVitoria,71,9\nIrun,19,8\n"
CITIES = TableKind("cities", ("name", "people", "rain"), frozenset({"name", "people"}), lambda row: row["people"].isdigit())


def a_file(folder: Path, name: str, content: bytes | str) -> SourceFile:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return SourceFile.at(folder / name, name)


def siblings(folder: Path) -> list[tuple[str, Table]]:
    found = identify(a_file(folder, "cities.csv", WHOLE), [CITIES], [])
    assert isinstance(found, Table)
    return [("cities.csv", found)]


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("cities.csv", WHOLE)
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("cities.csv")
        entry.size = len(WHOLE)
        archive.addfile(entry, io.BytesIO(WHOLE.encode()))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "text", "continues"),
    [
        ("xaa", WHOLE, None),
        ("cities.txt", WHOLE.replace(",", "\t"), None),
        ("xab", "Bilbao,345,12\nLeioa,32,11\n", "cities.csv"),
        ("xac.gz", gzip.compress(b"Bilbao,345,12\n"), "cities.csv"),
        ("xad", "ao,west\nLeioa,32,11\nGetxo,77,10\n", "cities.csv"),
    ],
    ids=["header", "tabs", "part", "packed part", "first row cut through"],
)
def test_records_are_told_by_their_content(tmp_path: Path, name: str, text: str, continues: str | None) -> None:
    """A header or a sibling's columns say more than a name."""
    found = identify(a_file(tmp_path, name, text), [CITIES], siblings(tmp_path))
    assert isinstance(found, Table)
    assert (found.kind, found.continues) == (CITIES, continues)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv.zip", zipped()),
        ("x", zipped()),
        ("x.tar", tarred()),
        ("x.tgz", gzip.compress(tarred())),
        ("x.7z", b"7z\xbc\xaf\x27\x1c\0"),
        ("x.rar", b"Rar!\x1a\x07\0"),
        ("x.xz", b"\xfd7zXZ\0\0"),
        ("x.bz2", b"BZh91AY&SY"),
        ("x.lzma", b"\x5d\0\0\x80"),
    ],
)
def test_packed_archive_is_an_error(tmp_path: Path, name: str, content: bytes) -> None:
    """Records may be in it, whatever it is called; gzip alone is unpacked as it is read."""
    with pytest.raises(SourceError, match="is a packed archive; unpack it there, and move the archive out"):
        identify(a_file(tmp_path, name, content), [CITIES], siblings(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("map.png", b"\x89PNG\r\n", "a picture or document"),
        ("map", b"%PDF-1.7", "a picture or document"),
        ("terms.docx", zipped(), "a picture or document"),
        ("page.html", "<html>", "a picture or document"),
        ("README", "Cities of the north,\nand their people, counted\n\nby hand.\n", "text without columns"),
        ("empty", "", "empty"),
    ],
)
def test_what_plainly_is_something_else_is_set_aside(tmp_path: Path, name: str, content: bytes | str, reason: str) -> None:
    """Nobody needs to look at it."""
    found = identify(a_file(tmp_path, name, content), [CITIES], siblings(tmp_path))
    assert found == OtherTable(f"its name does not end in .csv or .csv.gz, and it is {reason}")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("xab", "1,2,3,4\n5,6,7,8\n", "has columns, but those of no other file"),
        ("cities.json", "[{}]", "looks like JSON"),
        ("cities.xlsx", zipped(), "looks like an Excel workbook"),
        ("cities.bin", b"a\n\0\xff\n", "is binary data"),
        ("cities.csv.bak", WHOLE, "is named like a backup"),
        ("cities.csv.crdownload", WHOLE, "is named like a backup or an unfinished download"),
    ],
)
def test_what_may_hold_records_is_doubtful(tmp_path: Path, name: str, content: bytes | str, reason: str) -> None:
    """A person should look at it: it is neither read nor passed over in silence."""
    found = identify(a_file(tmp_path, name, content), [CITIES], siblings(tmp_path))
    assert isinstance(found, Unrecognized)
    assert f"and it {reason}" in found.reason


def test_files_with_a_header_depend_on_no_sibling(tmp_path: Path) -> None:
    """They are looked at first, whatever they are called."""
    files = [a_file(tmp_path, "a", "Bilbao,345,12\n"), a_file(tmp_path, "b", WHOLE), a_file(tmp_path, "c.png", b"\x89PNG\n\0")]
    assert [lacks_header(file, (CITIES,)) for file in files] == [True, False, True]
