"""Assets in the warehouse: a partition replaces exactly its rows; an asset without partitions adds or replaces rows by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames, store_partitions
from mlops_assets.orchestration.tables import add_stored_metadata, sample_metadata, size_metadata

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.stores.catalog import Stores


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
                partition = context.asset_partition_key if context.has_asset_partitions else None
                add_stored_metadata(context, self._store(context, contract, partition, obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the rows of the partitions that an asset asked for, or the whole table; lazily if it asks for that."""
        contract = self._contracts[context.asset_key]
        warehouse = self._stores.warehouse(contract.domain)
        days = {key: _first_day(context, key) for key in context.asset_partition_keys} if context.has_asset_partitions else None

        def load(key: str) -> pd.DataFrame:
            with retrying_transient_errors():
                return warehouse.read(contract, None if days is None else [days[key]])

        if context.dagster_type.typing_type is PartitionedFrames:
            return PartitionedFrames([""] if days is None else list(days), load)
        with retrying_transient_errors():
            return warehouse.read(contract, None if days is None else list(days.values()))

    def _store(
        self, context: dg.OutputContext, contract: TableContract, partition: str | None, frame: pd.DataFrame
    ) -> dict[str, Any]:
        warehouse = self._stores.warehouse(contract.domain)
        if partition is None:
            warehouse.upsert(contract, frame)
        else:
            warehouse.replace_partition(contract, _first_day(context, partition), frame)
        return {
            "dagster/table_name": f"{contract.domain}.{contract.name}",
            "warehouse": warehouse.location(contract),
            **size_metadata(len(frame)),
            **sample_metadata(frame),
        }


def _first_day(context: dg.OutputContext | dg.InputContext, partition_key: str) -> date:
    """Return the calendar day on which a partition begins, in the time zone of the partitions."""
    partitions = context.asset_partitions_def
    assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    return partitions.time_window_for_partition_key(partition_key).start.date()
