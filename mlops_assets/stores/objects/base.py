"""What every object storage does, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from mlops_assets.stores.health import HealthCheck


@dataclass(frozen=True, slots=True)
class ObjectState:
    """An object as it is now; one that was replaced since has another state.

    Attributes:
        name: of the object.
        size: in bytes.
        version: differs from one content to the next: a time of writing, an ETag, a generation.
    """

    name: str
    size: int
    version: str


class ObjectStorage(Protocol):
    """Blobs under `/`-separated names. A reader sees a whole object, the old or the new one, never a part."""

    def put(self, name: str, data: pa.Buffer | bytes) -> None:
        """Store an object, replacing one of the same name in a single step."""

    def open(self, name: str) -> pa.NativeFile:
        """Open an object for reading at any position.

        Raises:
            FileNotFoundError: there is no such object.
        """

    def exists(self, name: str) -> bool:
        """Tell whether there is an object of this name."""

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all objects that begin with `prefix`, in order.

        What file managers, editors and consoles leave behind is passed over; see `foreign_files`.
        """

    def states(self, prefix: str) -> Iterator[ObjectState]:
        """Yield the states of the objects that `names` yields, in the same order, without opening one."""

    def delete(self, name: str) -> None:
        """Remove an object; a name that does not exist is no error."""

    def uri(self, name: str) -> str:
        """Return where an object is, as people and other tools write it."""

    def prepare(self, expiring_prefixes: Sequence[str] = (), days: int = 60) -> None:
        """Make the bucket or folder if it does not exist, and let objects below some folders, only those, expire after some days.

        Doing it again changes nothing, and rules that other people gave the bucket stay. A storage that cannot expire objects by
        itself (a local folder) keeps them.
        """

    def check_health(self) -> HealthCheck:
        """Write something small, read it back and remove it; raise what a user of the store would meet."""
