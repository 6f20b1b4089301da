"""Parquet objects by the clients alone: pyarrow with the compression of the lake, and the service's own client."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

from benchmarks.store_ways import Way
from mlops_assets.contracts.frames import to_pandas

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from botocore.client import BaseClient
    from google.cloud.storage import Bucket

    from benchmarks.store_rows import Partition, Workload

_COMPRESSION = {"compression": "zstd", "compression_level": 1}


class _Place(Protocol):
    """Where one table is put and taken from."""

    def put(self, name: str, table: pa.Table) -> None: ...

    def get(self, name: str) -> pa.Table: ...


class BareObjects(Way):
    """An object per partition, one after the other; several are read into one frame."""

    def __init__(self, place: _Place) -> None:
        self._place = place

    def write(self, workload: Workload) -> None:
        """Write an object per partition."""
        for partition in workload.partitions:
            self._place.put(_name(workload, partition), partition.table)

    def read(self, workload: Workload) -> pa.Table | pd.DataFrame:
        """Read all partitions."""
        import pyarrow as pa

        tables = [self._place.get(_name(workload, partition)) for partition in workload.partitions]
        return tables[0] if len(tables) == 1 else to_pandas(pa.concat_tables(tables))


class ParquetFiles:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder

    def put(self, name: str, table: pa.Table) -> None:
        """Store a table."""
        import pyarrow.parquet as pq

        pq.write_table(table, self._folder / name, **_COMPRESSION)

    def get(self, name: str) -> pa.Table:
        """Return a table."""
        import pyarrow.parquet as pq

        return pq.read_table(self._folder / name, partitioning=None)


class S3Objects:
    """Objects in a bucket of S3, by boto3."""

    def __init__(self, client: BaseClient, bucket: str, prefix: str) -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def put(self, name: str, table: pa.Table) -> None:
        """Store a table."""
        self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}", Body=_parquet(table))

    def get(self, name: str) -> pa.Table:
        """Return a table."""
        return _table(self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}")["Body"].read())


class GCSObjects:
    """Objects in a bucket of Google, by google-cloud-storage."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix

    def put(self, name: str, table: pa.Table) -> None:
        """Store a table."""
        self._bucket.blob(f"{self._prefix}/{name}").upload_from_string(_parquet(table))

    def get(self, name: str) -> pa.Table:
        """Return a table."""
        return _table(self._bucket.blob(f"{self._prefix}/{name}").download_as_bytes())


def _name(workload: Workload, partition: Partition) -> str:
    return f"{workload.contract.name}_{partition.key}.parquet"


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, **_COMPRESSION)
    return buffer.getvalue()


def _table(data: bytes) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(data))
