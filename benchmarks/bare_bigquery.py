"""Partitions of a table by the client of BigQuery alone: in one load job, and with the guarantee that the warehouse gives."""

# Names in statements come from this package.
# ruff: noqa: S608

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from uuid import uuid4

from benchmarks.bare_databases import arrow_rows, day_literals, ordered_frame
from benchmarks.store_ways import Way
from mlops_assets.contracts.frames import arrow_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from google.cloud import bigquery

    from benchmarks.store_rows import Partition, Workload


class BareBigQuery(Way):
    """BigQuery by its client: a load job of Parquet into a table per partition, which it replaces, and a query by REST."""

    def __init__(self, client: bigquery.Client, dataset: str) -> None:
        client.create_dataset(dataset)
        self._client, self._dataset = client, dataset

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        for partition in workload.partitions:
            _load(self._client, self._table(workload, partition), arrow_rows(workload, partition))

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        selects = [f"SELECT * FROM {self._table(workload, partition)}" for partition in workload.partitions]
        return _fetched(self._client, " UNION ALL ".join(selects), workload)

    def _table(self, workload: Workload, partition: Partition) -> str:
        return f"{self._dataset}.{workload.contract.name}_{partition.key.replace('-', '_')}"


class BareBigQueryTransaction(Way):
    """BigQuery by its client: a load job into a table beside, then a script that replaces the partition in a transaction.

    The table beside is another one for each write, as it must be if two runs may write at the same time.
    """

    def __init__(self, client: bigquery.Client, dataset: str) -> None:
        client.create_dataset(dataset)
        self._client, self._dataset = client, dataset

    def write(self, workload: Workload) -> None:
        """Write all partitions."""
        table = f"{self._dataset}.{workload.contract.name}"
        for partition in workload.partitions:
            staging = f"{self._dataset}.staging_{uuid4().hex}"
            _load(self._client, staging, arrow_rows(workload, partition))
            statements = (
                f"CREATE TABLE IF NOT EXISTS {table} LIKE {staging}",
                "BEGIN TRANSACTION",
                f"DELETE FROM {table} WHERE month IN ({day_literals([partition.day])})",
                f"INSERT INTO {table} SELECT * FROM {staging}",
                "COMMIT TRANSACTION",
                f"DROP TABLE {staging}",
            )
            self._client.query("; ".join(statements)).result()

    def read(self, workload: Workload) -> pd.DataFrame:
        """Read all partitions."""
        statement = f"SELECT * FROM {self._dataset}.{workload.contract.name} WHERE month IN ({day_literals(workload.days)})"
        return _fetched(self._client, statement, workload)


def _load(client: bigquery.Client, table: str, rows: pa.Table) -> None:
    import pyarrow.parquet as pq
    from google.cloud import bigquery

    config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_TRUNCATE")
    file = io.BytesIO()
    pq.write_table(rows, file)
    client.load_table_from_file(file, table, rewind=True, job_config=config).result()


def _fetched(client: bigquery.Client, statement: str, workload: Workload) -> pd.DataFrame:
    rows = client.query(statement).to_arrow(create_bqstorage_client=False)
    return ordered_frame(rows.cast(arrow_schema(workload.contract)))
