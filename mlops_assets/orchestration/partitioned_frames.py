"""Several partitions of a table, each loaded when it is looked at, so that a backfill of years needs the memory of a month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

_LOADED_AT_ONCE = 8
"""Loading waits for a storage, not for a processor: a window of twelve months comes in the time of two, and threads are few
enough to fit the clients' pools of connections."""


class PartitionedFrames:
    """A sequence of partitions of one table in partition order, lazily loaded or computed.

    An asset that may be backfilled in a single run takes and returns this type instead of a `DataFrame`; it then handles one
    partition or three hundred alike. The IO manager writes each frame before it asks for the next.
    """

    def __init__(self, keys: Sequence[str], load: Callable[[str], pd.DataFrame]) -> None:
        """Stand for the partitions `keys`; `load` returns the frame of one of them, and may be called by several threads."""
        self.keys = tuple(keys)
        self._load = load

    def __getitem__(self, key: str) -> pd.DataFrame:
        """Load one partition."""
        return self._load(key)

    def __len__(self) -> int:
        return len(self.keys)

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each partition's key and frame, loading one at a time."""
        for key in self.keys:
            yield key, self._load(key)

    def map(self, function: Callable[[pd.DataFrame], pd.DataFrame]) -> PartitionedFrames:
        """Return the partitions with `function` applied to each when it is asked for."""
        return PartitionedFrames(self.keys, lambda key: function(self._load(key)))

    def concatenated(self) -> pd.DataFrame:
        """Return the rows of all partitions, at least one, as one frame in partition order; several are loaded at once."""
        import pandas as pd

        with ThreadPoolExecutor(_LOADED_AT_ONCE, thread_name_prefix="partition") as threads:
            # The first error ends the loading: partitions that have not been begun are not loaded any more.
            return pd.concat(list(threads.map(self._load, self.keys)), ignore_index=True)


def require_all_partitions(context: dg.OutputContext, frames: PartitionedFrames) -> None:
    """Refuse frames of other partitions than the run is for: Dagster would record partitions that nobody wrote.

    Raises:
        PermanentError: partitions are missing, or are not part of the run.
    """
    wanted = context.asset_partition_keys if context.has_asset_partitions else []
    if sorted(wanted) != sorted(frames.keys):
        raise PermanentError(
            f"{context.asset_key.to_user_string()} returned the partitions {', '.join(frames.keys) or 'none'}, "
            f"but this run is for {', '.join(wanted) or 'an asset without partitions'}"
        )
