"""The health of a stream as an asset: a look at the log, again and again, for dashboards and alerts."""

from collections import Counter
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.contracts.frames import conform, empty_frame, to_pandas
from mlops_assets.orchestration.asset_specs import STORES
from mlops_assets.orchestration.clock import CLOCK
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.orchestration.streams import Stream
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.stores.lake import Lake, LakeAddress
from mlops_assets.stores.registry import Stores
from mlops_assets.streams.health import measure_stream_health


def stream_health_asset(
    stream: Stream, contract: TableContract, partitions: dg.TimeWindowPartitionsDefinition, **options: Any
) -> dg.AssetsDefinition:
    """Return the asset that notes how far landing is behind the log; each look adds rows.

    Args:
        stream: that is looked at.
        contract: of the table, by `stream_health_contract`.
        partitions: of its dead letters.
        **options: further options of `dagster.asset`.
    """

    @warehouse_asset(contract, required_resource_keys={stream.topic_key, STORES, CLOCK}, deps=[stream.key], **options)
    def stream_health(context: dg.AssetExecutionContext) -> pd.DataFrame:
        stores: Stores = context.resources.stores
        topic, now = stream.topic(context.resources), context.resources.clock.now()
        with retrying_transient_errors(), error_context(contract.label):
            log, landed = stores.events(stream.domain), stream.landing(stores, topic)
            if topic not in log.topics():
                return empty_frame(contract)
            following = landed.next_offsets()
            dead_letters = _dead_letters(stores.lake(stream.domain), stream.dead_letters, partitions, landed.landed_topic)
            health = measure_stream_health(
                contract, topic, log.watermarks(topic), following, dead_letters, landed.newest_landed_at(), now
            )
        context.add_asset_metadata({name: int(health[name].sum()) for name in ("lag_count", "lost_count", "dead_letter_count")})
        return health

    return stream_health


def _dead_letters(lake: Lake, table: TableContract, partitions: dg.TimeWindowPartitionsDefinition, topic: str) -> Counter[int]:
    """Count the dead letters of a topic by partition of the log, over all days; what was delivered again is none."""
    asset, names = (table.domain, table.name), ["topic", "log_partition", "reason_code"]
    counts: Counter[int] = Counter()
    for key in lake.partitions(asset):
        rows = lake.read(LakeAddress(asset, partition_of(partitions, key)), names, contract=table)
        letters = to_pandas(conform(rows, table, names))
        counts.update(letters.loc[(letters["topic"] == topic) & (letters["reason_code"] != "duplicate"), "log_partition"].tolist())
    return counts
