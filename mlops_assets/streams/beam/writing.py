"""Writing from a pipeline.

A runner may run a bundle again, so every write may be repeated: rows and documents go by their keys, raw files are unions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import apache_beam as beam
from apache_beam.metrics import Metrics

from mlops_assets.contracts import DocumentContract, TableContract
from mlops_assets.errors import TransientError
from mlops_assets.stores.objects import ObjectStorage, open_object_storage
from mlops_assets.streams import raw_files
from mlops_assets.streams.batches import MessageBatch, divide

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.stores.registry import Stores

T = TypeVar("T")
OpenStores = Callable[[], "Stores"]
"""Opens the stores in a worker: what it needs, and every password, is there and not in the pipeline."""

COUNTS = "mlops_assets"
"""Namespace of the counters of a pipeline."""

RAW_FOLDER = "datalake/raw/events"
_PATIENCE_SECONDS = 60.0
_AT_ONCE = 16
_MOST_GATHERED = 50_000
"""Rows or documents of one transaction; a bound on memory."""


def count(name: str) -> Any:
    """Return a counter of the pipeline."""
    return Metrics.counter(COUNTS, name)


class _WriteGathered(beam.DoFn):
    """Gathers what a bundle brings and writes it in few transactions; a bundle that fails is run again, and written again."""

    def __init__(self, open_stores: OpenStores) -> None:
        self._open_stores = open_stores
        self._gathered: list[Any] = []
        self._count = 0

    def start_bundle(self) -> None:
        self._gathered, self._count = [], 0

    def process(self, element: pd.DataFrame | list[Mapping[str, Any]]) -> None:
        """Gather some rows or documents."""
        self._gathered.append(element)
        self._count += len(element)
        if self._count >= _MOST_GATHERED:
            self.finish_bundle()

    def finish_bundle(self) -> None:
        if self._count:
            persist(partial(self.write, self._open_stores(), self._gathered))
        self.start_bundle()

    def write(self, stores: Stores, gathered: Sequence[Any]) -> None:
        """Write what was gathered; it may be repeated."""
        raise NotImplementedError


class WriteRows(_WriteGathered):
    """Writes frames to a table of the warehouse; a row replaces the one with its key."""

    def __init__(self, open_stores: OpenStores, contract: TableContract) -> None:
        super().__init__(open_stores)
        self._contract = contract

    def write(self, stores: Stores, gathered: Sequence[Any]) -> None:
        """Replace or insert the rows of some frames, in one transaction."""
        import pandas as pd

        # An event that came again in a later window of the same bundle is in both their frames.
        rows = pd.concat(gathered, ignore_index=True).drop_duplicates(list(self._contract.key), keep="last", ignore_index=True)
        stores.warehouse(self._contract.domain).upsert(self._contract, rows)
        count(self._contract.name).inc(len(rows))


class WriteDocuments(_WriteGathered):
    """Writes documents; one that is there already is left as it is but for what changed."""

    def __init__(self, open_stores: OpenStores, contract: DocumentContract) -> None:
        super().__init__(open_stores)
        self._contract = contract

    def write(self, stores: Stores, gathered: Sequence[Any]) -> None:
        """Add or change the documents of some lists."""
        documents = list(chain.from_iterable(gathered))
        stores.documents(self._contract.domain).upsert(self._contract, documents)
        count("documents").inc(len(documents))


class WriteRawFiles(beam.PTransform):
    """Writes batches to raw files below `<domain>/datalake/raw/events` of the lake, a file per minute and shard."""

    def __init__(self, open_stores: OpenStores, domain: str) -> None:
        super().__init__()
        self._write = _WriteFile(open_stores, domain)

    def expand(self, batches: Any) -> Any:
        """Bring together what belongs into a file."""
        return batches | "Divide" >> beam.FlatMap(_by_file) | "Gather" >> beam.GroupByKey() | "Write" >> beam.ParDo(self._write)


def _by_file(batch: MessageBatch) -> Iterator[tuple[str, bytes]]:
    for name, messages in divide(batch, raw_files.file_names(batch.messages, batch.landed_at)):
        yield name, "\n".join(raw_files.as_lines(messages.messages)).encode()


class _WriteFile(beam.DoFn):
    """Writes the files of a bundle, several at once: each takes the storage a while, and the machine nothing."""

    def __init__(self, open_stores: OpenStores, domain: str) -> None:
        self._open_stores = open_stores
        self._domain = domain
        self._files: list[tuple[str, list[bytes]]] = []

    def start_bundle(self) -> None:
        self._files = []

    def process(self, element: tuple[str, Iterable[bytes]]) -> None:
        self._files.append((f"{self._domain}/{RAW_FOLDER}/{element[0]}", list(element[1])))

    def finish_bundle(self) -> None:
        storage = open_object_storage(self._open_stores().url("lake", self._domain))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(lambda file: persist(partial(_add_lines, storage, *file)), self._files):
                count("raw_files").inc()


def _add_lines(storage: ObjectStorage, name: str, parts: Sequence[bytes]) -> None:
    try:
        with storage.open(name) as file:
            there = [file.read()]
    except FileNotFoundError:
        there = []
    content = raw_files.union([*there, *parts])
    if [content] != there:
        storage.put(name, content)


def persist(work: Callable[[], T]) -> T:
    """Do what may be repeated, again and again while only time can cure what is in its way, for a minute."""
    import tenacity

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=8),
        stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
        reraise=True,
    )
    return attempts(work)
