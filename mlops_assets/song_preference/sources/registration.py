"""Which dropped files are new and complete. No Dagster here: what is remembered between two looks is text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_assets.errors import SourceError
from mlops_assets.song_preference.sources.base import FoundFile, content_digest, digest_of, playlist_key

if TYPE_CHECKING:
    from mlops_assets.song_preference.sources.base import PlaylistSource
    from mlops_assets.stores.landing import Landing


@dataclass(frozen=True)
class SeenFiles:
    """What a sensor remembers of its looks at a folder.

    Attributes:
        seen: versions of the files at the last look, by name.
        landed: versions that have landed, by name.
    """

    seen: Mapping[str, str] = field(default_factory=dict)
    landed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, cursor: str | None) -> SeenFiles:
        """Return what a cursor holds; nothing was seen without one."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def dump(self) -> str:
        """Return the cursor."""
        return json.dumps({"seen": dict(self.seen), "landed": dict(self.landed)})

    def complete_files(self, found: Iterable[FoundFile]) -> list[FoundFile]:
        """Return the files that have not landed and are as they were at the last look: nobody is still writing them."""
        return [file for file in found if self.seen.get(file.name) == file.version and self.landed.get(file.name) != file.version]

    def after(self, found: Iterable[FoundFile], landed: Iterable[FoundFile]) -> SeenFiles:
        """Return what is remembered after a look; files that are gone are forgotten."""
        seen = {file.name: file.version for file in found}
        known = {**self.landed, **{file.name: file.version for file in landed}}
        return SeenFiles(seen, {name: version for name, version in known.items() if name in seen})


@dataclass(frozen=True)
class LandedFile:
    """What became of a file.

    Attributes:
        file: which one.
        key: of its playlist; None if the same content is a playlist already, or if it could not be read.
        problem: why it could not be read.
    """

    file: FoundFile
    key: str | None = None
    problem: str | None = None

    def __str__(self) -> str:
        return self.problem or f"{self.file.name}: {f'playlist {self.key}' if self.key else 'has been dropped before'}"


def land_files(
    source: PlaylistSource, files: Iterable[FoundFile], landing: Landing, known_keys: Collection[str]
) -> Iterator[LandedFile]:
    """Land files whole, and yield what became of each; one that cannot be read stops no other.

    Args:
        source: of the files.
        files: to land.
        landing: keeps them; a killed landing is repeated and changes nothing.
        known_keys: of the playlists that are registered.
    """
    digests = {digest_of(key) for key in known_keys}
    for file in files:
        try:
            body = source.read(file.name)
        except SourceError as error:
            yield LandedFile(file, problem=str(error))
            continue
        digest = content_digest(body)
        if digest in digests:
            yield LandedFile(file)
            continue
        key = playlist_key(file.name, body)
        landing.land([(f"{key}/{file.name}", body)])
        digests.add(digest)
        yield LandedFile(file, key)
