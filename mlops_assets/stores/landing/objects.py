"""The landed objects of one asset: land, list, read. Whether an object is compacted makes no difference to who uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from mlops_assets.errors import PermanentError
from mlops_assets.stores.landing.containers import Containers

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.stores.objects import ObjectStorage

T = TypeVar("T")

_AT_ONCE = 16
"""Requests to a bucket that wait for each other's answers would take minutes for a day of small objects."""
_AHEAD = 256
"""How many objects are read before the first of them is looked at; a bound on memory."""


class Landing:
    """The raw objects of one asset, by names that the source's own facts determine, so that landing twice is landing once.

    A name is a path with `/` between its parts. What the parts before the last one name is a folder: the unit of listing and of
    compaction.
    """

    def __init__(self, storage: ObjectStorage, asset: tuple[str, ...]) -> None:
        """Keep objects in `storage`, below the folder of `asset`."""
        self._storage = storage
        self._root = "/".join(asset) + "/"
        self._containers = Containers(storage, self._root)

    @property
    def uri(self) -> str:
        """Where the objects are, as people and other tools write it."""
        return self._storage.uri(self._root.rstrip("/"))

    def uri_of(self, name: str) -> str:
        """Return where one object landed; once it is compacted, a container holds it under its name."""
        return self._storage.uri(self._root + name)

    def land(self, objects: Iterable[tuple[str, bytes]]) -> tuple[int, int]:
        """Store objects by name; one whose name is there already, compacted or not, is left as it is.

        Returns:
            How many were new, and how many were there already.

        Raises:
            ValueError: a name begins like those of compacted objects.
        """
        remaining, new, known = iter(objects), 0, 0
        compacted: dict[str, set[str]] = {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while batch := list(islice(remaining, _AHEAD)):
                folders = {folder_of(name) for name, _ in batch} - compacted.keys()
                compacted |= zip(folders, pool.map(self._compacted_names, folders), strict=True)
                missing = [(name, content) for name, content in batch if name not in compacted[folder_of(name)]]
                are_new = list(pool.map(self._land, missing))
                new, known = new + sum(are_new), known + len(batch) - sum(are_new)
        return new, known

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names of all objects that begin with `prefix`, in order; only the folders that these can be in are listed."""
        names = set(self.single_names(prefix))
        # Listed afterwards, so that an object which compaction has removed in the meantime is found in its container.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for compacted in pool.map(self._containers.names, self._containers.find(prefix)):
                names.update(name for name in compacted if name.startswith(prefix))
        yield from sorted(names)

    def names_in(self, folders: Iterable[str]) -> list[str]:
        """Return the names of all objects in some folders, folder by folder."""
        return [name for folder in folders for name in self.names(folder)]

    def single_names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names, in order, of the objects that are still stored one by one, also if a container holds them already."""
        for name in self._storage.names(self._root + prefix):
            name = name.removeprefix(self._root)
            if not self._containers.is_inside(name):
                yield name

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the objects of some names, in the order of the names, reading several at once.

        Raises:
            FileNotFoundError: there is no object of a name.
        """
        remaining = iter(names)
        containers: dict[str, list[str]] = {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while batch := list(islice(remaining, _AHEAD)):
                folders = {folder_of(name) for name in batch}
                for folder in folders - containers.keys():
                    containers[folder] = self._containers.of_folder(folder)
                compacted = self._containers.read_all((path for folder in folders for path in containers[folder]), batch)
                single = [name for name in batch if name not in compacted]
                found = compacted | dict(zip(single, pool.map(self._read, single), strict=True))
                yield from ((name, found[name]) for name in batch)

    def look_into(self, names: Sequence[str], look: Callable[[pa.NativeFile], T]) -> Iterator[tuple[str, T]]:
        """Yield what `look` makes of the objects of some names, in the order of the names, looking into several at once.

        Of an object that is stored by itself only those parts are fetched that `look` reads.

        Raises:
            FileNotFoundError: there is no object of a name.
        """
        import pyarrow as pa

        def look_into_single(name: str) -> list[T]:
            try:
                with self._storage.open(self._root + name) as file:
                    return [look(file)]
            except FileNotFoundError:
                return []

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(zip(names, pool.map(look_into_single, names), strict=True))
        compacted = self.read(name for name in names if not found[name])
        found |= {name: [look(pa.BufferReader(content))] for name, content in compacted}
        yield from ((name, found[name][0]) for name in names)

    def compact(self, folder: str) -> int:
        """Move the objects that are stored one by one in a folder into a container, unchanged; see `compaction`.

        A reader finds every object at any time. Killed anywhere, doing it again finishes the work. One object alone stays.

        Args:
            folder: ends with `/`; objects of the folders below it stay.

        Returns:
            How many objects were moved.

        Raises:
            PermanentError: an object is not what its container holds under its name; both stay.
        """
        single = [name for name in self.single_names(folder) if folder_of(name) == folder]
        fresh = sorted(set(single) - self._compacted_names(folder))
        if len(fresh) > 1:
            self._containers.add(folder, self.read(fresh))
        compacted = self._compacted_names(folder)
        moved = [name for name in single if name in compacted]
        for start in range(0, len(moved), _AHEAD):
            self._remove_copies(folder, moved[start : start + _AHEAD])
        return len(moved)

    def _remove_copies(self, folder: str, names: Sequence[str]) -> None:
        """Remove objects that a container holds, too, after comparing every byte."""
        compacted = self._containers.read_all(self._containers.of_folder(folder), names)

        def remove(name: str) -> None:
            try:
                single = self._read_single(name)
            except FileNotFoundError:
                # Another compaction has removed it.
                return
            if single != compacted[name]:
                raise PermanentError(
                    f"{self.uri_of(name)} is not what its container holds under this name, and is kept; landed objects are never "
                    "changed: put back what had landed, or remove it"
                )
            self._storage.delete(self._root + name)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(remove, names))

    def _compacted_names(self, folder: str) -> set[str]:
        return {name for path in self._containers.of_folder(folder) for name in self._containers.names(path)}

    def _land(self, item: tuple[str, bytes]) -> bool:
        name, content = item
        if self._containers.is_inside(name):
            raise ValueError(f"{name!r} is not a name for a landed object; compacted ones are kept there")
        is_new = not self._storage.exists(self._root + name)
        if is_new:
            self._storage.put(self._root + name, content)
        return is_new

    def _read(self, name: str) -> bytes:
        try:
            return self._read_single(name)
        except FileNotFoundError:
            # Compacted since its folder was looked at.
            compacted = self._containers.read_all(self._containers.of_folder(folder_of(name)), [name])
            if name not in compacted:
                raise
            return compacted[name]

    def _read_single(self, name: str) -> bytes:
        with self._storage.open(self._root + name) as file:
            content: bytes = file.read()
        return content


def folder_of(name: str) -> str:
    """Return the folder of a name, with its `/`; empty for a name without one."""
    return name[: name.rfind("/") + 1]
