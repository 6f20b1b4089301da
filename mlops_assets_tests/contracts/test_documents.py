"""Contracts of documents: what they demand of a document, and what makes no sense in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest
from hypothesis import given

from mlops_assets.contracts import DocumentContract
from mlops_assets.errors import ContractError
from mlops_assets_tests.documents import MESSAGES, NOON, message, some_values


class Mood(str, Enum):
    GOOD = "good"


def nested(levels: int) -> Any:
    """Return a list of so many levels."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@given(some_values())
def test_kept_document_is_kept_as_it_is(value: Any) -> None:
    """What a store gives back may be written again: it is its own kept form."""
    kept = MESSAGES.conform(message("m1") | {"field": value})
    assert repr(MESSAGES.conform(kept)) == repr(kept)


def test_moments_become_utc_in_milliseconds() -> None:
    """Moments may have any offset; what is below a millisecond is cut off, wherever in the document."""
    here = datetime(2024, 1, 1, 13, 0, 0, 1_999, timezone(timedelta(hours=1)))
    kept = MESSAGES.conform(message("m1") | {"sent_at": here, "meta": {"seen_at": [here]}})
    assert kept["sent_at"] == kept["meta"]["seen_at"][0] == NOON + timedelta(milliseconds=1)
    assert kept["sent_at"].tzinfo is timezone.utc


def test_document_given_is_not_changed() -> None:
    """The kept form is another object, down to the innermost list."""
    given_ = message("m1") | {"tags": ["a"]}
    MESSAGES.conform(given_)["tags"].append("b")
    assert given_ == message("m1") | {"tags": ["a"]}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (datetime(2024, 1, 1), "field 'x': 2024-01-01 00:00:00 has no time zone"),  # noqa: DTZ001
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "field 'x': .* outside the years 1 to 9999"),
        (float("nan"), "field 'x' is nan; write None where there is no number"),
        (float("-inf"), "field 'x' is -inf"),
        (2**63, "field 'x' is a whole number of more than 64 bits"),
        ("\ud83d", "field 'x' holds half of a surrogate pair"),
        (b"bytes", "field 'x' is a builtins.bytes"),
        ((1, 2), "field 'x' is a builtins.tuple"),
        (date(2024, 1, 1), "field 'x' is a datetime.date"),
        (Mood.GOOD, "field 'x' is a .*Mood"),
        ([1, {"y": {3}}], r"field 'x\.1\.y' is a builtins.set"),
        ({1: "one"}, "field 'x' has the key 1; a key is a text"),
        ({"$date": "2024"}, r"field 'x' has the key '\$date'"),
        ({"a": {"\0": 1}}, r"field 'x\.a' has the key '\\x00'"),
        (nested(100), "field 'x' is nested deeper than 100 levels"),
    ],
)
def test_value_that_no_store_keeps_is_named(value: Any, complaint: str) -> None:
    """Document and field are in the message, for whoever looks after documents that were set aside."""
    with pytest.raises(ContractError, match=f"chat/messages: document 'm1': {complaint}"):
        MESSAGES.conform(message("m1") | {"x": value})


def test_nesting_may_be_deep() -> None:
    """A document and 99 levels in it are what MongoDB stores."""
    assert MESSAGES.conform(message("m1") | {"x": nested(99)})["x"] == nested(99)


@pytest.mark.parametrize("name", ["", "_id", "a.b", "$set", "a\0b", 5])
def test_field_name_that_means_something_to_a_store_is_refused(name: Any) -> None:
    """A dot would be a path, a dollar an operator."""
    with pytest.raises(ContractError, match="chat/messages: document 'm1': "):
        MESSAGES.conform(message("m1") | {name: 1})


@pytest.mark.parametrize("identity", [None, "", 7, "absent"])
def test_document_without_id_is_refused(identity: Any) -> None:
    """An id is a text with something in it; the message says which fields there are, not what they hold."""
    document = message("m1") | {"message_id": identity}
    if identity == "absent":
        del document["message_id"]
    with pytest.raises(ContractError, match=r"chat/messages: a document has no text in 'message_id'; it has .*'sent_at'"):
        MESSAGES.conform(document)


@pytest.mark.parametrize("sent_at", [None, "2024-01-01T00:00:00Z", 1.7e9])
def test_document_without_time_is_refused(sent_at: Any) -> None:
    """Texts and numbers are no moments: whoever ingests knows what they mean."""
    with pytest.raises(ContractError, match="chat/messages: document 'm1': field 'sent_at' is no moment"):
        MESSAGES.conform(message("m1") | {"sent_at": sent_at})


def test_change_needs_no_time() -> None:
    """A document that is there has its time already; one that is new must bring it."""
    change = {"message_id": "m1", "score": 1}
    assert MESSAGES.conform_change(change) == change
    with pytest.raises(ContractError, match="chat/messages: document 'm1' has no 'sent_at'"):
        MESSAGES.conform(change)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"time_field": "message_id"}, "id, time and state must be different fields"),
        ({"id_field": "_id"}, "'_id' cannot be indexed"),
        ({"indexes": (("user.name",),)}, "'user.name' cannot be indexed"),
        ({"state_field": None}, "are declared together"),
        ({"states": ()}, "are declared together"),
        ({"initial": {"attempts": 0}}, "are declared together"),
        ({"initial": {"state": "lost"}}, "the initial fields: 'state' is 'lost', not one of landed, scored, failed"),
        ({"initial": {"state": "landed", "at": datetime(2024, 1, 1)}}, "the initial fields: field 'at': .* no time zone"),  # noqa: DTZ001
    ],
)
def test_contract_that_makes_no_sense_is_refused(changes: dict[str, Any], complaint: str) -> None:
    """A mistake in a contract shows when it is declared, not at the first write."""
    with pytest.raises(ContractError, match=f"chat/messages: .*{complaint}"):
        replace(MESSAGES, **changes)


def test_contract_can_be_a_key() -> None:
    """Contracts are compared by what they say, and may be kept in sets."""
    assert {MESSAGES, replace(MESSAGES)} == {MESSAGES}
    assert replace(MESSAGES, initial={"state": "scored"}) != MESSAGES
    assert DocumentContract("a", "b", "", "id", "at").label == "a/b"
