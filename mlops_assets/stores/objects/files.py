"""Objects as files below a folder: written beside their place under a hidden name, flushed, then renamed."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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

        return pa.memory_map(str(self._folder / name))

    def exists(self, name: str) -> bool:
        """Tell whether there is an object of this name."""
        return (self._folder / name).is_file()

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all objects below the folder that `prefix` names; temporary files are no objects."""
        folder = self._folder / prefix
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.endswith(_TEMPORARY_SUFFIX):
                yield path.relative_to(self._folder).as_posix()

    def delete(self, name: str) -> None:
        """Remove an object."""
        (self._folder / name).unlink(missing_ok=True)

    def uri(self, name: str) -> str:
        """Return the absolute path of an object."""
        return str(self._folder / name)


def _writer_mark() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _sweep_abandoned(target: Path) -> None:
    """Remove temporary files of `target` whose writer, a process of this machine, no longer runs."""
    own_machine = f".{target.name}.{socket.gethostname()}-"
    for path in target.parent.glob(f".{target.name}.*{_TEMPORARY_SUFFIX}"):
        if path.name.startswith(own_machine):
            process_id = int(path.name.removeprefix(own_machine).split("-")[0])
            if not _is_running(process_id):
                path.unlink(missing_ok=True)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
