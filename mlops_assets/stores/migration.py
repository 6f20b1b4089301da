"""Move the data of a domain from one store to another: laptop, MinIO, cloud. Every copy is read back and compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import to_arrow
from mlops_assets.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.stores.objects import ObjectStorage
    from mlops_assets.stores.warehouse import Warehouse


@dataclass(frozen=True)
class Copied:
    """One object or table that is now in both stores.

    Attributes:
        name: of the object, or of the table and its partition.
        size: bytes of an object, rows of a table.
        digest: SHA-256 of its content, the same in both stores.
        already_present: whether the target had the same content already, so that nothing was written.
    """

    name: str
    size: int
    digest: str
    already_present: bool


def copy_objects(source: ObjectStorage, target: ObjectStorage, prefix: str) -> Iterator[Copied]:
    """Copy the objects whose names begin with `prefix`; those that the target has already are left as they are.

    Raises:
        PermanentError: what was written is not what is read back.
    """
    for name in source.names(prefix):
        data = _read(source, name)
        digest = hashlib.sha256(data).hexdigest()
        already_present = target.exists(name) and _digest(target, name) == digest
        if not already_present:
            target.put(name, data)
            _require_equal(target.uri(name), _digest(target, name), digest)
        yield Copied(name, len(data), digest, already_present)


def copy_table(source: Warehouse, target: Warehouse, contract: TableContract) -> Iterator[Copied]:
    """Copy a table, partition by partition if it has partitions; rows of the target's other partitions stay.

    Raises:
        PermanentError: what was written is not what is read back.
    """
    partitions = [None] if contract.partition_column is None else source.partitions(contract)
    for partition in partitions:
        wanted = None if partition is None else [partition]
        rows = source.read(contract, wanted)
        digest = _rows_digest(rows, contract)
        already_present = _rows_digest(target.read(contract, wanted), contract) == digest
        name = contract.label if partition is None else f"{contract.label}, partition {partition.key}"
        if not already_present:
            target.replace_partition(contract, partition, rows)
            copied = target.read(contract, wanted)
            _require_equal(f"{name} in {target.location(contract)}", _rows_digest(copied, contract), digest)
        yield Copied(name, len(rows), digest, already_present)


def _read(storage: ObjectStorage, name: str) -> bytes:
    with storage.open(name) as file:
        data: bytes = file.read()
    return data


def _digest(storage: ObjectStorage, name: str) -> str:
    return hashlib.sha256(_read(storage, name)).hexdigest()


def _rows_digest(rows: pd.DataFrame, contract: TableContract) -> str:
    """Return a digest of the rows as the contract has them, in an order that does not hang on a database's collation."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = to_arrow(rows, contract)
    table = table.sort_by([(name, "ascending") for name in contract.key or contract.column_names])
    sink = pa.BufferOutputStream()
    # Parquet, because it does not keep what happens to lie in memory under a null.
    pq.write_table(table, sink, compression="none")
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _require_equal(where: str, found: str, expected: str) -> None:
    if found != expected:
        raise PermanentError(f"{where} is not what was copied: its digest is {found}, not {expected}; copy it again")
