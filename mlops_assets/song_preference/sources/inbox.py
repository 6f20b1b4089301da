"""Playlists that people drop into the lake: a folder `inbox` beside this domain's tables, on disk or in a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import SourceError
from mlops_assets.foreign_files import is_foreign
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.sources.base import FoundFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_assets.stores.objects import ObjectStorage

INBOX = f"{DOMAIN}/inbox/"


class InboxPlaylistSource:
    """The files of the inbox."""

    def __init__(self, storage: ObjectStorage) -> None:
        """Watch the inbox of `storage`."""
        self._storage = storage

    def describe(self) -> str:
        """Say where the inbox is."""
        return f"the inbox {self._storage.uri(INBOX.rstrip('/'))}"

    def files(self) -> Iterator[FoundFile]:
        """Yield the files with size and version, but for what file managers leave behind."""
        for state in self._storage.states(INBOX):
            name = state.name.removeprefix(INBOX)
            if not is_foreign(name):
                yield FoundFile(name, f"{state.size} {state.version}")

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        try:
            with self._storage.open(INBOX + name) as file:
                body: bytes = file.read()
        except FileNotFoundError as error:
            raise SourceError(f"{self._storage.uri(INBOX + name)}: there is no such file any more; drop it again") from error
        return body
