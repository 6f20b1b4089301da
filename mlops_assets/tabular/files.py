"""The files of an export: which of them count, in which state they are, and their bytes, packed or not."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from mlops_assets.contracts.text import writable_text
from mlops_assets.errors import SourceError, TransientError
from mlops_assets.foreign_files import is_foreign

HEAD_BYTES = 64 << 10
"""How much of a file is looked at to see what it is."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class SourceFile:
    """A file in a certain state: a file that was changed since is another one.

    Attributes:
        path: where it is.
        name: how messages and rows call it: its path below the folder of the export.
        size: its bytes.
        mtime_ns: when it was last written, in nanoseconds since 1970.
    """

    path: Path
    name: str
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path, name: str) -> SourceFile:
        """Return the file at `path` as it is now."""
        try:
            state = path.stat()
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
        return cls(path, name, state.st_size, state.st_mtime_ns)

    def require_unchanged(self) -> None:
        """Raise a `TransientError` if somebody has written to the file since."""
        if not self.path.exists() or SourceFile.at(self.path, self.name) != self:
            raise TransientError(f"{self.path}: was changed while it was being read; try again when it is complete")

    def head(self) -> bytes:
        """Return the first bytes of the content; what is inside decides whether it is gzip, not the name.

        Raises:
            SourceError: the file cannot be read, or is damaged gzip.
        """
        try:
            with self.path.open("rb") as stream:
                head = stream.read(HEAD_BYTES)
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read: {error.strerror}") from error
        return _unpacked_head(self.path, head) if head.startswith(_GZIP_MAGIC) else head

    def content(self) -> bytes:
        """Return the whole content, unpacked.

        Raises:
            SourceError: the file cannot be read, or is damaged or truncated gzip.
        """
        try:
            data = self.path.read_bytes()
            return gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.path}: cannot be read: {error}; is it complete?") from error

    def is_packed(self) -> bool:
        """Tell whether the content is gzip."""
        with self.path.open("rb") as stream:
            return stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC

    def open(self) -> BinaryIO:
        """Open the content for reading from the beginning, unpacked as it is read."""
        return cast(BinaryIO, gzip.open(self.path)) if self.is_packed() else self.path.open("rb")


def list_files(path: Path, subject: str) -> list[SourceFile]:
    """Return the files of a folder and its subfolders by name, or the one file that `path` is.

    What file managers, editors and spreadsheets leave behind is passed over; see `foreign_files`.

    Args:
        path: a folder or a file.
        subject: whose files they are, for messages.

    Raises:
        SourceError: there is nothing at `path`.
    """
    if path.is_file():
        return [SourceFile.at(path, writable_text(path.name))]
    if not path.is_dir():
        raise SourceError(f"{subject}: there is no file or folder {path}; set the export path to where the files are")
    found = ((item, item.relative_to(path).as_posix()) for item in sorted(path.rglob("*")))
    return [SourceFile.at(item, writable_text(name)) for item, name in found if not is_foreign(name) and item.is_file()]


def _unpacked_head(path: Path, head: bytes) -> bytes:
    text = b""
    try:
        # A gzip file may consist of several members, one after the other.
        while head.startswith(_GZIP_MAGIC) and len(text) < HEAD_BYTES:
            member = zlib.decompressobj(wbits=31)
            text += member.decompress(head, HEAD_BYTES)
            head = member.unused_data
    except zlib.error as error:
        raise SourceError(f"{path}: looks like damaged gzip ({error}); download it again") from error
    return text
