"""Batches are divided and brought together without losing a message or its order."""

from __future__ import annotations

import pickle
from datetime import timedelta

from mlops_assets.streams.batches import MessageBatch, divide, in_log_order
from mlops_assets_tests.events import values
from mlops_assets_tests.song_popularity.messages import NOON, as_batch


def test_messages_of_a_key_keep_their_order() -> None:
    """Each is in the batch of its key alone."""
    batch = MessageBatch(as_batch([b"0", b"1", b"2", b"3"]), NOON)
    divided = {key: values(part.messages) for key, part in divide(batch, ["a", "b", "a", "a"])}
    assert divided == {"a": [b"0", b"2", b"3"], "b": [b"1"]}


def test_what_landed_together_is_one_batch_in_the_order_of_the_log() -> None:
    """Also where batches interleave; what landed earlier comes first."""
    batch = MessageBatch(as_batch([b"%d" % number for number in range(6)]), NOON)
    later = MessageBatch(as_batch([b"later"]), NOON + timedelta(seconds=1))
    parts = [later, *(part for _, part in divide(batch, [0, 1, 0, 1, 0, 1]))]
    ordered = list(in_log_order(reversed(parts)))
    assert [values(messages) for messages, _ in ordered] == [[b"0", b"1", b"2", b"3", b"4", b"5"], [b"later"]]
    assert [landed_at for _, landed_at in ordered] == [NOON, NOON + timedelta(seconds=1)]


def test_slice_travels_without_the_table_that_it_is_of() -> None:
    """A pickled batch is equal, and as small as its messages."""
    whole = as_batch([b"x" * 10_000] * 100)
    piece = MessageBatch(whole.slice(50, 1), NOON)
    pickled = pickle.dumps(piece)
    assert len(pickled) < 20_000
    again = pickle.loads(pickled)
    assert again.messages.equals(piece.messages)
    assert again.landed_at == NOON
