"""Between pandas and Arrow by way of a contract: exact columns, exact types, or an error that names the column."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from mlops_assets.contracts.table import ColumnType, TableContract


def arrow_type(type_name: ColumnType) -> pa.DataType:
    """Return the Arrow type in which a logical column type is stored."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "string": pa.string(),
        "int8": pa.int8(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "json": pa.string(),
    }
    return types[type_name]


def arrow_schema(contract: TableContract) -> pa.Schema:
    """Return the Arrow schema of a contract: its columns in order, each with its null rule."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in contract.columns])


def to_arrow(frame: pd.DataFrame, contract: TableContract) -> pa.Table:
    """Convert a frame to the columns and types of its contract.

    Raises:
        ContractError: a column is missing, is not part of the contract, or holds values of another type. Rules about values
            (nulls, ranges, patterns) are left to the contract check, which can say which rows break them.
    """
    import pyarrow as pa

    _require_columns(frame, contract)
    arrays = []
    for column in contract.columns:
        try:
            arrays.append(_to_array(frame[column.name], column.type))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise ContractError(f"{contract.label}: column {column.name!r} is not {column.type}: {error}") from error
    return pa.table(arrays, schema=arrow_schema(contract))


def _require_columns(frame: pd.DataFrame, contract: TableContract) -> None:
    errors = {
        "missing columns": [name for name in contract.column_names if name not in frame.columns],
        "columns not in the contract": [str(name) for name in frame.columns if name not in contract.column_names],
        "repeated columns": [str(name) for name in frame.columns[frame.columns.duplicated()]],
    }
    parts = [f"{complaint}: {', '.join(names)}" for complaint, names in errors.items() if names]
    if parts:
        raise ContractError(f"{contract.label}: {'; '.join(parts)}")


def _to_array(values: pd.Series, wanted: ColumnType) -> pa.Array:
    """Convert a column, refusing what Arrow would guess: numbers as moments or flags, times of no zone, moments as days."""
    import pyarrow as pa

    found = pa.array(values, from_pandas=True)
    if found.null_count == len(found):
        return pa.nulls(len(found), arrow_type(wanted))
    type_ = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
    if not _means(found, type_, wanted):
        naive = wanted == "timestamp" and pa.types.is_timestamp(type_)
        raise TypeError(f"it holds {type_} without a time zone" if naive else f"it holds {type_}")
    return canonical_json(found) if wanted == "json" else found.cast(arrow_type(wanted))


def canonical_json(texts: pa.Array) -> pa.Array:
    """Return JSON documents written in one way, keys sorted and without spaces: databases keep the value, not the text.

    Raises:
        ValueError: a text is no JSON, or holds a number such as NaN that JSON does not have.
    """
    import pyarrow as pa

    def rewritten(text: str) -> str:
        return json.dumps(
            json.loads(text, parse_constant=_refuse_constant), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )

    return pa.array([None if text is None else rewritten(text) for text in texts.to_pylist()], pa.string())


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON has no number {name}")


def _means(array: pa.Array, found: pa.DataType, wanted: ColumnType) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if wanted in ("string", "json"):
        return pa.types.is_string(found) or pa.types.is_large_string(found)
    if wanted == "bool":
        return pa.types.is_boolean(found)
    if wanted == "timestamp":
        return pa.types.is_timestamp(found) and found.tz is not None
    if wanted == "date":
        is_naive = pa.types.is_timestamp(found) and found.tz is None
        return pa.types.is_date(found) or (is_naive and array.equals(pc.floor_temporal(array, unit="day")))
    return pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found)


def conform(table: pa.Table, contract: TableContract, columns: Sequence[str] | None = None) -> pa.Table:
    """Give a stored table the columns of today's contract, or those of them asked for.

    A column that the contract gained since the table was written is all null, one that it lost is left out, and one whose type
    it widened is cast.

    Raises:
        ContractError: a stored column cannot be cast to its type in the contract without loss.
    """
    import pyarrow as pa

    names = contract.column_names if columns is None else list(columns)
    arrays = []
    for name in names:
        wanted = arrow_type(contract.column(name).type)
        if name not in table.column_names:
            arrays.append(pa.nulls(table.num_rows, wanted))
            continue
        try:
            arrays.append(table[name].cast(wanted))
        except pa.ArrowException as error:
            raise ContractError(f"{contract.label}: stored column {name!r} cannot be read as {wanted}: {error}") from error
    return pa.table(arrays, names=names)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Convert an Arrow table to pandas: text as `string[pyarrow]`, integers and booleans with nulls as nullable types."""
    import pandas as pd
    import pyarrow as pa

    nullable = {
        pa.int8(): pd.Int8Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    text = pd.StringDtype("pyarrow")
    with_nulls = {field.type for field, data in zip(table.schema, table.columns, strict=True) if data.null_count}

    def dtype_for(type_: pa.DataType) -> object | None:
        if pa.types.is_string(type_) or pa.types.is_large_string(type_):
            return text
        return nullable.get(type_) if type_ in with_nulls else None

    frame = table.to_pandas(types_mapper=dtype_for)
    # Arrow asks for a dtype per type, not per column; a column's dtype must not hang on the nulls of its neighbours.
    for field, data in zip(table.schema, table.columns, strict=True):
        if field.type in nullable and field.type in with_nulls and not data.null_count:
            frame[field.name] = frame[field.name].astype(field.type.to_pandas_dtype())
    return frame


def rows_to_frame(rows: Sequence[Mapping[str, Any]], contract: TableContract) -> pd.DataFrame:
    """Return rows, given by column, as a frame with the columns and types of a contract; a value that is not given is null.

    Raises:
        ContractError: a value is not of its column's type.
    """
    import pyarrow as pa

    try:
        return to_pandas(pa.Table.from_pylist(list(rows), schema=arrow_schema(contract)))
    except (pa.ArrowException, TypeError) as error:
        raise ContractError(f"{contract.label}: {error}") from error


def read_json_record(record: Mapping[str, Any], contract: TableContract) -> dict[str, Any]:
    """Return a record that JSON has held, by column of a contract and in its types; a value that is not there is None.

    Raises:
        TypeError, ValueError: a time or a day is not written as ISO 8601 has it.
    """
    readers: dict[str, Callable[[Any], Any]] = {"timestamp": datetime.fromisoformat, "date": date.fromisoformat}
    values = {column.name: (record.get(column.name), readers.get(column.type)) for column in contract.columns}
    return {name: value if value is None or reader is None else reader(value) for name, (value, reader) in values.items()}


def empty_frame(contract: TableContract) -> pd.DataFrame:
    """Return a frame with the columns and types of a contract and no rows."""
    return to_pandas(arrow_schema(contract).empty_table())
