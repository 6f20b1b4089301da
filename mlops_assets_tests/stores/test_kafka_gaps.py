"""The reading side of Kafka where offsets have no events, which the mock cluster cannot play: a scripted consumer does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.stores.events import OffsetRange
from mlops_assets.stores.events.kafka_reader import KafkaReader

END = KafkaError._PARTITION_EOF


@dataclass
class Scripted:
    """A message, or the news of an error, as a consumer gives it."""

    place: int
    code: int | None = None

    def offset(self) -> int:
        return self.place

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_CREATE_TIME, 1

    def key(self) -> None:
        return None

    def value(self) -> bytes:
        return b"event %d" % self.place

    def headers(self) -> None:
        return None


class ScriptedConsumer:
    """Gives what a cluster with transactions or compaction would, which the mock cluster does not have."""

    def __init__(self, *answers: list[Scripted]) -> None:
        self._answers = list(answers)

    def assign(self, places: object) -> None:
        pass

    def consume(self, count: int, timeout: float) -> list[Scripted]:
        return self._answers.pop(0) if self._answers else []


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([[Scripted(3), Scripted(5)], [Scripted(9)]], [3, 5]),
        ([[Scripted(4)], [], [Scripted(7), Scripted(8)]], [4, 7]),
        ([[Scripted(2), Scripted(4)], [Scripted(8, END)]], [2, 4]),
        ([[Scripted(8, END)]], []),
        ([[Scripted(2), Scripted(3, END)], [Scripted(0, KafkaError.NOT_LEADER_FOR_PARTITION)], [Scripted(7)]], [2, 7]),
    ],
    ids=["gap before the end", "gap inside", "gap at the end of the log", "nothing but gaps", "log that grows again"],
)
def test_offsets_without_events_are_no_end(answers: list[list[Scripted]], found: list[int]) -> None:
    """Markers of transactions and compacted events leave gaps; the range [2, 8) ends where it ends, gap or not."""
    reader = KafkaReader({}, "kafka://scripted", timeout_seconds=0.1)
    reader._consumer.close()
    reader._consumer = ScriptedConsumer(*answers)  # type: ignore[assignment]
    offsets = [offset for batch in reader.events("songs", OffsetRange(0, 2, 8)) for offset in batch["offset"].to_pylist()]
    assert offsets == found


def test_reader_that_gets_nowhere_gives_up() -> None:
    """A broker that answers, but never with the rest of the range, is transient; the error says how far the reader came."""
    reader = KafkaReader({}, "kafka://scripted", timeout_seconds=0.1)
    reader._consumer.close()
    reader._consumer = ScriptedConsumer([Scripted(2), Scripted(3, END)])  # type: ignore[assignment]
    with pytest.raises(
        StoreUnavailableError, match=r"reading partition 0, offsets \[2, 8\) of topic songs, which came to offset 3,"
    ):
        list(reader.events("songs", OffsetRange(0, 2, 8)))
