"""What goes from a frame through Arrow and Parquet comes back as it was, or an error names the column."""

import io
import json
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.contracts import Column, ColumnType, TableContract
from mlops_assets.contracts.frames import arrow_schema, arrow_type, conform, empty_frame, to_arrow, to_pandas
from mlops_assets.errors import ContractError
from mlops_assets_tests.tables import COLUMN_TYPES, EVERY_TYPE, JANUARY, READINGS, readings, rows_of_every_type

UTC = timezone.utc
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=5,
)
VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    "string": st.text(),
    "int8": st.integers(-(2**7), 2**7 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float32": st.floats(width=32, allow_nan=False),
    "float64": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "date": st.dates(),
    "timestamp": st.datetimes(timezones=st.just(UTC)),
    "json": _DOCUMENTS.map(lambda document: json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))),
}


def table_of(type_: ColumnType, **options: Any) -> TableContract:
    """Return the contract of a table whose only column, `some`, has this type."""
    return TableContract("weather", "single", "", (Column("some", type_, "Some value.", nullable=True, **options),))


def frame_of(*values: object) -> pd.DataFrame:
    """Return a frame whose only column, `some`, has these values and whatever type pandas gives them."""
    return pd.DataFrame({"some": list(values)})


def through_parquet(table: pa.Table) -> pa.Table:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return pq.read_table(buffer)


@pytest.mark.parametrize("type_", COLUMN_TYPES)
@given(data=st.data())
def test_values_survive_parquet(type_: ColumnType, data: st.DataObject) -> None:
    """Frame, Arrow, Parquet, frame: every value of every type comes back, and so does every null."""
    values = data.draw(st.lists(st.none() | VALUES[type_], max_size=5))
    contract = table_of(type_)
    written = to_arrow(pd.DataFrame({"some": pd.Series(values, dtype=object)}), contract)
    assert written["some"].to_pylist() == values
    first = to_pandas(conform(through_parquet(written), contract))
    again = to_arrow(first, contract)
    assert again.equals(written)
    pd.testing.assert_frame_equal(to_pandas(through_parquet(again)), first)


def test_pandas_types() -> None:
    """Text is Arrow text, whole numbers and flags stay what they are even with nulls, moments are in UTC."""
    with_nulls = to_pandas(to_arrow(rows_of_every_type(), EVERY_TYPE))
    assert with_nulls.dtypes.astype(str).to_dict() == {
        "month": "object",
        "row_id": "int64",
        "some_string": "string",
        "some_int8": "Int8",
        "some_int32": "Int32",
        "some_int64": "Int64",
        "some_float32": "float32",
        "some_float64": "float64",
        "some_bool": "boolean",
        "some_date": "object",
        "some_timestamp": "datetime64[us, UTC]",
        "some_json": "string",
    }
    assert with_nulls["some_string"].dtype == pd.StringDtype("pyarrow")
    without_nulls = to_pandas(to_arrow(rows_of_every_type().head(2), EVERY_TYPE))
    assert without_nulls[["some_int8", "some_bool"]].dtypes.astype(str).tolist() == ["int8", "bool"]


def test_not_a_number_is_null() -> None:
    """In a frame NaN means missing, so it is stored as null and comes back as NaN."""
    table = to_arrow(readings(JANUARY, 1.5, float("nan")), READINGS)
    assert table["temperature_c"].to_pylist() == [1.5, None]
    assert np.isnan(to_pandas(table)["temperature_c"].iloc[1])


def test_other_zone_becomes_utc() -> None:
    """A moment in Chicago is the same moment in UTC."""
    local = pd.Timestamp("2024-03-10 03:00", tz="America/Chicago")
    assert to_arrow(frame_of(local), table_of("timestamp"))["some"].to_pylist() == [datetime(2024, 3, 10, 8, tzinfo=UTC)]


def test_documents_are_written_in_one_way() -> None:
    """Two texts of the same JSON value are the same value, whatever their spaces and the order of their keys."""
    texts = frame_of('{"b": 1.5, "a": [true, null]}', '{"a":[true,null],"b":1.5}')
    assert to_arrow(texts, table_of("json"))["some"].to_pylist() == ['{"a":[true,null],"b":1.5}'] * 2


def test_categories_are_text() -> None:
    """A category column is stored as the text it stands for."""
    frame = pd.DataFrame({"some": pd.Categorical(["b", "a", None])})
    assert to_arrow(frame, table_of("string"))["some"].to_pylist() == ["b", "a", None]


def test_column_order_is_the_contracts() -> None:
    """The frame's own order does not matter."""
    shuffled = readings(JANUARY, 1.0)[READINGS.column_names[::-1]]
    assert to_arrow(shuffled, READINGS).schema == arrow_schema(READINGS)


