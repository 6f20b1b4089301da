"""Reading large objects by ranges of bytes: the end comes with the request that opens them, the rest when it is asked for.

Parquet keeps its directory at the end, so that a reader who wants some columns fetches little else.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

TAIL_BYTES = 8 << 20
"""How much of an object is fetched to open it: the whole object in most cases, at the price of one request."""


def as_native_file(size: int, tail: bytes, fetch: Callable[[int, int], bytes]) -> pa.NativeFile:
    """Return an object as a file that Arrow reads at any position.

    Args:
        size: how many bytes the object has.
        tail: its last bytes, or all.
        fetch: returns the bytes from one position to before another, of the same version as `tail`.
    """
    import pyarrow as pa

    if len(tail) == size:
        return pa.BufferReader(tail)
    return pa.PythonFile(_RangedFile(size, tail, fetch), mode="r")


class _RangedFile(io.RawIOBase):
    """A file of which the end is at hand."""

    def __init__(self, size: int, tail: bytes, fetch: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._size, self._tail, self._fetch = size, tail, fetch
        self._tail_start = size - len(tail)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        start = min(self._position, self._size)
        end = self._size if size < 0 else min(start + size, self._size)
        self._position = end
        if start >= self._tail_start:
            return self._tail[start - self._tail_start : end - self._tail_start]
        fetched = self._fetch(start, min(end, self._tail_start))
        return fetched if end <= self._tail_start else fetched + self._tail[: end - self._tail_start]
