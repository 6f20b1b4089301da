"""Containers: Parquet objects that hold landed objects of one folder unchanged, as rows of `name` and `content`.

`compacted/city=x/utc_date=2025-10-09/3f9c2b7a1d04e865.parquet` holds objects of the folder `city=x/utc_date=2025-10-09/`; its own
name is a digest of theirs. pandas and DuckDB (`SELECT name, decode(content) FROM 'compacted/**/*.parquet'`) read it as it is.
A container is put in one step and never changed or removed: objects that land later in its folder go into one more. So a reader
needs no lock, and two compactions at the same time lose nothing; an object that both have moved is the same in both containers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.stores.objects import ObjectStorage

_TREE = "compacted/"
_CONTAINER_BYTES = 256 << 20
"""Of content; a folder that holds more gets several containers, so that one fits into memory."""
_ROWS_PER_GROUP = 256
"""A reader of a few objects reads the groups that they are in; names are in order."""


class Containers:
    """The containers of one landing."""

    def __init__(self, storage: ObjectStorage, root: str) -> None:
        """Keep containers in `storage`, in a tree of their own below `root`, which ends with `/`."""
        self._storage = storage
        self._tree = root + _TREE

    def is_inside(self, name: str) -> bool:
        """Tell whether a name of the landing is one in the tree of the containers."""
        return name.startswith(_TREE)

    def find(self, prefix: str) -> list[str]:
        """Return the paths of the containers that may hold objects whose names begin with `prefix`."""
        folder = prefix[: prefix.rfind("/") + 1]
        paths = self._storage.names(self._tree + folder)
        return [path for path in paths if (of := self._folder_of(path)) == folder or of.startswith(prefix)]

    def of_folder(self, folder: str) -> list[str]:
        """Return the paths of the containers of one folder, without those of the folders below it."""
        return [path for path in self._storage.names(self._tree + folder) if self._folder_of(path) == folder]

    def names(self, path: str) -> list[str]:
        """Return the names of the objects in a container, in order."""
        import pyarrow.parquet as pq

        with self._storage.open(path) as file:
            names: list[str] = pq.read_table(file, columns=["name"])["name"].to_pylist()
        return names

    def read_all(self, paths: Iterable[str], names: Collection[str]) -> dict[str, bytes]:
        """Return those of some named objects that are in some containers."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        found: dict[str, bytes] = {}
        name = pc.field("name")
        for path in paths:
            with self._storage.open(path) as file:
                # By the limits alone, groups of rows are passed over without being read.
                rows = pq.read_table(file, filters=(name >= min(names)) & (name <= max(names)) & name.isin(list(names)))
            found |= zip(rows["name"].to_pylist(), rows["content"].to_pylist(), strict=True)
        return found

    def add(self, folder: str, objects: Iterable[tuple[str, bytes]]) -> None:
        """Put objects of a folder, in the order of their names, into as few containers as their size allows."""
        for members in _by_size(objects):
            digest = hashlib.sha256("\n".join(name for name, _ in members).encode()).hexdigest()[:16]
            self._storage.put(f"{self._tree}{folder}{digest}.parquet", _as_parquet(members))

    def _folder_of(self, path: str) -> str:
        return path[len(self._tree) : path.rfind("/") + 1]


def _by_size(objects: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    members: list[tuple[str, bytes]] = []
    size = 0
    for name, content in objects:
        if members and size + len(content) > _CONTAINER_BYTES:
            yield members
            members, size = [], 0
        members.append((name, content))
        size += len(content)
    if members:
        yield members


def _as_parquet(members: list[tuple[str, bytes]]) -> pa.Buffer:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, contents = zip(*members, strict=True)
    table = pa.table({"name": pa.array(names, pa.string()), "content": pa.array(contents, pa.binary())})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, row_group_size=_ROWS_PER_GROUP, write_statistics=["name"])
    return sink.getvalue()
