"""Records by an input contract: what is taken, what is refused, and what is said about it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.serving.errors import InvalidRecordError
from mlops_assets.serving.records import RecordReader

CONTRACT = TableContract(
    domain="examples",
    name="journeys",
    description="One row per journey.",
    columns=(
        Column("kind", "string", "How.", allowed=("train", "bus")),
        Column("line_code", "string", "Which line.", nullable=True, pattern="[A-Z][0-9]"),
        Column("distance_km", "float64", "How far.", "kilometre", minimum=0, maximum=1_000),
        Column("stops", "int32", "How often it stopped.", nullable=True, minimum=0),
        Column("is_late", "bool", "Whether it was late."),
        Column("left_at", "timestamp", "When it left.", nullable=True),
        Column("travel_date", "date", "On which day.", nullable=True),
    ),
)
READER = RecordReader(CONTRACT)
JOURNEY: dict[str, Any] = {"kind": "bus", "distance_km": 12.5, "is_late": False}


def errors_of(record: Any) -> dict[str, str]:
    with pytest.raises(InvalidRecordError) as found:
        READER.read(record)
    return {error.field: error.message for error in found.value.fields}


def test_what_may_be_empty_may_be_left_out() -> None:
    """Columns that were not given, or given as null, are unknown, and are named."""
    read = READER.read({**JOURNEY, "stops": None})
    assert read.values == {**JOURNEY, "line_code": None, "stops": None, "left_at": None, "travel_date": None}
    assert read.unknown == ("line_code", "stops", "left_at", "travel_date")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"kind": "ship"}, "kind", "Input should be 'train' or 'bus'"),
        ({"line_code": "A10"}, "line_code", "String should match pattern"),
        ({"line_code": 7}, "line_code", "it must be text"),
        ({"line_code": "A1" + " " * 10_000}, "line_code", "at most 10000 characters"),
        ({"distance_km": -1}, "distance_km", "greater than or equal to 0"),
        ({"distance_km": 1e9}, "distance_km", "less than or equal to 1000"),
        ({"distance_km": float("nan")}, "distance_km", "it must be a finite number"),
        ({"distance_km": float("inf")}, "distance_km", "it must be a finite number"),
        ({"distance_km": "12.5"}, "distance_km", "it must be a number, not text"),
        ({"distance_km": True}, "distance_km", "it must be a number, not text, true"),
        ({"distance_km": None}, "distance_km", "it must be a number, not text, true, false or null"),
        ({"distance_km": 10**400}, "distance_km", ""),
        ({"distance_km": [1.0]}, "distance_km", "it must be a number"),
        ({"stops": 2.5}, "stops", "it must be a whole number"),
        ({"stops": 2**31}, "stops", "less than or equal to 2147483647"),
        ({"is_late": 1}, "is_late", "it must be true or false"),
        ({"left_at": "2024-03-31T02:30:00"}, "left_at", "say the distance from UTC"),
        ({"left_at": "yesterday"}, "left_at", "write a time as"),
        ({"left_at": 1_700_000_000}, "left_at", "write a time as"),
        ({"left_at": "0001-01-01T00:00:00+14:00"}, "left_at", "the year is out of range"),
        ({"travel_date": "2024-02-30"}, "travel_date", "write a day as"),
        ({"travel_date": 20240101}, "travel_date", "write a day as"),
        ({"størrelse": 1}, "størrelse", "there is no such field"),
    ],
)
def test_a_value_that_breaks_the_contract_is_named(changes: dict[str, Any], field: str, message: str) -> None:
    """The error says which field, and what would be right; nothing is converted that could be a mistake."""
    found = errors_of({**JOURNEY, **changes})
    assert list(found) == [field]
    assert message in found[field]


def test_all_errors_of_a_record_are_said_at_once() -> None:
    """Whoever sent it does not find them one after the other."""
    assert errors_of({"distance_km": "far", "colour": "red"}).keys() == {"kind", "distance_km", "is_late", "colour"}


@pytest.mark.parametrize("record", [None, [], "bus", 1, [JOURNEY]])
def test_what_is_no_object_is_refused(record: Any) -> None:
    """A record has named fields."""
    assert errors_of(record) == {"record": "a record is an object with named fields"}


def test_an_error_does_not_repeat_what_was_sent() -> None:
    """Answers and logs hold no personal data of a record."""
    for record in ({**JOURNEY, "line_code": "Ms Smith"}, {**JOURNEY, "kind": "Ms Smith"}, {**JOURNEY, "left_at": "Ms Smith"}):
        with pytest.raises(InvalidRecordError) as found:
            READER.read(record)
        assert "Smith" not in f"{found.value}{found.value.fields}"


def test_a_record_of_very_many_fields_has_a_short_answer() -> None:
    """A small request must not keep the service busy with a huge answer."""
    with pytest.raises(InvalidRecordError, match="the record has 100,000 fields, and the model takes 7") as found:
        READER.read({str(number): 0 for number in range(100_000)})
    assert len(found.value.fields) == 50


def test_whole_numbers_may_be_written_with_a_point() -> None:
    """JSON does not tell 3.0 from 3, and many clients write the first."""
    assert READER.read({**JOURNEY, "stops": 3.0}).values["stops"] == 3


def test_times_are_in_utc() -> None:
    """A time of any distance from UTC is the same moment."""
    for text in ("2024-01-01T12:00:00Z", "2024-01-01T06:00:00-06:00", "2024-01-01T13:00+01:00"):
        assert READER.read({**JOURNEY, "left_at": text}).values["left_at"] == datetime(2024, 1, 1, 12, tzinfo=timezone.utc)


def test_schema_says_what_is_taken() -> None:
    """OpenAPI shows the contract: which fields must be there, what they mean, and that there are no others."""
    schema = READER.json_schema()
    assert schema["required"] == ["kind", "distance_km", "is_late"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["distance_km"] == {
        "description": "How far. Unit: kilometre.", "maximum": 1000, "minimum": 0, "title": "Distance Km", "type": "number",
    }  # fmt: skip


VALUES = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["train", "A1", "2024-01-01", "2024-01-01T00:00:00Z"])
)  # fmt: skip
RECORDS = st.fixed_dictionaries({}, optional=dict.fromkeys(CONTRACT.column_names, VALUES))
RIGHT = st.fixed_dictionaries(
    {"kind": st.sampled_from(["train", "bus"]), "distance_km": st.floats(0, 1_000), "is_late": st.booleans()},
    optional={
        "line_code": st.none() | st.from_regex("[A-Z][0-9]", fullmatch=True),
        "stops": st.none() | st.integers(0, 2**31 - 1),
        "left_at": st.none() | st.datetimes(timezones=st.just(timezone(timedelta(hours=-6)))).map(datetime.isoformat),
    },
)


@given(RECORDS | RIGHT)
def test_what_is_taken_keeps_the_contract(record: dict[str, Any]) -> None:
    """A record is refused, or batch scoring would find nothing wrong with it either."""
    with suppress(InvalidRecordError):
        values = READER.read(record).values
        assert find_violations(rows_to_frame([values], CONTRACT), CONTRACT).empty
