"""What every document store must do. To test another one, subclass and give the fixture `documents_url`."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.contracts import DocumentContract
from mlops_assets.errors import ContractError
from mlops_assets.stores.documents import DocumentStore, WriteCounts, open_documents
from mlops_assets_tests.documents import MESSAGES, NOON, message, some_values
from mlops_assets_tests.processes import let_continue, python_process, wait_for_line

WRITE_SIDE_BY_SIDE = """
import sys
from mlops_assets.stores.documents import open_documents
from mlops_assets_tests.documents import MESSAGES, message

store, own_field = open_documents(sys.argv[1]), sys.argv[2]
ids = [f"m{number}" for number in range(20)]
print("ready", flush=True)
sys.stdin.readline()
for round in range(5):
    store.upsert(MESSAGES, [message(id) for id in ids])
    counts = store.update(MESSAGES, [{"message_id": id, own_field: round} for id in ids])
    assert (counts.changed, counts.absent) == (20, 0), counts
"""
_EACH_EXAMPLE_IN_ONE_STORE = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)


def exactly(value: Any) -> Any:
    """Return a value in a form in which 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(value, dict):
        return {key: exactly(element) for key, element in value.items()}
    return [exactly(element) for element in value] if isinstance(value, list) else repr(value)


def ids(documents: list[dict[str, Any]]) -> list[str]:
    return [document["message_id"] for document in documents]


