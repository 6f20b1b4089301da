"""What a partition is to every store, whatever it is made of: a dimension, a key and, where it is a time, a window."""

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, unquote


@dataclass(frozen=True)
class Partition:
    """One partition of an asset; an asset without partitions has `None` in its place.

    Two are the same if dimension and key are.

    Attributes:
        dimension: what the asset is partitioned by: `month`, `week`, `day`, `hour`, `minute`, or the name of dynamic partitions.
        key: which one, as Dagster writes it: `2024-01`, `2024-10-27-02:00+0100`, the name of a dropped file.
        window: the half-open time `[start, end)` of the partition, in the time zone whose calendar it follows; None if it is no
            time, or if nobody needs to know more than the key.
    """

    dimension: str
    key: str
    window: tuple[datetime, datetime] | None = field(default=None, compare=False)

    @property
    def path_level(self) -> str:
        """The partition as a level of a Hive-readable path; whatever means something in a path is percent-encoded."""
        # A tilde at the end marks the backup copies of editors.
        return f"{self.dimension}={quote(self.key, safe='').replace('~', '%7E')}"

    def __str__(self) -> str:
        return f"{self.dimension} {self.key}"


def key_of_path_level(level: str) -> str:
    """Return the key that a level of a path such as `month=2024-01` names."""
    return unquote(level.partition("=")[2])
