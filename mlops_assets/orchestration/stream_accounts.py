"""The account of a stream: every message that landed is a row or a dead letter of some day."""

import dagster as dg

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.asset_specs import STORES, asset_key
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.orchestration.streams import Stream
from mlops_assets.stores.lake import Lake, LakeAddress
from mlops_assets.stores.registry import Stores


def stream_account_check(
    stream: Stream, rows: TableContract, partitions: dg.TimeWindowPartitionsDefinition
) -> dg.AssetChecksDefinition:
    """Return the check `accounts_for_every_message` of a stream's landing.

    Args:
        stream: that lands.
        rows: the table of its messages by day, in the lake.
        partitions: the days.
    """
    tables = (rows, stream.dead_letters)

    @dg.asset_check(
        asset=stream.key,
        name="accounts_for_every_message",
        additional_deps=[asset_key(table) for table in tables],
        required_resource_keys={stream.topic_key, STORES},
        description=f"Messages landed = rows of {rows.name} + rows of {stream.dead_letters.name}, over all days.",
    )
    def accounts_for_every_message(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        topic = stream.topic(context.resources)
        stores: Stores = context.resources.stores
        with retrying_transient_errors():
            landed = stream.landing(stores, topic).message_count()
            kept, rejected = (_row_count(stores.lake(stream.domain), table, partitions) for table in tables)
        missing = landed - kept - rejected
        what = "" if missing == 0 else f"; {missing:,} are in no table: materialize the days that were touched"
        return dg.AssetCheckResult(
            passed=missing == 0,
            severity=dg.AssetCheckSeverity.WARN if missing > 0 else dg.AssetCheckSeverity.ERROR,
            description=f"{landed:,} messages landed: {kept:,} rows, {rejected:,} rejects{what}",
            metadata={"landed_count": landed, "row_count": kept, "reject_count": rejected, "missing_count": missing},
        )

    return accounts_for_every_message


def _row_count(lake: Lake, table: TableContract, partitions: dg.TimeWindowPartitionsDefinition) -> int:
    asset = (table.domain, table.name)
    keys = lake.partitions(asset)
    return sum(lake.row_count(LakeAddress(asset, partition_of(partitions, key))) or 0 for key in keys)
