"""Objects as files: the contract of object storages, and what a killed writer leaves behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets.stores.objects.files import FileStorage
from mlops_assets_tests.processes import let_continue, python_process, wait_for_line
from mlops_assets_tests.stores.disk_contract import DiskContract
from mlops_assets_tests.stores.object_storage_contract import ObjectStorageContract

PUT_SLOWLY = """
import os, sys
from pathlib import Path
from mlops_assets.stores.objects.files import FileStorage

flush = os.fsync

def wait_then_flush(descriptor):
    print("written", flush=True)
    sys.stdin.readline()
    flush(descriptor)

os.fsync = wait_then_flush
FileStorage(Path(sys.argv[1])).put("month=2024-01/data", b"new" * 1_000_000)
"""
PUT_IN_VAIN = """
import os, resource, sys
from pathlib import Path
from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.objects.files import FileStorage

if sys.argv[2] == "little room":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
elif os.getuid() == 0:
    os.setuid(65534)
try:
    FileStorage(Path(sys.argv[1])).put("month=2024-01/data", b"new" * 1_000_000)
except StoreAccessError as error:
    print(error, flush=True)
"""
LIST_AS_SOMEBODY = """
import os, sys
from pathlib import Path
from mlops_assets.errors import StoreAccessError
from mlops_assets.stores.objects.files import FileStorage

if os.getuid() == 0:
    Path(sys.argv[1]).parent.chmod(0o755)
    os.setuid(65534)
try:
    list(FileStorage(Path(sys.argv[1])).names(""))
except StoreAccessError as error:
    print(error, flush=True)
"""
NAME = "month=2024-01/data"


class TestFileStorage(ObjectStorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> ObjectStorage:
        return open_object_storage(f"file:{tmp_path}/objects")


@pytest.fixture
def files(tmp_path: Path) -> FileStorage:
    """Give a storage that holds one object."""
    storage = FileStorage(tmp_path)
    storage.put(NAME, b"old")
    return storage


def content(files: FileStorage) -> bytes:
    with files.open(NAME) as file:
        data: bytes = file.read()
    return data


def temporary_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.writing"))


def test_nothing_is_made_before_the_first_put(tmp_path: Path) -> None:
    """Asking an empty storage for anything does not even make its folder."""
    storage = FileStorage(tmp_path / "objects")
    assert not storage.exists("object")
    assert list(storage.names("")) == []
    assert list(tmp_path.iterdir()) == []


def test_killed_writer_leaves_the_old_object(files: FileStorage, tmp_path: Path) -> None:
    """SIGKILL in the middle of a put: the old object is whole, the torso is no object, and the next put sweeps it away."""
    with python_process(PUT_SLOWLY, tmp_path) as writer:
        wait_for_line(writer, "written")
        writer.kill()
        writer.wait()
    assert len(temporary_files(tmp_path)) == 1
    assert content(files) == b"old"
    assert list(files.names("")) == [NAME]
    files.put(NAME, b"newer")
    assert content(files) == b"newer"
    assert temporary_files(tmp_path) == []


def test_live_writer_is_left_in_peace(files: FileStorage, tmp_path: Path) -> None:
    """Two writers of one object: the quick one does not sweep the slow one's file, and the last to finish wins."""
    with python_process(PUT_SLOWLY, tmp_path) as writer:
        wait_for_line(writer, "written")
        files.put(NAME, b"quick")
        assert content(files) == b"quick"
        assert len(temporary_files(tmp_path)) == 1
        let_continue(writer)
    assert content(files) == b"new" * 1_000_000
    assert temporary_files(tmp_path) == []


@pytest.mark.parametrize("machine", ["another-machine", f"{socket.gethostname()}-2", f"{socket.gethostname()}-x-1"])
def test_writers_on_other_machines_are_left_in_peace(files: FileStorage, tmp_path: Path, machine: str) -> None:
    """Whether a process of another machine still runs cannot be seen from here, however alike the names of the machines are."""
    foreign = tmp_path / f"month=2024-01/.data.{machine}-999999999-0123abcd.writing"
    foreign.touch()
    files.put(NAME, b"newer")
    assert foreign.exists()


def test_abandoned_files_of_other_objects_are_swept_too(files: FileStorage, tmp_path: Path) -> None:
    """What a killed writer left of an object that nobody writes again, such as a snapshot, goes with the next one beside it."""
    other = tmp_path / f"month=2024-01/.data.old.{socket.gethostname()}-999999999-0123abcd.writing"
    own = tmp_path / f"month=2024-01/.data.{socket.gethostname()}-999999999-0123abcd.writing"
    other.touch()
    own.touch()
    files.put(NAME, b"newer")
    assert temporary_files(tmp_path) == []


@pytest.mark.parametrize(
    ("hindrance", "complaint"),
    [
        ("little room", "File too large; free space on the disk"),
        ("no permission", "Permission denied; let this user read and write there"),
    ],
)
def test_write_that_is_refused(files: FileStorage, tmp_path: Path, hindrance: str, complaint: str) -> None:
    """A write for which there is no room or no permission names the file and what to do, and leaves the old object alone."""
    if hindrance == "no permission":
        (tmp_path / "month=2024-01").chmod(0o500)
    with python_process(PUT_IN_VAIN, tmp_path, hindrance) as writer:
        wait_for_line(writer, f"{tmp_path / NAME}: {complaint}")
    assert content(files) == b"old"
    assert temporary_files(tmp_path) == []


class TestFileStorageOnDisks(DiskContract):
    def write(self, folder: Path, number: int) -> None:
        open_object_storage(f"file:{folder}/objects").put(NAME, bytes([number]) * 1_000_000)
        assert temporary_files(folder) == []

    def read(self, folder: Path) -> bytes:
        return content(FileStorage(folder / "objects"))


def test_folder_that_may_not_be_read_is_not_empty(files: FileStorage, tmp_path: Path) -> None:
    """A listing is whole, or an error that names the folder; partitions never disappear without a word."""
    (tmp_path / "month=2024-01").chmod(0o000)
    with python_process(LIST_AS_SOMEBODY, tmp_path) as lister:
        wait_for_line(lister, f"{tmp_path}: Permission denied; let this user read and write there")
    (tmp_path / "month=2024-01").chmod(0o755)
    assert list(files.names("")) == [NAME]
