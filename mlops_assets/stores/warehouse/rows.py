"""What comes back from a database server, made into the frame that its contract promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import canonical_json, conform, to_pandas

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlops_assets.contracts import TableContract


def frame_as_promised(stored: pa.Table, contract: TableContract) -> pd.DataFrame:
    """Return stored rows in the types of their contract, documents written in one way, ordered by the contract's key.

    The order is made here, not by the server: each server has another idea of the order of texts and of nulls.
    """
    table = conform(stored, contract)
    for position, column in enumerate(contract.columns):
        if column.type == "json":
            table = table.set_column(position, column.name, canonical_json(table[column.name]))
    if contract.key:
        table = table.sort_by([(name, "ascending") for name in contract.key])
    return to_pandas(table)


def as_numbers(decimals: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return decimals, which servers make of sums and means, as integers if all of them are, else as float64.

    Args:
        decimals: the numbers as text.
    """
    import pyarrow as pa

    if decimals.null_count < len(decimals):
        try:
            return decimals.cast(pa.int64())
        except pa.ArrowInvalid:
            pass
    return decimals.cast(pa.float64())
