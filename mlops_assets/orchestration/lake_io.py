"""Assets in the lake: one Parquet object per partition, or one fitted object.

Dagster's own `UPathIOManager` cannot write several partitions from one run and none of the shipped managers writes atomically;
this one leaves both to the lake and only translates between Dagster's contexts and lake addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.contracts.frames import arrow_schema, conform, to_arrow, to_pandas
from mlops_assets.errors import PermanentError, PlatformError
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.metadata import add_stored_metadata, sample_metadata, size_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames, store_partitions
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.stores.lake import LakeAddress

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.contracts import TableContract
    from mlops_assets.partition import Partition
    from mlops_assets.stores.lake import Lake, StoredObject
    from mlops_assets.stores.registry import Stores


class LakeIOManager(dg.IOManager):
    """Write what an asset returns to the lake, and hand it to the assets that ask for it.

    An asset with a contract returns a `DataFrame`, or `PartitionedFrames` if one run may hold several partitions; an asset
    without one returns any object that joblib can store. An input annotated `PartitionedFrames` is loaded lazily; any other
    gets the rows of all its partitions as one frame. Two entries of an input's metadata say more: `columns` names the columns
    wanted, and `skip_missing_partitions` leaves out partitions that are not materialized instead of failing.
    """

    def __init__(self, stores: Stores, contracts: Mapping[dg.AssetKey, TableContract]) -> None:
        """Use the lakes of `stores`; `contracts` holds the tables among the assets."""
        self._stores = stores
        self._contracts = contracts

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store what an asset returned, one object per partition, and tell the UI about it."""
        with retrying_transient_errors():
            if isinstance(obj, PartitionedFrames):
                store_partitions(context, obj, lambda key, frame: self._store(context, key, frame))
            else:
                partition = context.asset_partition_key if context.has_asset_partitions else None
                add_stored_metadata(context, self._store(context, partition, obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Load the partitions that an asset asked for."""
        asset_key = context.asset_key
        lake, contract = self._lake(asset_key), self._contracts.get(asset_key)
        with retrying_transient_errors():
            if contract is None:
                return lake.read_object(_single_address(context))
            frames = _lazy_frames(context, lake, contract)
            if context.dagster_type.typing_type is PartitionedFrames:
                return frames
            if not frames:
                return to_pandas(conform(arrow_schema(contract).empty_table(), contract, _columns(context)))
            return frames[frames.keys[0]] if len(frames) == 1 else frames.concatenated()

    def _store(self, context: dg.OutputContext, partition: str | None, value: Any) -> dict[str, Any]:
        address = LakeAddress(
            tuple(context.asset_key.path), None if partition is None else partition_of(context.asset_partitions_def, partition)
        )
        lake, contract = self._lake(context.asset_key), self._contracts.get(context.asset_key)
        if contract is None:
            return _stored_metadata(lake.write_object(address, value))
        try:
            table = to_arrow(value, contract)
        except PlatformError as error:
            raise type(error)(f"cannot write {address}: {error}") from error
        stored = lake.write(address, table)
        return {**_stored_metadata(stored), **size_metadata(stored.row_count), **sample_metadata(value)}

    def _lake(self, asset_key: dg.AssetKey) -> Lake:
        return self._stores.lake(asset_key.path[0])


def read_partition(lake: Lake, contract: TableContract, partition: Partition | None) -> pd.DataFrame:
    """Read one partition of a table, or one without partitions, for code that learns only while running what it needs."""
    address = LakeAddress((contract.domain, contract.name), partition)
    return to_pandas(conform(lake.read(address, contract=contract), contract))


def _lazy_frames(context: dg.InputContext, lake: Lake, contract: TableContract) -> PartitionedFrames:
    columns = _columns(context)
    addresses = {address.partition.key if address.partition else "": address for address in _addresses(context)}
    if (context.definition_metadata or {}).get("skip_missing_partitions"):
        # One listing instead of a question per partition: a bucket answers each only after a while.
        present = set(lake.partitions(tuple(context.asset_key.path)))
        addresses = {key: address for key, address in addresses.items() if key in present}

    def load(key: str) -> pd.DataFrame:
        with retrying_transient_errors():
            return to_pandas(conform(lake.read(addresses[key], columns, contract=contract), contract, columns))

    return PartitionedFrames(list(addresses), load)


def _columns(context: dg.InputContext) -> Sequence[str] | None:
    return (context.definition_metadata or {}).get("columns")


def _single_address(context: dg.InputContext) -> LakeAddress:
    addresses = _addresses(context)
    if len(addresses) != 1:
        raise PermanentError(
            f"{context.asset_key.to_user_string()} is a fitted object, of which an asset takes one partition; this run asks for "
            f"{len(addresses)}; run the partitions one by one"
        )
    return addresses[0]


def _addresses(context: dg.InputContext) -> list[LakeAddress]:
    asset = tuple(context.asset_key.path)
    if not context.has_asset_partitions:
        return [LakeAddress(asset)]
    partitions = context.asset_partitions_def
    return [LakeAddress(asset, partition_of(partitions, key)) for key in context.asset_partition_keys]


def _stored_metadata(stored: StoredObject) -> dict[str, Any]:
    return {"dagster/uri": stored.uri, "size_bytes": stored.size_bytes}
