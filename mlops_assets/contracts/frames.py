"""Between pandas and Arrow by way of a contract: exact columns, exact types, or an error that names the column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    missing = [name for name in contract.column_names if name not in frame.columns]
    unexpected = [str(name) for name in frame.columns if name not in contract.column_names]
    if missing or unexpected:
        parts = [f"missing columns: {', '.join(missing)}"] if missing else []
        parts += [f"columns not in the contract: {', '.join(unexpected)}"] if unexpected else []
        raise ContractError(f"{contract.label}: {'; '.join(parts)}")
    arrays = []
    for column in contract.columns:
        try:
            array = pa.array(frame[column.name], type=arrow_type(column.type), from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise ContractError(f"{contract.label}: column {column.name!r} is not {column.type}: {error}") from error
        arrays.append(array)
    return pa.table(arrays, schema=arrow_schema(contract))


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

    return table.to_pandas(types_mapper=dtype_for)


def empty_frame(contract: TableContract) -> pd.DataFrame:
    """Return a frame with the columns and types of a contract and no rows."""
    return to_pandas(arrow_schema(contract).empty_table())