@pytest.mark.parametrize("type_", COLUMN_TYPES)
def test_column_of_nothing_fits_every_type(type_: ColumnType) -> None:
    """A column that is missing throughout has no type of its own, whatever pandas calls it."""
    for nothing in (frame_of(None, None), frame_of(float("nan")), frame_of(), frame_of(pd.NaT)):
        assert to_arrow(nothing, table_of(type_))["some"].null_count == len(nothing)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("string", 1),
        ("int8", 300),
        ("int64", 1.5),
        ("int64", "1"),
        ("float64", "1.5"),
        ("float64", 2**53 + 1),
        ("bool", 2),
        ("bool", "true"),
        ("date", "2024-01-01"),
        ("date", pd.Timestamp("2024-01-01 10:00")),
        ("date", 19_000),
        ("timestamp", pd.Timestamp("2024-01-01")),
        ("timestamp", datetime(2024, 1, 1)),  # noqa: DTZ001
        ("timestamp", pd.Timestamp("2024-01-01T00:00:00.000000001Z")),
        ("timestamp", 1_704_067_200),
        ("json", "{'a': 1}"),
        ("json", '{"a": NaN}'),
        ("json", 1),
        ("timestamp", "2024-01-01T00:00:00Z"),
    ],
)
def test_value_of_another_type_is_an_error_that_names_the_column(type_: ColumnType, value: object) -> None:
    """Nothing is rounded, parsed or given a time zone on the way to a store."""
    with pytest.raises(ContractError, match=rf"weather/single: column 'some' is not {type_}: "):
        to_arrow(frame_of(value), table_of(type_))


def test_missing_unexpected_and_repeated_columns_are_named() -> None:
    """One error names everything that is wrong with the columns."""
    frame = readings(JANUARY, 1.0).rename(columns={"temperature_c": "temp"})
    with pytest.raises(
        ContractError, match=r"weather/readings: missing columns: temperature_c; columns not in the contract: temp$"
    ):
        to_arrow(frame, READINGS)
    twice = pd.concat([readings(JANUARY, 1.0), frame[["month"]]], axis="columns")
    with pytest.raises(ContractError, match=r"weather/readings: repeated columns: month$"):
        to_arrow(twice, READINGS)


@pytest.mark.parametrize("type_", COLUMN_TYPES)
def test_added_column_reads_as_nulls(type_: ColumnType) -> None:
    """An object written before the contract gained a column is read as if the column had been empty."""
    widened = READINGS.derive("readings", "", added=[Column("some", type_, "New.", nullable=True)])
    stored = through_parquet(to_arrow(readings(JANUARY, 1.0, 2.0), READINGS))
    table = conform(stored, widened)
    assert table.schema.field("some").type == arrow_type(type_)
    assert to_pandas(table)["some"].isna().all()
    assert to_pandas(table)["temperature_c"].tolist() == [1.0, 2.0]


def test_removed_column_disappears() -> None:
    """An object that still has a column which the contract lost is read without it."""
    narrowed = READINGS.derive("readings", "", dropped=["station_code"])
    assert conform(to_arrow(readings(JANUARY, 1.0), READINGS), narrowed).column_names == narrowed.column_names


@pytest.mark.parametrize(("old", "new"), [("int8", "int32"), ("int32", "int64"), ("int32", "float64"), ("float32", "float64")])
def test_widened_column_is_cast(old: ColumnType, new: ColumnType) -> None:
    """Objects written with the narrower type stay readable."""
    table = conform(to_arrow(frame_of(7, None), table_of(old)), table_of(new))
    assert table["some"].type == arrow_type(new)
    assert table["some"].to_pylist() == [7, None]


@pytest.mark.parametrize(("old", "new", "value"), [("int64", "int8", 300), ("string", "int64", "seven"), ("float64", "int64", 0.5)])
def test_lossy_change_of_type_is_an_error(old: ColumnType, new: ColumnType, value: object) -> None:
    """A stored value that today's type cannot hold is not bent to it; the error names column and table."""
    with pytest.raises(ContractError, match=r"weather/single: stored column 'some' cannot be read as"):
        conform(to_arrow(frame_of(value), table_of(old)), table_of(new))


def test_projection_gives_the_columns_asked_for() -> None:
    """Columns come in the order asked for; one that neither table nor contract has is an error."""
    table = to_arrow(readings(JANUARY, 1.0), READINGS)
    assert conform(table, READINGS, ["temperature_c", "month"]).column_names == ["temperature_c", "month"]
    with pytest.raises(ContractError, match="has no column 'humidity'"):
        conform(table, READINGS, ["humidity"])


def test_empty_frame_has_columns_and_types() -> None:
    """A table without rows is a table all the same."""
    frame = empty_frame(EVERY_TYPE)
    assert len(frame) == 0
    assert to_arrow(frame, EVERY_TYPE).schema == arrow_schema(EVERY_TYPE)
