"""The lake: tables as Parquet, one object per asset partition, at paths that Hive, BigQuery and DuckDB can read.

`chicago_crimes/raw_crimes/month=2024-01/data.parquet` is partition 2024-01 of the asset `chicago_crimes/raw_crimes`. Fitted
objects lie beside the tables as `object.joblib`. The same names are used on every object storage.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ContractError, MissingPartitionError, StoreAccessError, StoreUnavailableError
from mlops_assets.partition import Partition, key_of_path_level
from mlops_assets.stores.objects import ObjectStorage, open_object_storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.parquet

    from mlops_assets.contracts import TableContract

_TABLE_FILE = "data.parquet"
_OBJECT_FILE = "object.joblib"
_PARTITION = re.compile(rf"(?P<level>[^/=]+=[^/]+)/(?:{re.escape(_TABLE_FILE)}|{re.escape(_OBJECT_FILE)})")
_ROWS_PER_GROUP = 131_072


@dataclass(frozen=True)
class LakeAddress:
    """One partition of one asset, or a whole asset that has no partitions.

    Attributes:
        asset: the parts of the asset key.
        partition: which one; None for an asset without partitions.
    """

    asset: tuple[str, ...]
    partition: Partition | None = None

    @property
    def folder(self) -> str:
        """The address as a Hive-readable path."""
        parts = self.asset if self.partition is None else (*self.asset, self.partition.path_level)
        return "/".join(parts)

    def __str__(self) -> str:
        asset = "/".join(self.asset)
        return asset if self.partition is None else f"{asset}, {self.partition}"


@dataclass(frozen=True)
class StoredObject:
    """What a write left behind: where, how many rows (0 for objects that are no table) and bytes."""

    uri: str
    row_count: int
    size_bytes: int


class Lake:
    """Tables and fitted objects of assets, over any object storage."""

    def __init__(self, storage: ObjectStorage) -> None:
        """Keep everything in `storage`."""
        self._storage = storage

    def write(self, address: LakeAddress, table: pa.Table) -> StoredObject:
        """Write the table of one partition, replacing what was there in a single step. The same rows give the same bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        # Codes repeat and numbers do not: trying a dictionary on every number doubles the time of a write. Level 1 of zstd makes
        # smaller objects than snappy at about the same speed.
        texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
        pq.write_table(table, sink, compression="zstd", compression_level=1, use_dictionary=texts, row_group_size=_ROWS_PER_GROUP)
        return self._put(address, _TABLE_FILE, sink.getvalue(), table.num_rows)

    def read(
        self,
        address: LakeAddress,
        columns: Sequence[str] | None = None,
        rows: pyarrow.compute.Expression | None = None,
        contract: TableContract | None = None,
    ) -> pa.Table:
        """Read the table of one partition; `columns` and `rows` are pushed down to the Parquet reader.

        Columns asked for that an object written earlier does not have yet come back as nulls if the caller conforms the table to
        its contract; here they are simply absent.

        Args:
            address: of the partition.
            columns: the names of those wanted; None for all.
            rows: a condition on the rows wanted.
            contract: of the table; what an object has under the former name of a column is then found under today's.

        Raises:
            MissingPartitionError: the partition has not been written.
            ContractError: the object has a column under both its names.
        """
        import pyarrow.parquet as pq

        with _naming("read", address), self._open(address, _TABLE_FILE) as file:
            # Columns that lie beside each other are fetched together: each fetch is a request on some storages.
            parquet = pq.ParquetFile(file, pre_buffer=True)
            present = parquet.schema_arrow.names
            renamed = {} if contract is None else contract.renamed_since(present)
            stored = {renamed.get(name, name): name for name in present}
            wanted = None if columns is None else [stored[name] for name in columns if name in stored]
            if rows is None:
                return _renamed(parquet.read(columns=wanted), renamed)
            if not renamed:
                return pq.read_table(file, columns=wanted, filters=rows)
            # The condition has today's names, which this object's reader does not know.
            found = _renamed(parquet.read(), renamed).filter(rows)
            return found if wanted is None else found.select([renamed.get(name, name) for name in wanted])

    def row_count(self, address: LakeAddress) -> int | None:
        """Return how many rows a partition has, from the object's footer, or None if it has not been written."""
        import pyarrow.parquet as pq

        try:
            with _naming("read", address), self._open(address, _TABLE_FILE) as file:
                return int(pq.ParquetFile(file).metadata.num_rows)
        except MissingPartitionError:
            return None

    def write_object(self, address: LakeAddress, value: Any) -> StoredObject:
        """Write a fitted object, e.g. a transformer, replacing what was there in a single step."""
        import joblib

        buffer = io.BytesIO()
        joblib.dump(value, buffer, compress=("zlib", 3), protocol=5)
        return self._put(address, _OBJECT_FILE, buffer.getvalue(), 0)

    def read_object(self, address: LakeAddress) -> Any:
        """Read a fitted object.

        Raises:
            MissingPartitionError: it has not been written.
        """
        import joblib

        with _naming("read", address), self._open(address, _OBJECT_FILE) as file:
            return joblib.load(io.BytesIO(file.read()))

    def exists(self, address: LakeAddress) -> bool:
        """Tell whether a partition has been written, as a table or as a fitted object."""
        with _naming("look for", address):
            return any(self._storage.exists(f"{address.folder}/{file}") for file in (_TABLE_FILE, _OBJECT_FILE))

    def partitions(self, asset: tuple[str, ...]) -> Iterator[str]:
        """Yield the keys of the partitions that an asset has, in order; whatever else lies in its folder is none."""
        prefix = "/".join(asset) + "/"
        latest = None
        with _naming("list the partitions of", LakeAddress(asset)):
            for name in self._storage.names(prefix):
                found = _PARTITION.fullmatch(name.removeprefix(prefix))
                if found and found["level"] != latest:
                    latest = found["level"]
                    yield key_of_path_level(latest)

    def _put(self, address: LakeAddress, file: str, data: pa.Buffer | bytes, row_count: int) -> StoredObject:
        name = f"{address.folder}/{file}"
        with _naming("write", address):
            self._storage.put(name, data)
        size = len(data) if isinstance(data, bytes) else data.size
        return StoredObject(self._storage.uri(name), row_count, size)

    def _open(self, address: LakeAddress, file: str) -> pa.NativeFile:
        name = f"{address.folder}/{file}"
        try:
            return self._storage.open(name)
        except FileNotFoundError as error:
            raise MissingPartitionError(
                f"{address} has not been materialized: there is nothing at {self._storage.uri(name)}; materialize it first"
            ) from error


def _renamed(table: pa.Table, renamed: Mapping[str, str]) -> pa.Table:
    return table.rename_columns([renamed.get(name, name) for name in table.column_names]) if renamed else table


@contextmanager
def _naming(verb: str, address: LakeAddress) -> Iterator[None]:
    """Put what was about to be done before a message, which is about an object but does not know which partition that is."""
    try:
        yield
    except (StoreUnavailableError, StoreAccessError, ContractError) as error:
        raise type(error)(f"cannot {verb} {address}: {error}") from error


def open_lake(url: str) -> Lake:
    """Return the lake that a URL such as `file:///data/lake` names."""
    return Lake(open_object_storage(url))
