"""The partitions of tables, newest last, and frames of several of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.contracts.frames import to_pandas
from mlops_assets.dashboard.errors import not_made_yet
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import LakeAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import pyarrow.compute

    from mlops_assets.contracts import TableContract
    from mlops_assets.stores.registry import Stores


def latest_in_lake(stores: Stores, contract: TableContract, dimension: str, count: int) -> list[Partition]:
    """Return the newest partitions of a table of the lake, the newest last.

    Raises:
        NothingToShowError: there is none yet.
    """
    keys = list(stores.lake(contract.domain).partitions((contract.domain, contract.name)))
    if not keys:
        raise not_made_yet(f"table {contract.name}", contract.domain)
    return [Partition(dimension, key) for key in keys[-count:]]


def read_from_lake(
    stores: Stores,
    contract: TableContract,
    partitions: Sequence[Partition | None],
    columns: Sequence[str],
    rows: pyarrow.compute.Expression | None = None,
) -> pd.DataFrame:
    """Return columns of some partitions of a table of the lake, under today's names; None stands for a table without partitions."""
    import pyarrow as pa

    lake, asset = stores.lake(contract.domain), (contract.domain, contract.name)
    tables = [lake.read(LakeAddress(asset, partition), columns, rows, contract) for partition in partitions]
    return to_pandas(pa.concat_tables(tables, promote_options="default"))


def latest_in_warehouse(stores: Stores, contract: TableContract, count: int) -> list[Partition]:
    """Return the newest partitions of a table of the warehouse, the newest last.

    Raises:
        NothingToShowError: there is none yet.
    """
    found = stores.warehouse(contract.domain).partitions(contract)
    if not found:
        raise not_made_yet(f"table {contract.name}", contract.domain)
    return found[-count:]
