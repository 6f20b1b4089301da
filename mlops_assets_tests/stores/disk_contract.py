"""What every store on a disk must do when the disk refuses. To test another one, subclass and say how it writes and reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_assets.errors import StoreAccessError
from mlops_assets_tests.disks import filled, forbidden, read_only, small_disk


class DiskContract:
    MEGABYTES = 24
    """Room for the store and two writes."""

    def write(self, folder: Path, number: int) -> None:
        """Open the store in a folder and write something of a megabyte, another for each number."""
        raise NotImplementedError

    def read(self, folder: Path) -> Any:
        """Open the store in a folder and return all that it holds."""
        raise NotImplementedError

    def test_full_disk(self, tmp_path: Path) -> None:
        """The error says where and what to do, what was there stays, and with room again the same write succeeds."""
        with small_disk(tmp_path, self.MEGABYTES) as disk:
            self.write(disk, 1)
            before = self.read(disk)
            with filled(disk), pytest.raises(StoreAccessError, match=rf"{disk}.*; (free space|look at its folder)") as raised:
                self.write(disk, 2)
            assert len(str(raised.value)) < 400, "a sentence"
            assert self.read(disk) == before
            self.write(disk, 2)
            assert self.read(disk) != before

    def test_first_write_to_a_full_disk(self, tmp_path: Path) -> None:
        """Nothing is left that keeps the store from being made when there is room."""
        with small_disk(tmp_path, self.MEGABYTES) as disk:
            folder = disk / "new"
            folder.mkdir()
            with filled(disk), pytest.raises(StoreAccessError, match=rf"{folder}.*; (free space|look at its folder)"):
                self.write(folder, 1)
            self.write(folder, 1)
            assert self.read(folder)

    def test_read_only_disk(self, tmp_path: Path) -> None:
        """The error says where and what to do, and what was there stays."""
        self.write(tmp_path, 1)
        before = self.read(tmp_path)
        with read_only(tmp_path), pytest.raises(StoreAccessError, match=rf"{tmp_path}.*; (mount the disk|look at its folder)"):
            self.write(tmp_path, 2)
        assert self.read(tmp_path) == before

    def test_forbidden_folder(self, tmp_path: Path) -> None:
        """Whoever may only read learns where the permission to write is missing, and changes nothing."""
        self.write(tmp_path, 1)
        before = self.read(tmp_path)
        with forbidden(tmp_path), pytest.raises(StoreAccessError, match=rf"{tmp_path}.*; (let this user|look at its folder)"):
            self.write(tmp_path, 2)
        assert self.read(tmp_path) == before
