"""Objects as files below a folder: written beside their place under a hidden name, flushed, then renamed."""

from __future__ import annotations

import os
import re
import socket
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.foreign_files import is_foreign
from mlops_assets.stores.disk import disk_errors
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.objects.base import ObjectState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

_TEMPORARY_SUFFIX = ".writing"


class FileStorage:
    """Object storage in a local folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made at the first write."""
        self._folder = folder

    def put(self, name: str, data: pa.Buffer | bytes) -> None:
        """Store an object: temporary file, flush to disk, rename. What a killed writer left beside it is swept first."""
        target = self._folder / name
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _sweep_abandoned(target)
            temporary = target.with_name(f".{target.name}.{_writer_mark()}{_TEMPORARY_SUFFIX}")
            try:
                with temporary.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def open(self, name: str) -> pa.NativeFile:
        """Open an object as a memory map."""
        import pyarrow as pa

        path = self._folder / name
        with disk_errors(path):
            return pa.memory_map(str(path))

    def exists(self, name: str) -> bool:
        """Tell whether there is an object of this name."""
        path = self._folder / name
        with disk_errors(path):
            return path.is_file()

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all objects that begin with `prefix`, in order; foreign and temporary files are passed over."""
        folder = self._folder / prefix.rpartition("/")[0]
        with disk_errors(folder):
            names = (path.relative_to(self._folder).as_posix() for path in _files_below(folder))
            # A temporary file is hidden, and so counts as foreign.
            found = sorted(name for name in names if name.startswith(prefix) and not is_foreign(name))
        yield from found

    def states(self, prefix: str) -> Iterator[ObjectState]:
        """Yield size and time of writing of the files that `names` yields; one that is removed meanwhile is left out."""
        for name in self.names(prefix):
            path = self._folder / name
            with disk_errors(path), suppress(FileNotFoundError):
                found = path.stat()
                yield ObjectState(name, found.st_size, str(found.st_mtime_ns))

    def delete(self, name: str) -> None:
        """Remove an object."""
        path = self._folder / name
        with disk_errors(path):
            path.unlink(missing_ok=True)

    def uri(self, name: str) -> str:
        """Return the absolute path of an object."""
        return str(self._folder / name)

    def prepare(self, expiring_prefixes: Sequence[str] = (), days: int = 60) -> None:
        """Make the folder. A folder cannot let files expire by itself, so everything in it stays."""
        with disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)

    def check_health(self) -> HealthCheck:
        """Write a file, read it back and remove it."""
        name = f"mlops_assets_doctor/{uuid.uuid4().hex}"
        try:
            self.put(name, b"well")
            with self.open(name) as file:
                file.read()
        finally:
            self.delete(name)
            # Somebody else may be asking, too.
            with suppress(OSError):
                (self._folder / name).parent.rmdir()
        return HealthCheck("folder of this machine")


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder; `Path.rglob` would pass over folders that may not be read."""

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    for parent, _, names in os.walk(folder, onerror=fail):
        yield from (Path(parent, name) for name in names)


def _writer_mark() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _sweep_abandoned(target: Path) -> None:
    """Remove temporary files beside `target`, of whatever object, whose writer, a process of this machine, no longer runs."""
    import psutil

    own_machine = re.escape(f".{socket.gethostname()}-")
    temporary = re.compile(rf"\..+{own_machine}(\d+)-[0-9a-f]+{re.escape(_TEMPORARY_SUFFIX)}")
    for path in target.parent.glob(f".*{_TEMPORARY_SUFFIX}"):
        writer = temporary.fullmatch(path.name)
        if writer and not psutil.pid_exists(int(writer[1])):
            path.unlink(missing_ok=True)
