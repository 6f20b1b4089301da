"""Disks that refuse: small ones to be filled, and folders that can only be read. They need a user who may mount disks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_NOBODY = 65534


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Make an empty folder a disk of its own as long as the block lasts, or skip the test."""
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill a disk to the last byte as long as the block lasts."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write below a folder as long as the block lasts, not even root; or skip the test."""
    _mount("--bind", folder, folder)
    try:
        _mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def forbidden(folder: Path) -> Iterator[None]:
    """Be somebody who may read a folder and nothing else, as long as the block lasts."""
    modes = {path: path.stat().st_mode for path in [folder, *folder.rglob("*")]}
    user = os.geteuid()
    try:
        for path, mode in modes.items():
            path.chmod(mode & 0o555 | 0o444)
        if user == 0:
            os.seteuid(_NOBODY)
        yield
    finally:
        os.seteuid(user)
        for path, mode in modes.items():
            path.chmod(mode)


def _mount(*arguments: str | Path) -> None:
    try:
        mounting = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("this system has no `mount`")
    if mounting.returncode:
        pytest.skip(f"this user may not mount disks: {mounting.stderr.strip()}")