class DocumentStoreContract:
    @pytest.fixture
    def documents_url(self) -> str:
        """Give the URL of a document store without collections."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, documents_url: str) -> DocumentStore:
        return open_documents(documents_url)

    @pytest.fixture
    def three(self, store: DocumentStore) -> DocumentStore:
        """Give a store with messages of noon, 12:01 and 12:02, of which the last is scored."""
        store.upsert(MESSAGES, [message(f"m{minute}", minute) for minute in range(3)])
        store.update(MESSAGES, [{"message_id": "m2", "state": "scored", "score": 0.5}])
        return store

    def test_new_document_gets_the_initial_fields(self, store: DocumentStore) -> None:
        """What lands is what was given, and the first state."""
        assert store.upsert(MESSAGES, [message("m1")]) == WriteCounts(new=1)
        assert store.fetch(MESSAGES, ["m1"]) == {"m1": {**message("m1"), "state": "landed", "attempts": 0}}

    def test_redelivery_changes_nothing(self, three: DocumentStore) -> None:
        """A message that comes again keeps its state and what later steps found out."""
        before = three.read(MESSAGES)
        counts = three.upsert(MESSAGES, [message("m2", 2), message("m3", 3)])
        assert counts == WriteCounts(new=1, same=1)
        assert three.read(MESSAGES)[:3] == before

    def test_write_sets_the_fields_given_and_no_others(self, three: DocumentStore) -> None:
        """Fields of others stay; a field is replaced as a whole; None is a value, not the absence of one."""
        three.update(MESSAGES, [{"message_id": "m2", "meta": {"client": "b", "tries": 1}, "score": None}])
        three.upsert(MESSAGES, [message("m2", 2) | {"meta": {"client": "c"}}])
        expected = message("m2", 2) | {"meta": {"client": "c"}, "state": "scored", "attempts": 0, "score": None}
        assert three.fetch(MESSAGES, ["m2"]) == {"m2": expected}

    def test_update_leaves_out_what_is_not_there(self, three: DocumentStore) -> None:
        """Half a document is never made; the counts tell of it."""
        change = {"message_id": "m0", "score": 0.25}
        assert three.update(MESSAGES, [change, {"message_id": "m9", "score": 1.0}]) == WriteCounts(changed=1, absent=1)
        assert three.update(MESSAGES, [change]) == WriteCounts(same=1)
        assert three.fetch(MESSAGES, ["m9", "m0"]) == {"m0": message("m0") | {"state": "landed", "attempts": 0, "score": 0.25}}

    def test_last_write_of_an_id_wins_within_a_call(self, store: DocumentStore) -> None:
        """Documents that share an id are written in their order, and counted once."""
        assert store.upsert(MESSAGES, [message("m1") | {"text": text} for text in ("a", "b")]) == WriteCounts(new=1)
        changes: list[dict[str, Any]] = [{"score": 1}, {"state": "scored"}, {"score": 2}]
        assert store.update(MESSAGES, [{"message_id": "m1", **change} for change in changes]) == WriteCounts(changed=1)
        (document,) = store.read(MESSAGES)
        assert (document["text"], document["score"], document["state"]) == ("b", 2, "scored")

    def test_document_may_bring_an_initial_field_itself(self, store: DocumentStore) -> None:
        """What is given counts more than what a document starts with."""
        store.upsert(MESSAGES, [message("m1") | {"state": "failed"}])
        assert store.count_by_state(MESSAGES) == {"landed": 0, "scored": 0, "failed": 1}

    def test_no_documents_are_no_work(self, store: DocumentStore) -> None:
        """An empty batch is no error."""
        assert store.upsert(MESSAGES, []) == store.update(MESSAGES, []) == WriteCounts()

    def test_documents_are_read_by_time_then_id(self, store: DocumentStore) -> None:
        """The order is that of the moments, whatever came first; ids decide between equal moments."""
        store.upsert(MESSAGES, [message("m3", 1), message("m2", 2), message("m10", 1), message("M", 1), message("é", 1)])
        assert ids(store.read(MESSAGES)) == ["M", "m10", "m3", "é", "m2"]
        assert ids(store.read(MESSAGES, limit=2)) == ["M", "m10"]
        assert store.read(MESSAGES, limit=0) == []

    def test_window_is_half_open(self, three: DocumentStore) -> None:
        """A message of the first moment is inside, one of the last is not; state and window are both held."""
        since, until = NOON, NOON + timedelta(minutes=2)
        assert ids(three.read(MESSAGES, since=since, until=until)) == ["m0", "m1"]
        assert ids(three.read(MESSAGES, since=until)) == ["m2"]
        assert ids(three.read(MESSAGES, until=until, state="landed")) == ["m0", "m1"]
        assert three.read(MESSAGES, since=since, until=until, state="scored") == []
        assert three.read(MESSAGES, since=until, until=since) == []

    def test_windows_that_meet_leave_no_gap(self, store: DocumentStore) -> None:
        """Bounds between two milliseconds are cut like the moments of documents: each message is in one of two windows."""
        bound = NOON + timedelta(microseconds=500_400)
        moments = [NOON + timedelta(microseconds=microseconds) for microseconds in (499_999, 500_399, 500_400, 501_000)]
        store.upsert(MESSAGES, [message(f"m{number}") | {"sent_at": moment} for number, moment in enumerate(moments)])
        assert ids(store.read(MESSAGES, until=bound)) == ["m0"]
        assert ids(store.read(MESSAGES, since=bound)) == ["m1", "m2", "m3"]

    def test_window_is_in_any_zone_but_not_in_none(self, three: DocumentStore) -> None:
        """A bound may be given in local time with its offset; without one, nobody knows what it means."""
        in_chicago = (NOON + timedelta(minutes=1)).astimezone(timezone(timedelta(hours=-6)))
        assert ids(three.read(MESSAGES, since=in_chicago)) == ["m1", "m2"]
        with pytest.raises(ContractError, match="chat/messages is read in windows of UTC: 2024-01-01 12:00:00 has no time zone"):
            three.read(MESSAGES, since=NOON.replace(tzinfo=None))

    def test_states_are_counted(self, three: DocumentStore) -> None:
        """Every state has a count, in the contract's order, of all documents or of a window."""
        assert list(three.count_by_state(MESSAGES).items()) == [("landed", 2), ("scored", 1), ("failed", 0)]
        window = three.count_by_state(MESSAGES, since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=2))
        assert window == {"landed": 1, "scored": 0, "failed": 0}

    def test_documents_are_fetched_in_the_order_asked_for(self, three: DocumentStore) -> None:
        """Each id once; unknown ones are left out."""
        assert list(three.fetch(MESSAGES, ["m2", "x", "m0", "m2"])) == ["m2", "m0"]
        assert three.fetch(MESSAGES, []) == {}

    def test_collection_not_made_yet_is_empty(self, store: DocumentStore) -> None:
        """Reading before the first write is no error."""
        assert store.read(MESSAGES, state="landed", since=NOON) == []
        assert store.fetch(MESSAGES, ["m1"]) == {}
        assert store.update(MESSAGES, [{"message_id": "m1", "score": 1}]) == WriteCounts(absent=1)
        assert store.count_by_state(MESSAGES) == {"landed": 0, "scored": 0, "failed": 0}

    def test_collections_do_not_mix(self, three: DocumentStore) -> None:
        """A collection holds the documents of its contract only."""
        other = replace(MESSAGES, name="replies")
        three.upsert(other, [message("m1") | {"text": "reply"}])
        assert len(three.read(MESSAGES)) == 3
        assert [document["text"] for document in three.read(other)] == ["reply"]

    def test_states_are_optional(self, store: DocumentStore) -> None:
        """Documents without a state are read by time; asking for states that were not declared is an error."""
        stateless = DocumentContract("chat", "events", "", "message_id", "sent_at")
        store.upsert(stateless, [message("m1", 1), message("m0", 0)])
        assert store.read(stateless) == [message("m0", 0), message("m1", 1)]
        for ask in (store.count_by_state, lambda contract: store.read(contract, state="landed")):
            with pytest.raises(ContractError, match="chat/events declares no state field"):
                ask(stateless)
        with pytest.raises(ContractError, match="chat/messages has no state 'lost'; it has landed, scored, failed"):
            store.read(MESSAGES, state="lost")

    def test_contract_may_gain_an_index(self, three: DocumentStore) -> None:
        """Indexes are made at the next write, and again without harm."""
        indexed = replace(MESSAGES, indexes=(*MESSAGES.indexes, ("text", "message_id"), ("text",)))
        for _ in range(2):
            three.upsert(indexed, [message("m2", 2)])
        assert len(three.read(indexed)) == 3

    def test_moments_are_kept_to_the_millisecond_in_utc(self, store: DocumentStore) -> None:
        """What is below a millisecond is cut off, not rounded; the hour that clocks show twice is two hours."""
        summer, winter = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
        moments = [datetime(2024, 10, 27, 2, 30, 59, 999_999, zone) for zone in (summer, winter)]
        before_1970 = datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone.utc)
        store.upsert(MESSAGES, [message("m1") | {"seen_at": [*moments, before_1970]}])
        (document,) = store.read(MESSAGES)
        texts = [f"{moment.isoformat()} {moment.tzinfo}" for moment in document["seen_at"]]
        assert texts == [
            "2024-10-27T00:30:59.999000+00:00 UTC",
            "2024-10-27T01:30:59.999000+00:00 UTC",
            "1969-12-31T23:59:59.999000+00:00 UTC",
        ]
        assert store.upsert(MESSAGES, [message("m1") | {"seen_at": [*moments, before_1970]}]) == WriteCounts(same=1)

    def test_names_and_texts_are_data(self, store: DocumentStore) -> None:
        """Quotes, semicolons, emoji, spaces and NUL mean nothing to a store."""
        nasty = '\'; DROP TABLE "chat.messages"; --\\ 🚓 Straße\n\0'
        document = message(nasty.replace("\0", "")) | {'a "b" $c': nasty, " ": {"a.b": nasty, "": nasty}}
        store.upsert(MESSAGES, [document])
        store.update(MESSAGES, [{"message_id": document["message_id"], "state": "scored"}])
        assert store.read(MESSAGES) == [document | {"state": "scored", "attempts": 0}]

    def test_one_wrong_document_leaves_all_unwritten(self, three: DocumentStore) -> None:
        """What cannot be stored is named by id and field before anything is written."""
        before = three.read(MESSAGES)
        wrong = message("m8") | {"meta": {"score": float("nan")}}
        with pytest.raises(ContractError, match=r"chat/messages: document 'm8': field 'meta\.score' is nan"):
            three.upsert(MESSAGES, [message("m7"), wrong])
        with pytest.raises(ContractError, match="chat/messages: document 'm1': 'state' is 'lost', not one of landed"):
            three.update(MESSAGES, [{"message_id": "m0", "score": 1}, {"message_id": "m1", "state": "lost"}])
        assert three.read(MESSAGES) == before

    def test_health_check_leaves_the_documents_alone(self, three: DocumentStore) -> None:
        """A store that works says what it is, and its documents are as they were."""
        before = three.read(MESSAGES)
        assert three.check_health().version
        assert three.read(MESSAGES) == before

    def test_location_names_the_collection(self, store: DocumentStore) -> None:
        """People can find the collection."""
        assert store.location(MESSAGES).endswith("chat.messages")

    @_EACH_EXAMPLE_IN_ONE_STORE
    @given(fields=st.dictionaries(st.text("abç $\"'", min_size=1).filter(lambda name: name[0] != "$"), some_values()))
    def test_every_document_comes_back(self, store: DocumentStore, fields: dict[str, Any]) -> None:
        """Whatever a document may hold is read as it was written, in type and value."""
        document = message(uuid.uuid4().hex) | fields
        store.upsert(MESSAGES, [document])
        found = store.fetch(MESSAGES, [document["message_id"]])[document["message_id"]]
        assert exactly(found) == exactly(MESSAGES.conform(document | {"state": "landed", "attempts": 0}))

    @_EACH_EXAMPLE_IN_ONE_STORE
    @given(
        steps=st.lists(
            st.tuples(st.integers(0, 2), st.none() | st.dictionaries(st.sampled_from(["score", "label"]), st.integers(0, 3))),
            max_size=12,
        ),
        size=st.integers(1, 4),
    )
    def test_redelivery_at_any_moment_keeps_later_fields(
        self, store: DocumentStore, steps: list[tuple[int, dict[str, int] | None]], size: int
    ) -> None:
        """Deliveries (None) and later writes come in any order and any batches; the last write of each field stands."""
        example, expected = uuid.uuid4().hex, dict[str, dict[str, Any]]()
        for start in range(0, len(steps), size):
            batch = [(f"{example}-{number}", fields) for number, fields in steps[start : start + size]]
            delivered = [message(id_) for id_, fields in batch if fields is None]
            store.upsert(MESSAGES, delivered)
            for document in delivered:
                expected.setdefault(document["message_id"], {**document, "state": "landed", "attempts": 0})
            changes = [(id_, {"message_id": id_, "state": "scored", **fields}) for id_, fields in batch if fields is not None]
            store.update(MESSAGES, [change for _, change in changes])
            for id_, change in changes:
                if id_ in expected:
                    expected[id_] |= change
        assert store.fetch(MESSAGES, [f"{example}-{number}" for number in range(3)]) == expected

    def test_processes_write_side_by_side(self, store: DocumentStore, documents_url: str) -> None:
        """Steps redeliver and complete the same documents at the same moment; none fails, none loses a field."""
        with ExitStack() as running:
            fields = ["label", "score", "language"]
            writers = [running.enter_context(python_process(WRITE_SIDE_BY_SIDE, documents_url, field)) for field in fields]
            for writer in writers:
                wait_for_line(writer, "ready")
            for writer in writers:
                assert writer.stdin is not None
                writer.stdin.write("\n")
                writer.stdin.flush()
            for writer in writers:
                let_continue(writer)
        expected = {"state": "landed", "attempts": 0, "label": 4, "score": 4, "language": 4}
        assert store.fetch(MESSAGES, [f"m{number}" for number in range(20)]) == {
            f"m{number}": message(f"m{number}") | expected for number in range(20)
        }
