"""Landing: what a source said, kept as it came. Raw objects below the folder of an asset, written once and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from mlops_assets.stores.objects import open_object_storage

if TYPE_CHECKING:
    from mlops_assets.stores.objects import ObjectStorage

_AT_ONCE = 16
"""Requests to a bucket that wait for each other's answers would take minutes for a day of small objects."""
_AHEAD = 256
"""How many objects are read before the first of them is looked at; a bound on memory."""


class Landing:
    """The raw objects of one asset, by names that the source's own facts determine, so that landing twice is landing once."""

    def __init__(self, storage: ObjectStorage, asset: tuple[str, ...]) -> None:
        """Keep objects in `storage`, below the folder of `asset`."""
        self._storage = storage
        self._folder = "/".join(asset) + "/"

    @property
    def uri(self) -> str:
        """Where the objects are, as people and other tools write it."""
        return self._storage.uri(self._folder.rstrip("/"))

    def land(self, objects: Iterable[tuple[str, bytes]]) -> tuple[int, int]:
        """Store objects by name; one whose name is there already is left as it is.

        Returns:
            How many were new, and how many were there already.
        """
        remaining, new, known = iter(objects), 0, 0
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while batch := list(islice(remaining, _AHEAD)):
                are_new = list(pool.map(self._land, batch))
                new, known = new + sum(are_new), known + len(are_new) - sum(are_new)
        return new, known

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names of all objects that begin with `prefix`, in order."""
        for name in self._storage.names(self._folder + prefix):
            yield name.removeprefix(self._folder)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the objects of some names, in the order of the names, reading several at once.

        Raises:
            FileNotFoundError: there is no object of a name.
        """
        remaining = iter(names)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while batch := list(islice(remaining, _AHEAD)):
                yield from zip(batch, pool.map(self._read, batch), strict=True)

    def _land(self, item: tuple[str, bytes]) -> bool:
        name, data = item
        is_new = not self._storage.exists(self._folder + name)
        if is_new:
            self._storage.put(self._folder + name, data)
        return is_new

    def _read(self, name: str) -> bytes:
        with self._storage.open(self._folder + name) as file:
            data: bytes = file.read()
        return data


def open_landing(lake_url: str, asset: tuple[str, ...]) -> Landing:
    """Return the raw objects of an asset in the lake that a URL such as `s3://bucket` names."""
    return Landing(open_object_storage(lake_url), asset)
