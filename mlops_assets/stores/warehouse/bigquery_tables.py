"""Tables of BigQuery, made and evolved from contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.stores.warehouse.evolution import Evolution, evolution, stored_names
from mlops_assets.stores.warehouse.names import quoted
from mlops_assets.stores.warehouse.partitions import partition_column

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField, Table, TableReference

    from mlops_assets.contracts import Column, ColumnType, TableContract
    from mlops_assets.stores.warehouse.bigquery_client import BoundedClient

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


def make_or_evolve(client: BoundedClient, reference: TableReference, contract: TableContract) -> Table:
    """Return the contract's table, made if it is missing; rename and add columns, but never convert one.

    Raises:
        ContractError: the table has a column of another type, or under both its names.
    """
    from google.cloud.bigquery import Table, TimePartitioning

    table = client.table(reference)
    if table is None:
        table = Table(reference, schema_of(contract))
        table.description = contract.description
        table.clustering_fields = _clustering(contract)
        if contract.partition_column is not None and partition_type(contract) != "STRING":
            # By day also for timestamps: BigQuery allows 10,000 partitions, which hours reach within 14 months.
            table.time_partitioning = TimePartitioning(field=contract.partition_column)
        table = client.make_table(table)
    return _evolved(client, table, contract)


def must_evolve(table: Table, contract: TableContract) -> bool:
    """Tell whether a contract's table must rename or add columns.

    Raises:
        ContractError: the table has a column of another type, or under both its names.
    """
    return _evolution(table, contract).is_needed


def _evolved(client: BoundedClient, table: Table, contract: TableContract) -> Table:
    """Return the table after it has got what it lacks, be it by others who write it at the same time."""
    from google.api_core.exceptions import ClientError

    needed = _evolution(table, contract)
    if not needed.is_needed:
        return table
    if needed.renamed.keys() & set(table.clustering_fields or ()):
        # BigQuery renames no column by which it sorts.
        unsorted = client.cluster(table, None)
        return client.cluster(_evolved(client, unsorted, contract), _clustering(contract))
    try:
        client.change(_alteration(table, needed), location=table.location)
    except ClientError:
        latest = client.table(table.reference)
        if latest is None or _evolution(latest, contract) == needed:
            raise
        # Somebody else has renamed a column since the look at the table, though perhaps not all.
        return _evolved(client, latest, contract)
    return client.table(table.reference) or table


def schema_of(contract: TableContract, json_type: str = "JSON") -> list[SchemaField]:
    """Return the columns of a contract, documents as another type if one is given."""
    from google.cloud.bigquery import SchemaField

    types = {**_SQL_TYPES, "json": json_type}
    return [SchemaField(column.name, types[column.type], description=column.description) for column in contract.columns]


def partition_type(contract: TableContract) -> str:
    """Return the type of the partition column."""
    return _SQL_TYPES[contract.column(partition_column(contract)).type]


def _clustering(contract: TableContract) -> list[str] | None:
    """Return the columns by which BigQuery sorts the rows of a day: what is finer than a day, then the key, as far as it can."""
    is_finer = contract.partition_column is not None and partition_type(contract) != "DATE"
    names = dict.fromkeys([*([partition_column(contract)] if is_finer else []), *contract.key])
    sortable = [name for name in names if _SQL_TYPES[contract.column(name).type] in _CLUSTERABLE]
    return sortable[:_CLUSTERING_COLUMNS] or None


def columns_to_read(table: Table, contract: TableContract) -> dict[Column, str]:
    """Return the columns that a table has, each with its name there."""
    return stored_names(columns_present(table), contract)


def columns_present(table: Table) -> dict[str, str]:
    """Return name and type of the columns of a table."""
    return {field.name: _SQL_NAMES.get(field.field_type, field.field_type) for field in table.schema}


def _evolution(table: Table, contract: TableContract) -> Evolution:
    return evolution(columns_present(table), contract, _SQL_TYPES)


def _alteration(table: Table, needed: Evolution) -> str:
    """Return the script that renames and adds columns."""
    changes = [f"RENAME COLUMN {quoted_name(former)} TO {quoted_name(name)}" for former, name in needed.renamed.items()]
    added = [f"ADD COLUMN IF NOT EXISTS {quoted_name(column.name)} {_SQL_TYPES[column.type]}" for column in needed.added]
    if added:
        changes.append(", ".join(added))
    return "\n".join(f"ALTER TABLE {full_name(table)} {change};" for change in changes)


def full_name(table: Table) -> str:
    """Return a table's name for a statement."""
    return ".".join(quoted_name(part) for part in (table.project, table.dataset_id, table.table_id))


def quoted_name(name: str) -> str:
    """Return the name of a column for a statement."""
    return quoted(name, "`")
