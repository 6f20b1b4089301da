"""Reading recordings in a pipeline: folders of JSON lines, and batches of a log that have landed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from mlops_assets.errors import SourceError
from mlops_assets.stores.landing.offset_names import landed_offsets
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.streams.batches import MessageBatch, divide
from mlops_assets.streams.beam.log_reading import BATCH_OFFSETS
from mlops_assets.streams.raw_files import read_lines

if TYPE_CHECKING:
    from mlops_assets.stores.landing import Landing

_ENDINGS = (".jsonl", ".ndjson", ".json")


class ReadFolder(beam.PTransform):
    """Messages of all files of JSON lines below a folder: raw files of a former run, or messages as they are sent."""

    def __init__(self, url: str, landed_at: datetime) -> None:
        """Read the folder.

        Args:
            url: of the folder, such as `file:///data/recorded` or `s3://bucket/recorded`.
            landed_at: when the messages count as landed.

        Raises:
            SourceError: there is no such file in it.
        """
        super().__init__()
        names = [name for name in open_object_storage(url).names("") if name.endswith(_ENDINGS)]
        if not names:
            raise SourceError(f"{url} has no files of JSON lines ({', '.join(_ENDINGS)})")
        self._files = list(enumerate(names))
        self._read = _ReadFile(url, landed_at)

    def expand(self, begin: Any) -> Any:
        """Hand the files out, and read them."""
        return begin | "Files" >> beam.Create(self._files) | beam.Reshuffle() | "Read" >> beam.ParDo(self._read)


class ReadLanded(beam.PTransform):
    """Messages of a topic that have landed, whatever the log still keeps of them."""

    def __init__(self, open_landing: Callable[[], Landing], topic: str, landed_at: datetime) -> None:
        """Read what has landed by now.

        Args:
            open_landing: opens the landing in a worker.
            topic: of the log.
            landed_at: when the messages count as landed.

        Raises:
            SourceError: nothing of the topic has landed.
        """
        super().__init__()
        landing = open_landing()
        self._names = [name for name in landing.names(f"topic={topic}/") if landed_offsets(name)]
        if not self._names:
            raise SourceError(f"nothing of topic {topic} has landed in {landing.uri}")
        self._read = _ReadLandedObject(open_landing, landed_at)

    def expand(self, begin: Any) -> Any:
        """Hand the objects out, and read them."""
        return begin | "Objects" >> beam.Create(self._names) | beam.Reshuffle() | "Read" >> beam.ParDo(self._read)


class _ReadFile(beam.DoFn):
    def __init__(self, url: str, landed_at: datetime) -> None:
        self._url = url
        self._landed_at = landed_at

    def process(self, element: tuple[int, str]) -> Iterator[TimestampedValue]:
        number, name = element
        with open_object_storage(self._url).open(name) as file:
            messages = read_lines(file.read(), number)
        # A file may hold messages of several partitions.
        for _, batch in divide(MessageBatch(messages, self._landed_at), messages["partition"].to_pylist()):
            yield from _in_pieces(batch)


class _ReadLandedObject(beam.DoFn):
    def __init__(self, open_landing: Callable[[], Landing], landed_at: datetime) -> None:
        self._open_landing = open_landing
        self._landed_at = landed_at

    def process(self, element: str) -> Iterator[TimestampedValue]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from mlops_assets.stores.events.base import event_schema

        for _, content in self._open_landing().read([element]):
            messages = pq.ParquetFile(pa.BufferReader(content)).read().cast(event_schema())
            yield from _in_pieces(MessageBatch(messages, self._landed_at))


def _in_pieces(batch: MessageBatch) -> Iterator[TimestampedValue]:
    for start in range(0, batch.messages.num_rows, BATCH_OFFSETS):
        piece = MessageBatch(batch.messages.slice(start, BATCH_OFFSETS), batch.landed_at)
        yield TimestampedValue(piece, Timestamp.from_utc_datetime(batch.landed_at))
