"""What a table promises: its columns, types, units, null rules and descriptions, written once.

From one `TableContract` come the Arrow schema of its Parquet objects, the columns of its warehouse table, the check of its
rows, the schema shown in the UI and its page in the data dictionary. A `DocumentContract` says which fields of a document the
document store goes by. This package knows no domain, no store and no Dagster.
"""

from mlops_assets.contracts.documents import DocumentContract
from mlops_assets.contracts.table import Column, ColumnType, TableContract

__all__ = ["Column", "ColumnType", "DocumentContract", "TableContract"]
