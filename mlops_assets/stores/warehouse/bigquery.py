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
from mlops_assets.stores.warehouse.names import TableName, quoted, table_name
from mlops_assets.stores.warehouse.partitions import (
    other_type,
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
    from google.cloud.bigquery import SchemaField, Table, TableReference

    from mlops_assets.contracts import ColumnType
    from mlops_assets.partition import Partition

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "STRING",
    "int8": "INT64",
    "int32": "INT64",
    "int64": "INT64",
    "float32": "FLOAT64",
    "float64": "FLOAT64",
    "bool": "BOOL",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "json": "JSON",
}
# What the service calls them in descriptions of tables.
_SQL_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
_CLUSTERABLE = {"STRING", "INT64", "BOOL", "DATE", "TIMESTAMP"}
_CLUSTERING_COLUMNS = 4
_STAGING_LIFE = timedelta(hours=1)
_PROBE = TableContract(
    domain="mlops_assets_doctor",
    name="probe",
    meaning="A row that `mlops-assets doctor` writes, reads and removes.",
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
            condition = f"{_quoted(partition_column(contract))} = @partition"
            value = partition_value(contract, partition)
            parameters = [ScalarQueryParameter("partition", _partition_type(contract), value)]

        def replace(table: Table) -> None:
            deletion = f"DELETE FROM {_full_name(table)} WHERE {condition}"
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
        same_key = " AND ".join(f"kept.{_quoted(name)} = incoming.{_quoted(name)}" for name in contract.key)

        def replace(table: Table) -> None:
            if not rows.num_rows:
                return
            with self._staged(table, contract, rows) as staging:
                known = f"SELECT 1 FROM {_full_name(staging)} AS incoming WHERE {same_key}"
                deletion = f"DELETE FROM {_full_name(table)} AS kept WHERE EXISTS ({known})"
                self._client.change(_replacement(deletion, table, staging, contract), location=table.location)

        self._with_table(contract, replace)

    def read(self, contract: TableContract, partitions: Sequence[Partition] | None = None) -> pd.DataFrame:
        """Read the rows of some partitions, or all rows, ordered by the contract's key. A table not made yet is empty."""
        from google.cloud.bigquery import ArrayQueryParameter

        with self._explained(contract):
            table = self._client.table(self._reference(self._name(contract)))
            if table is None:
                return empty_frame(contract)
            present = {field.name for field in table.schema}
            selected = ", ".join(_quoted(name) for name in contract.column_names if name in present)
            where, parameters = "", []
            if partitions is not None:
                where = f" WHERE {_quoted(partition_column(contract))} IN UNNEST(@partitions)"
                values = partition_values(contract, partitions)
                parameters = [ArrayQueryParameter("partitions", _partition_type(contract), values)]
            statement = f"SELECT {selected} FROM {_full_name(table)}{where}"
            rows = self._client.query(statement, parameters, location=table.location)
            return frame_as_promised(plain_rows(rows), contract)

    def partitions(self, contract: TableContract) -> list[Partition]:
        """Return the partitions that have rows, in order."""
        column = partition_column(contract)
        with self._explained(contract):
            table = self._client.table(self._reference(self._name(contract)))
            if table is None or column not in {field.name for field in table.schema}:
                return []
            statement = f"SELECT DISTINCT {_quoted(column)} FROM {_full_name(table)}"
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

        probe = _PROBE.derive(f"probe_{uuid4().hex}", _PROBE.meaning)
        self.replace_partition(probe, None, pd.DataFrame({"row_id": [1]}))
        with self._explained(probe):
            table = self._made_or_evolved(probe)
            ((clock_at,),) = self._client.query(f"SELECT CURRENT_TIMESTAMP() FROM {_full_name(table)}", location=table.location)
            self._client.drop_table(table.reference)
            if self._dataset is None:
                self._client.drop_empty_dataset(table.dataset_id)
        return HealthCheck(f"BigQuery {table.location}", clock_at)

    def _with_table(self, contract: TableContract, write: Callable[[Table], None]) -> None:
        """Call `write` with the contract's table, which is asked about only once as long as nobody drops it."""
        from google.api_core.exceptions import NotFound

        name = self._name(contract)
        with self._explained(contract):
            table = self._seen.pop(name, None)
            if table is not None and not _lacking_columns(table, contract):
                with suppress(NotFound):
                    write(table)
                    self._seen[name] = table
                    return
            table = self._made_or_evolved(contract)
            write(table)
            self._seen[name] = table

    def _made_or_evolved(self, contract: TableContract) -> Table:
        """Return the contract's table, made if it is missing; add the columns it lacks, but never convert one."""
        from google.cloud.bigquery import Table, TimePartitioning

        table = self._client.table(self._reference(self._name(contract)))
        if table is None:
            table = Table(self._reference(self._name(contract)), _schema(contract))
            table.description = contract.meaning
            table.clustering_fields = _clustering(contract)
            if contract.partition_column is not None and _partition_type(contract) != "STRING":
                # By day also for timestamps: BigQuery allows 10,000 partitions, which hours reach within 14 months.
                table.time_partitioning = TimePartitioning(field=contract.partition_column)
            table = self._client.make_table(table)
        lacking = _lacking_columns(table, contract)
        if lacking:
            added = ", ".join(f"ADD COLUMN IF NOT EXISTS {_quoted(column.name)} {_SQL_TYPES[column.type]}" for column in lacking)
            self._client.change(f"ALTER TABLE {_full_name(table)} {added}", location=table.location)
        return table

    @contextmanager
    def _staged(self, table: Table, contract: TableContract, rows: pa.Table) -> Iterator[Table]:
        """Yield a table beside `table` that holds the rows; whoever has taken them drops it, and a failure does, too."""
        from google.cloud.bigquery import Table

        name = TableName(table.dataset_id, f"staging__{table.table_id}__{uuid4().hex}")
        # BigQuery takes JSON from a Parquet file as text only.
        staging = Table(self._reference(name), _schema(contract, json_type="STRING"))
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


def _schema(contract: TableContract, json_type: str = "JSON") -> list[SchemaField]:
    from google.cloud.bigquery import SchemaField

    types = {**_SQL_TYPES, "json": json_type}
    return [SchemaField(column.name, types[column.type], description=column.meaning) for column in contract.columns]


def _partition_type(contract: TableContract) -> str:
    return _SQL_TYPES[contract.column(partition_column(contract)).type]


def _clustering(contract: TableContract) -> list[str] | None:
    """Return the columns by which BigQuery sorts the rows of a day: what is finer than a day, then the key, as far as it can."""
    is_finer = contract.partition_column is not None and _partition_type(contract) != "DATE"
    names = dict.fromkeys([*([partition_column(contract)] if is_finer else []), *contract.key])
    sortable = [name for name in names if _SQL_TYPES[contract.column(name).type] in _CLUSTERABLE]
    return sortable[:_CLUSTERING_COLUMNS] or None


def _lacking_columns(table: Table, contract: TableContract) -> list[Column]:
    """Return the columns that the table does not have yet.

    Raises:
        ContractError: it has one of another type.
    """
    present = {field.name: _SQL_NAMES.get(field.field_type, field.field_type) for field in table.schema}
    for column in contract.columns:
        wanted = _SQL_TYPES[column.type]
        if present.get(column.name, wanted) != wanted:
            raise other_type(contract, column.name, present[column.name], wanted)
    return [column for column in contract.columns if column.name not in present]


def _replacement(deletion: str, table: Table, staging: Table, contract: TableContract) -> str:
    """Return the script that deletes rows and inserts the staged ones in a transaction, and then drops the staging table."""
    statements = [
        "BEGIN TRANSACTION",
        deletion,
        _insertion(table, staging, contract),
        "COMMIT TRANSACTION",
        f"DROP TABLE IF EXISTS {_full_name(staging)}",
    ]
    return ";\n".join(statements) + ";"


def _insertion(table: Table, staging: Table, contract: TableContract) -> str:
    names = ", ".join(_quoted(name) for name in contract.column_names)
    # Wider numbers than JSON in BigQuery can hold are rounded; by default they would be refused.
    values = ", ".join(
        f"PARSE_JSON({_quoted(column.name)}, wide_number_mode => 'round')" if column.type == "json" else _quoted(column.name)
        for column in contract.columns
    )
    return f"INSERT INTO {_full_name(table)} ({names}) SELECT {values} FROM {_full_name(staging)}"


def _full_name(table: Table) -> str:
    return ".".join(_quoted(part) for part in (table.project, table.dataset_id, table.table_id))


def _quoted(name: str) -> str:
    return quoted(name, "`")
