"""The files of an export."""

import gzip
import os
from pathlib import Path

import pytest

from mlops_assets.errors import SourceError, TransientError
from mlops_assets.tabular.files import SourceFile, list_files


def test_files_are_listed_by_name_without_foreign_ones(tmp_path: Path) -> None:
    """All files of a folder and its subfolders count, whatever their ending; what nobody put there does not."""
    for name in ("b.csv", "a/c.txt", ".DS_Store", "a/~$c.csv", ".hidden/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [file.name for file in list_files(tmp_path, "crimes")] == ["a/c.txt", "b.csv"]
    assert [file.name for file in list_files(tmp_path / "b.csv", "crimes")] == ["b.csv"]
    with pytest.raises(SourceError, match="crimes: there is no file or folder"):
        list_files(tmp_path / "nowhere", "crimes")


def test_name_of_any_bytes_can_be_written(tmp_path: Path) -> None:
    """A name that is no text has a mark in the place of what cannot be read; the file itself is found."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    with open(path, "wb") as stream:  # noqa: PTH123
        stream.write(b"x")
    (file,) = list_files(tmp_path, "crimes")
    assert (file.name, file.content()) == ("caf\ufffd.csv", b"x")


def test_content_is_unpacked_whatever_the_name(tmp_path: Path) -> None:
    """What is inside decides; several gzip members are one content."""
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"first ") + gzip.compress(b"second"))
    (tmp_path / "b.csv.gz").write_bytes(b"plain")
    packed, plain = list_files(tmp_path, "crimes")
    assert (packed.head(), packed.content(), packed.is_packed()) == (b"first second", b"first second", True)
    assert (plain.head(), plain.content(), plain.is_packed()) == (b"plain", b"plain", False)


def test_file_that_is_written_to_is_another(tmp_path: Path) -> None:
    """A reader that has begun before learns that what it has read is no whole."""
    (tmp_path / "a.csv").write_text("x")
    file = SourceFile.at(tmp_path / "a.csv", "a.csv")
    file.require_unchanged()
    (tmp_path / "a.csv").write_text("xy")
    with pytest.raises(TransientError, match=r"a\.csv: was changed while it was being read"):
        file.require_unchanged()
    (tmp_path / "a.csv").unlink()
    with pytest.raises(TransientError, match=r"a\.csv: was changed"):
        file.require_unchanged()
