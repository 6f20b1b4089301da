"""Rows on their way between Arrow and MySQL, as text, made and parsed column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ContractError
from mlops_assets.stores.warehouse.rows import as_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from pymysql.cursors import Cursor

    from mlops_assets.contracts import TableContract

_ROWS_AT_ONCE = 20_000
_FLAG_DIGITS = 1
"""The width of a TINYINT that holds a flag."""


def require_finite(rows: pa.Table, contract: TableContract) -> None:
    """Refuse numbers that MySQL does not have.

    Raises:
        ContractError: a column holds an infinity.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for field, column in zip(rows.schema, rows.columns, strict=True):
        if pa.types.is_floating(field.type) and not pc.all(pc.is_finite(column), min_count=0).as_py():
            raise ContractError(
                f"{contract.label}: column {field.name!r} holds an infinite number, which MySQL cannot store; write null instead, "
                "or keep the table in another warehouse"
            )


def lines(rows: pa.Table) -> Iterator[bytes]:
    r"""Yield rows in the format of LOAD DATA: values between tabs, rows between newlines, `\N` for null."""
    import pyarrow.compute as pc

    escapes = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\0": "\\0"}
    for part in _parts(rows):
        texts = [_escaped(column, escapes) for column in part.columns]
        joined = pc.binary_join_element_wise(*texts, _text("\t"), null_handling="replace", null_replacement="\\N")
        yield _bytes(pc.binary_join_element_wise(joined, _text(""), _text("\n")))


def tuples(rows: pa.Table, most_bytes: int) -> Iterator[bytes]:
    """Yield rows as they follow VALUES in an INSERT, in pieces of at most so many bytes, or of one row if that has more."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    escapes = {"\\": "\\\\", "'": "\\'", "\0": "\\0"}
    for part in _parts(rows):
        texts = []
        for column in part.columns:
            text = _escaped(column, escapes)
            is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)
            texts.append(text if is_number else pc.binary_join_element_wise(_text("'"), text, _text("'"), _text("")))
        joined = pc.binary_join_element_wise(*texts, _text(","), null_handling="replace", null_replacement="NULL")
        bracketed = pc.binary_join_element_wise(_text("("), joined, _text("),"), _text(""))
        ends = np.cumsum(pc.binary_length(bracketed).to_numpy())
        start = 0
        while start < len(bracketed):
            taken = ends[start - 1] if start else 0
            end = max(int(np.searchsorted(ends, taken + most_bytes, side="right")), start + 1)
            yield _bytes(bracketed.slice(start, end - start)).rstrip(b",")
            start = end


def _parts(rows: pa.Table) -> Iterator[pa.RecordBatch]:
    for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
        if batch.num_rows:
            yield batch


def _escaped(column: pa.Array, escapes: dict[str, str]) -> pa.Array:
    """Return a column's values as MySQL writes them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    elif pa.types.is_timestamp(column.type):
        # Without its zone, the text has none either; the session's zone is UTC.
        column = column.cast(pa.timestamp("us"))
    elif pa.types.is_float32(column.type):
        # Its digits as float64, so that the server need not round twice.
        column = column.cast(pa.float64())
    is_text = pa.types.is_string(column.type)
    column = column.cast(pa.large_string())
    for character, escape in escapes.items() if is_text else ():
        column = pc.replace_substring(column, character, escape)
    return column


def _text(text: str) -> pa.Scalar:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())


def _bytes(texts: pa.LargeStringArray) -> bytes:
    """Return the texts one after the other, which is how Arrow keeps them."""
    import pyarrow as pa

    _, offsets, values = texts.buffers()
    if values is None:
        return b""
    ends = pa.Array.from_buffers(pa.int64(), len(texts) + 1, [None, offsets], offset=texts.offset)
    return bytes(values[ends[0].as_py() : ends[-1].as_py()])


def fetch_arrow(cursor: Cursor) -> pa.Table:
    """Return the rows of a query, in Arrow types.

    Args:
        cursor: of a connection that gives values as the bytes of their text; it saves converting each value by itself.
    """
    import pyarrow as pa

    fields = cursor.description or ()
    pieces: list[list[pa.Array]] = [[] for _ in fields]
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        for piece, values in zip(pieces, zip(*rows, strict=True), strict=True):
            piece.append(pa.array(values, pa.large_binary()))
    columns = [_converted(pa.chunked_array(piece, pa.large_binary()), field) for piece, field in zip(pieces, fields, strict=True)]
    return pa.table(columns, names=[field[0] for field in fields])


def _converted(values: pa.ChunkedArray, field: Sequence[Any]) -> pa.ChunkedArray:
    """Convert a column of texts to what the server calls their type."""
    import pyarrow as pa
    from pymysql.constants import FIELD_TYPE

    _, type_code, _, digits, *_ = field
    try:
        texts = values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return values
    if type_code == FIELD_TYPE.TINY and digits == _FLAG_DIGITS:
        return texts.cast(pa.int8()).cast(pa.bool_())
    if type_code in (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.YEAR):
        return texts.cast(pa.int32())
    if type_code in (FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        return as_numbers(texts)
    if type_code in (FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE):
        return texts.cast(pa.float64())
    if type_code == FIELD_TYPE.DATE:
        return texts.cast(pa.date32())
    if type_code in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP):
        return texts.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    return texts.cast(pa.string())
