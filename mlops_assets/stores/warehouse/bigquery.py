"""The warehouse in BigQuery.

Rows travel as Parquet, by a load job, into a staging table of their own. One script then deletes in a transaction what they
replace and inserts them, so that readers see the old rows or the new ones, and a killed writer leaves the old ones. BigQuery
aborts one of two transactions that change the same table, be it in other partitions; the script is then run again.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from uuid import uuid4

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.frames import empty_frame, to_arrow, to_pandas
from mlops_assets.errors import SettingsError
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.urls import options_of, parse_url
from mlops_assets.stores.warehouse.bigquery_client import BoundedClient, Limits
from mlops_assets.stores.warehouse.bigquery_errors import explained
from mlops_assets.stores.warehouse.bigquery_rows import plain_rows, rows_of_any_type
from mlops_assets.stores.warehouse.bigquery_tables import (
    columns_present,
    columns_to_read,
    full_name,
    make_or_evolve,
    must_evolve,
    partition_type,
    quoted_name,
    schema_of,
)
from mlops_assets.stores.warehouse.names import TableName, table_name
from mlops_assets.stores.warehouse.partitions import (
    partition_column,
    partition_value,
    partition_values,
    require_key,
    require_single_partition,
    stored_partitions,
)
from mlops_assets.stores.warehouse.rows import frame_as_promised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd
    import pyarrow as pa
    from google.cloud.bigquery import Table, TableReference
    from google.cloud.bigquery.table import RowIterator

    from mlops_assets.partition import Partition

_STAGING_LIFE = timedelta(hours=1)
_PROBE = TableContract(
    domain="mlops_assets_doctor",
    name="probe",
    description="A row that `mlops-assets doctor` writes, reads and removes.",
    columns=(Column("row_id", "int64", "One."),),
)


class BigQueryWarehouse:
    """A warehouse in a project of BigQuery, with a dataset per domain, or in one dataset."""

    def __init__(self, url: str, limits: Limits | None = None) -> None:
        """Use `bigquery://project` or `bigquery://project/dataset`, by application default credentials.

        Args:
            url: with `?location=EU`, say, new datasets are made there.
            limits: how long to be patient.

        Raises:
            SettingsError: the URL says less or more than that.
        """
        parts = parse_url(url)
        dataset = parts.path.strip("/")
        options = options_of(parts)
        # A project may belong to a domain, as example.com:project does; a port is something else.
        is_project = bool(parts.hosts) and not re.search(r":\d*$", parts.hosts) and not parts.has_credentials
        if not is_project or "/" in dataset or options.keys() - {"location"}:
            raise SettingsError(
                f"{parts.shown!r} is not of the form bigquery://project/dataset?location=EU; a key file is named by "
                "GOOGLE_APPLICATION_CREDENTIALS"
            )
        self._project = parts.hosts
        self._dataset = dataset or None
        self._url = f"bigquery://{self._project}{parts.path.rstrip('/')}"
        self._client = BoundedClient(self._project, options.get("location") or None, limits or Limits())
        self._seen: dict[TableName, Table] = {}

    def replace_partition(self, contract: TableContract, partition: Partition | None, frame: pd.DataFrame) -> None:
        """Replace exactly the rows of one partition, or of the whole table if `partition` is None, in one transaction."""
        from google.cloud.bigquery import ScalarQueryParameter

        rows = to_arrow(frame, contract)
        condition, parameters = "TRUE", []
        if partition is not None:
            require_single_partition(contract, partition, rows)
            condition = f"{quoted_name(partition_column(contract))} = @partition"
            value = partition_value(contract, partition)
            parameters = [ScalarQueryParameter("partition", partition_type(contract), value)]

        def replace(table: Table) -> None:
            deletion = f"DELETE FROM {full_name(table)} WHERE {condition}"
            if not rows.num_rows:
                self._client.change(deletion, parameters, location=table.location)
                return
            with self._staged(table, contract, rows) as staging:
                self._client.change(_replacement(deletion, table, staging, contract), parameters, location=table.location)

        self._with_table(contract, replace)

    def upsert(self, contract: TableContract, frame: pd.DataFrame) -> None:
        """Insert rows, replacing those with the same key, in one transaction."""
        rows = to_arrow(frame, contract)
        require_key(contract)
        same_key = " AND ".join(f"kept.{quoted_name(name)} = incoming.{quoted_name(name)}" for name in contract.key)

        def replace(table: Table) -> None:
            if not rows.num_rows:
                return
            with self._staged(table, contract, rows) as staging:
                known = f"SELECT 1 FROM {full_name(staging)} AS incoming WHERE {same_key}"
                deletion = f"DELETE FROM {full_name(table)} AS kept WHERE EXISTS ({known})"
                self._client.change(_replacement(deletion, table, staging, contract), location=table.location)

        self._with_table(contract, replace)

    def read(self, contract: TableContract, partitions: Sequence[Partition] | None = None) -> pd.DataFrame:
        """Read the rows of some partitions, or all rows, ordered by the contract's key. A table not made yet is empty."""
        from google.api_core.exceptions import ClientError

        reference = self._reference(self._name(contract))
        with self._explained(contract):
            table = self._client.table(reference)
            if table is None:
                return empty_frame(contract)
            try:
                rows = self._select(table, contract, partitions)
            except ClientError:
                # A writer may have renamed a column since the look at the table.
                latest = self._client.table(reference)
                if latest is None or columns_present(latest) == columns_present(table):
                    raise
                rows = self._select(latest, contract, partitions)
            return frame_as_promised(plain_rows(rows), contract)

    def partitions(self, contract: TableContract) -> list[Partition]:
        """Return the partitions that have rows, in order."""
        column = partition_column(contract)
        with self._explained(contract):
            table = self._client.table(self._reference(self._name(contract)))
            if table is None or column not in {field.name for field in table.schema}:
                return []
            statement = f"SELECT DISTINCT {quoted_name(column)} FROM {full_name(table)}"
            found = self._client.query(statement, location=table.location)
            return stored_partitions(contract, [value for (value,) in found])

    def query(self, sql: str) -> pd.DataFrame:
        """Run a query and return its rows. `domain.name` is a table, or `domain__name` if the URL names a dataset."""
        with explained(f"{self._url}: query"):
            return to_pandas(rows_of_any_type(self._client.query(sql, default_dataset=self._dataset)))

    def location(self, contract: TableContract) -> str:
        """Return the table's name with its project and dataset."""
        return f"bigquery: {self._project}.{self._name(contract)}"

    def check_health(self) -> HealthCheck:
        """Write a table, read it back and drop it, and tell where the data are and BigQuery's time."""
        import pandas as pd

        probe = _PROBE.derive(f"probe_{uuid4().hex}", _PROBE.description)
        self.replace_partition(probe, None, pd.DataFrame({"row_id": [1]}))
        with self._explained(probe):
            table = make_or_evolve(self._client, self._reference(self._name(probe)), probe)
            ((clock_at,),) = self._client.query(f"SELECT CURRENT_TIMESTAMP() FROM {full_name(table)}", location=table.location)
            self._client.drop_table(table.reference)
            if self._dataset is None:
                self._client.drop_empty_dataset(table.dataset_id)
        return HealthCheck(f"BigQuery {table.location}", clock_at)

    def _select(self, table: Table, contract: TableContract, partitions: Sequence[Partition] | None) -> RowIterator:
        from google.cloud.bigquery import ArrayQueryParameter

        stored = columns_to_read(table, contract)
        selected = ", ".join(f"{quoted_name(name)} AS {quoted_name(column.name)}" for column, name in stored.items())
        where, parameters = "", []
        if partitions is not None:
            where = f" WHERE {quoted_name(partition_column(contract))} IN UNNEST(@partitions)"
            values = partition_values(contract, partitions)
            parameters = [ArrayQueryParameter("partitions", partition_type(contract), values)]
        statement = f"SELECT {selected} FROM {full_name(table)}{where}"
        return self._client.query(statement, parameters, location=table.location)

    def _with_table(self, contract: TableContract, write: Callable[[Table], None]) -> None:
        """Call `write` with the contract's table, which is asked about only once as long as nobody drops it."""
        from google.api_core.exceptions import NotFound

        name = self._name(contract)
        with self._explained(contract):
            table = self._seen.pop(name, None)
            if table is not None and not must_evolve(table, contract):
                with suppress(NotFound):
                    write(table)
                    self._seen[name] = table
                    return
            table = make_or_evolve(self._client, self._reference(self._name(contract)), contract)
            write(table)
            self._seen[name] = table

    @contextmanager
    def _staged(self, table: Table, contract: TableContract, rows: pa.Table) -> Iterator[Table]:
        """Yield a table beside `table` that holds the rows; whoever has taken them drops it, and a failure does, too."""
        from google.cloud.bigquery import Table

        name = TableName(table.dataset_id, f"staging__{table.table_id}__{uuid4().hex}")
        # BigQuery takes JSON from a Parquet file as text only.
        staging = Table(self._reference(name), schema_of(contract, json_type="STRING"))
        staging.description = f"Rows on their way into {table.table_id}; may be dropped."
        staging.expires = datetime.now(timezone.utc) + _STAGING_LIFE
        staging = self._client.make_table(staging)
        try:
            self._client.load(rows, staging)
            yield staging
        except BaseException:
            # What happened before matters more, and the table expires by itself.
            with suppress(Exception):
                self._client.drop_table(staging.reference)
            raise

    def _reference(self, name: TableName) -> TableReference:
        from google.cloud.bigquery import TableReference

        return TableReference.from_string(f"{self._project}.{name.namespace}.{name.table}")

    def _name(self, contract: TableContract) -> TableName:
        return table_name(contract, self._dataset)

    def _explained(self, contract: TableContract) -> AbstractContextManager[None]:
        return explained(f"{self._url}: {contract.label}")


def _replacement(deletion: str, table: Table, staging: Table, contract: TableContract) -> str:
    """Return the script that deletes rows and inserts the staged ones in a transaction, and then drops the staging table."""
    statements = [
        "BEGIN TRANSACTION",
        deletion,
        _insertion(table, staging, contract),
        "COMMIT TRANSACTION",
        f"DROP TABLE IF EXISTS {full_name(staging)}",
    ]
    return ";\n".join(statements) + ";"


def _insertion(table: Table, staging: Table, contract: TableContract) -> str:
    names = ", ".join(quoted_name(name) for name in contract.column_names)
    # Wider numbers than JSON in BigQuery can hold are rounded; by default they would be refused.
    values = ", ".join(
        f"PARSE_JSON({quoted_name(column.name)}, wide_number_mode => 'round')"
        if column.type == "json"
        else quoted_name(column.name)
        for column in contract.columns
    )
    return f"INSERT INTO {full_name(table)} ({names}) SELECT {values} FROM {full_name(staging)}"
