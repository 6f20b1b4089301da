"""Assets in the warehouse: a partition replaces exactly its rows; an asset without partitions adds or replaces rows by key.

Without partitions and without a key, what the asset returns is the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.metadata import add_stored_metadata, sample_metadata, size_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames, store_partitions
from mlops_assets.orchestration.partitions import partition_of

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.partition import Partition
    from mlops_assets.stores.registry import Stores


class WarehouseIOManager(dg.IOManager):
    """Write the frame that an asset returns to its warehouse table, and read it back for others."""

    def __init__(self, stores: Stores, contracts: Mapping[dg.AssetKey, TableContract]) -> None:
        """Use the warehouses of `stores`; `contracts` holds the tables."""
        self._stores = stores
        self._contracts = contracts

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | PartitionedFrames) -> None:
        """Store a frame as its partition, or by key if the asset has no partitions; of several partitions one after the other."""
        contract = self._contracts[context.asset_key]
        with retrying_transient_errors():
            if isinstance(obj, PartitionedFrames):
                store_partitions(context, obj, lambda key, frame: self._store(context, contract, key, frame))
            else:
                key = context.asset_partition_key if context.has_asset_partitions else None
                add_stored_metadata(context, self._store(context, contract, key, obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the rows of the partitions that an asset asked for, or the whole table; lazily if it asks for that."""
        contract = self._contracts[context.asset_key]
        warehouse = self._stores.warehouse(contract.domain)
        partitions = _partitions_asked_for(context)

        def load(key: str) -> pd.DataFrame:
            with retrying_transient_errors():
                return warehouse.read(contract, None if partitions is None else [partitions[key]])

        if context.dagster_type.typing_type is PartitionedFrames:
            return PartitionedFrames([""] if partitions is None else list(partitions), load)
        with retrying_transient_errors():
            return warehouse.read(contract, None if partitions is None else list(partitions.values()))

    def _store(self, context: dg.OutputContext, contract: TableContract, key: str | None, frame: pd.DataFrame) -> dict[str, Any]:
        warehouse = self._stores.warehouse(contract.domain)
        if key is None and contract.key:
            warehouse.upsert(contract, frame)
        else:
            partition = None if key is None else partition_of(context.asset_partitions_def, key)
            warehouse.replace_partition(contract, partition, frame)
        return {
            "dagster/table_name": f"{contract.domain}.{contract.name}",
            "warehouse": warehouse.location(contract),
            **size_metadata(len(frame)),
            **sample_metadata(frame),
        }


def _partitions_asked_for(context: dg.InputContext) -> dict[str, Partition] | None:
    """Return the partitions of an input by key, or None if its asset has none."""
    if not context.has_asset_partitions:
        return None
    return {key: partition_of(context.asset_partitions_def, key) for key in context.asset_partition_keys}
