"""Where playlists come from: the protocol that all sources share. Plain data, cheap to import."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = "somebody"
"""The listener of a file that lies in no folder."""

_DIGEST_DIGITS = 12
_LONGEST_STEM = 40


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as it is now.

    Attributes:
        name: its path below the folder of the source.
        version: differs from one content to the next; while it changes, the file is still being written.
    """

    name: str
    version: str


class PlaylistSource(Protocol):
    """A folder into which people drop playlists, or something like it."""

    def describe(self) -> str:
        """Say in a few words which source this is, for people; no secrets."""
        ...

    def files(self) -> Iterator[FoundFile]:
        """Yield the files that are there, by name."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            SourceError: there is no such file, or it cannot be read.
        """
        ...


def playlist_key(name: str, body: bytes) -> str:
    """Return the key of a playlist: its file's name, made simple, and the beginning of the SHA-256 of its content."""
    stem = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(name).name.partition(".")[0].lower()).strip("-")[:_LONGEST_STEM]
    return f"{stem or 'playlist'}-{content_digest(body)}"


def content_digest(body: bytes) -> str:
    """Return the part of a key that says what is in the file: the same for the same bytes under any name."""
    return hashlib.sha256(body).hexdigest()[:_DIGEST_DIGITS]


def digest_of(key: str) -> str:
    """Return the digest in a key."""
    return key[-_DIGEST_DIGITS:]


def listener_of(name: str) -> str:
    """Return whose playlist a file is: the first folder of its path."""
    folders = PurePosixPath(name).parts[:-1]
    return folders[0] if folders else NOBODY
