"""What Dagster's records say about the materializations of an asset, partition by partition."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType

_PAGE = 1_000


@dataclass(frozen=True, order=True)
class Materialization:
    """One record that a partition of an asset was materialized.

    Attributes:
        storage_id: counts up over all events of the instance.
        partition: None for an asset without partitions.
        run_id: the run that did it; empty for one that a person reported.
        timestamp: POSIX time.
    """

    storage_id: int
    partition: str | None
    run_id: str
    timestamp: float


def materializations_between(instance: dg.DagsterInstance, key: dg.AssetKey, after: int, last: int) -> Iterator[Materialization]:
    """Yield the materializations of an asset with storage ids above `after`, up to `last`, the oldest first."""
    wanted, cursor, has_more = dg.AssetRecordsFilter(asset_key=key, after_storage_id=after), None, True
    while has_more:
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor, ascending=True)
        for entry in page.records:
            if entry.storage_id > last:
                return
            yield Materialization(entry.storage_id, entry.partition_key, entry.run_id, entry.timestamp)
        cursor, has_more = page.cursor, page.has_more


def latest_storage_ids(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str | None, int]:
    """Return the storage id of the latest materialization of each partition, or of the whole asset under None."""
    latest = {entry.partition_key: entry.storage_id for entry in instance.fetch_materializations(key, limit=1).records}
    by_partition = instance.event_log_storage.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION)
    latest.update(by_partition.items())
    return latest


def run_started_at(instance: dg.DagsterInstance, event: Materialization) -> float:
    """Return the POSIX time at which the run of a materialization started; what a person reported took no time."""
    run = instance.get_run_record_by_id(event.run_id) if event.run_id else None
    return run.start_time if run is not None and run.start_time is not None else event.timestamp
