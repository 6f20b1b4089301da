"""What a disk refuses (it is full, read-only, forbidden), whichever library runs into it: one error, with what to do about it.

Every store on a disk of this machine does its work inside `disk_errors`. Python, SQLite, DuckDB and what is built on them say the
same in different ways, and libraries put errors of their own around it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_assets.errors import PlatformError, StoreAccessError

_MAKE_ROOM = "free space on the disk"
_LET_IN = "let this user read and write there"
_IN_THE_WAY = "move away the file or folder that is in its place"
_BY_NUMBER = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: "free space, or ask for a larger quota",
    errno.EFBIG: _MAKE_ROOM,
    errno.EACCES: _LET_IN,
    errno.EPERM: _LET_IN,
    errno.EROFS: "mount the disk for writing, or name a folder on another one",
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENAMETOOLONG: "name a folder with a shorter path",
    errno.EIO: "the disk does not work; look into the system's log",
    errno.ENXIO: "the disk is gone; mount it again",
    errno.ENODEV: "the disk is gone; mount it again",
    errno.ESTALE: "the disk is gone; mount it again",
    errno.EMFILE: "raise the number of files that a process may open (ulimit -n)",
    errno.ENFILE: "raise the number of files that the system may open",
}
_LOOK = "look at its folder, its permissions and the space left"
_BY_WORDS_OF_SQLITE = {
    "database or disk is full": _MAKE_ROOM,
    "attempt to write a readonly database": _LET_IN,
    "access permission denied": _LET_IN,
    # SQLite does not say which of them.
    "unable to open database file": _LOOK,
    "disk I/O error": _LOOK,
}


@contextmanager
def disk_errors(place: object) -> Iterator[None]:
    """Turn what the disk refuses inside the block into the error of a store; a file that is not there stays as it is.

    Args:
        place: the file or folder, or the store that is in it; it begins the sentence.

    Raises:
        StoreAccessError: a person must act.
    """
    try:
        yield
    except PlatformError:
        raise
    except Exception as error:
        refusal = refusal_behind(error)
        if refusal is None:
            raise
        raise StoreAccessError(f"{place}: {refusal}") from error


def refusal_behind(error: BaseException | None) -> str | None:
    """Return what a disk refuses and what to do, if an error, or one that led to it, says so; else None."""
    seen: set[int] = set()
    # A chain of causes may lead back to itself.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if (refusal := _refusal(error)) is not None:
            return refusal
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def _refusal(error: BaseException) -> str | None:
    if isinstance(error, OSError):
        advice = _BY_NUMBER.get(error.errno or 0)
        return f"{error.strerror}; {advice}" if advice else None
    if isinstance(error, sqlite3.Error):
        return next((f"{words}; {advice}" for words, advice in _BY_WORDS_OF_SQLITE.items() if words in str(error)), None)
    if type(error).__module__.removeprefix("_") == "duckdb":
        # It quotes the system.
        said = ((os.strerror(number), advice) for number, advice in _BY_NUMBER.items())
        return next((f"{words}; {advice}" for words, advice in said if words in str(error)), None)
    return None
