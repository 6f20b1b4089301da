"""Assets in the warehouse: a partition replaces exactly its rows; an asset without partitions adds or replaces rows by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.tables import sample_metadata, size_metadata

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

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Store a frame: as its partition, or by key if the asset has no partitions."""
        contract = self._contracts[context.asset_key]
        warehouse = self._stores.warehouse(contract.domain)
        with retrying_transient_errors():
            if context.has_asset_partitions:
                warehouse.replace_partition(contract, _first_day(context, context.asset_partition_key), obj)
            else:
                warehouse.upsert(contract, obj)
        context.add_output_metadata(
            {
                "dagster/table_name": f"{contract.domain}.{contract.name}",
                "warehouse": warehouse.location(contract),
                **size_metadata(len(obj)),
                **sample_metadata(obj),
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the rows of the partitions that an asset asked for, or the whole table; one partition at a time if it asks for that."""
        contract = self._contracts[context.asset_key]
        warehouse = self._stores.warehouse(contract.domain)
        days = {key: _first_day(context, key) for key in context.asset_partition_keys} if context.has_asset_partitions else {}
        with retrying_transient_errors():
            if context.dagster_type.typing_type is PartitionedFrames:
                return PartitionedFrames(list(days) or [""], lambda key: warehouse.read(contract, [days[key]] if days else None))
            return warehouse.read(contract, list(days.values()) if days else None)


def _first_day(context: dg.OutputContext | dg.InputContext, partition_key: str) -> date:
    """Return the calendar day on which a partition begins, in the time zone of the partitions."""
    partitions = context.asset_partitions_def
    assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    return partitions.time_window_for_partition_key(partition_key).start.date()
