"""Several partitions of a table, each loaded when it is looked at, so that a backfill of years needs the memory of a month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

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
    partition or three hundred alike. The IO manager has two of the frames at a time: one that it writes, and the next.
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


def store_partitions(
    context: dg.OutputContext, frames: PartitionedFrames, store: Callable[[str, pd.DataFrame], dict[str, Any]]
) -> None:
    """Store one partition after the other, each while the next is computed, with the metadata of each for the UI.

    Args:
        context: of the output.
        frames: the partitions of the run.
        store: writes the frame of a partition and returns the metadata of its materialization; called by a thread of its own.

    Raises:
        PermanentError: `frames` are other partitions than the run is for. Errors of `store` and of the frames are passed on.
    """
    _require_all_partitions(context, frames)

    def report_partition_results(key: str, storing: Future[dict[str, Any]]) -> None:
        context.step_context.add_asset_metadata(storing.result(), context.asset_key, key)

    with ThreadPoolExecutor(1, thread_name_prefix="store") as writer:
        under_way: tuple[str, Future[dict[str, Any]]] | None = None
        for key, frame in frames.items():
            if under_way is not None:
                report_partition_results(*under_way)
            under_way = key, writer.submit(store, key, frame)
        if under_way is not None:
            report_partition_results(*under_way)


def _require_all_partitions(context: dg.OutputContext, frames: PartitionedFrames) -> None:
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
