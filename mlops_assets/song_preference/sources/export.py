"""Playlists in a folder of this machine, or a single file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import SourceError
from mlops_assets.song_preference.sources.base import FoundFile
from mlops_assets.tabular.files import list_files

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExportPlaylistSource:
    """The files at a path."""

    def __init__(self, path: Path) -> None:
        """Read `path`, a file or a folder with its subfolders."""
        self._path = path

    def describe(self) -> str:
        """Say which folder it is."""
        return f"playlists at {self._path}"

    def files(self) -> Iterator[FoundFile]:
        """Yield the files with size and time of writing."""
        for file in list_files(self._path, "playlists"):
            yield FoundFile(file.name, f"{file.size} {file.mtime_ns}")

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        path = self._path if self._path.is_file() else self._path / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
