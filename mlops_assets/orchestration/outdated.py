"""The condition that Dagster does not have: which partitions were made from rows that have changed since.

`AutomationCondition.any_deps_updated().since(...)` forgets a change as soon as a run was requested for it, whether that run
succeeds or not, and takes a job that makes upstream and downstream together for a change that nobody has followed. Here a change
is remembered until a run that saw it has made the partition.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import astuple, dataclass, field, replace

import dagster as dg
from dagster import AssetKey, AutomationContext, AutomationResult
from dagster._core.asset_graph_view.entity_subset import EntitySubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._record import record

from mlops_assets.orchestration.materializations import (
    Materialization,
    latest_storage_ids,
    materializations_between,
    run_started_at,
)

_UNKNOWN_RUN = ""


@dataclass(frozen=True)
class Change:
    """What changed upstream of a partition since it was made.

    Attributes:
        run_id: the run that changed it last.
        at: POSIX time of its last change.
        earlier_at: POSIX time of the last change by any other run; 0 if there was none.
    """

    run_id: str
    at: float
    earlier_at: float = 0.0


@dataclass
class Changes:
    """What changed upstream of the partitions of an asset since they were made.

    Attributes:
        seen: storage id of the last event that was looked at.
        by_partition: None stands for an asset without partitions.
    """

    seen: int
    by_partition: dict[str | None, Change] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str) -> "Changes":
        """Return the changes that a cursor holds."""
        seen, changes = json.loads(cursor)
        return cls(seen, {partition: Change(*change) for partition, change in changes})

    def dump(self) -> str:
        """Return the changes as a cursor."""
        return json.dumps([self.seen, [(partition, astuple(change)) for partition, change in self.by_partition.items()]])

    def add(self, partition: str | None, run_id: str, at: float) -> None:
        """Remember that a run changed something upstream of a partition."""
        known = self.by_partition.get(partition)
        if known is None:
            self.by_partition[partition] = Change(run_id, at)
        elif known.run_id == run_id:
            self.by_partition[partition] = replace(known, at=at)
        else:
            self.by_partition[partition] = Change(run_id, at, earlier_at=max(known.at, known.earlier_at))

    def made(self, partition: str | None, run_id: str, started_at: float) -> None:
        """Forget the changes that a run which made a partition has seen: its own, and those of before its start."""
        change = self.by_partition.get(partition)
        if change is None:
            return
        has_seen_last = change.run_id == run_id or change.at <= started_at
        if has_seen_last and change.earlier_at <= started_at:
            del self.by_partition[partition]


@record
class OutdatedCondition(dg.AutomationCondition[AssetKey]):
    """Holds for every partition of which an upstream partition was made anew after the run that made it had started.

    A partition that was never made is not outdated but missing.

    Attributes:
        ignored: upstream assets that do not count.
    """

    ignored: frozenset[AssetKey] = frozenset()

    @property
    def name(self) -> str:
        """How the UI calls the condition."""
        return "outdated"

    @property
    def description(self) -> str:
        """What the UI says about it."""
        ignored = ", ".join(sorted(key.to_user_string() for key in self.ignored))
        return "Made from rows that have changed since" + (f", not counting {ignored}" if ignored else "")

    @property
    def requires_cursor(self) -> bool:
        """Changes are remembered from tick to tick."""
        return True

    async def evaluate(self, context: AutomationContext[AssetKey]) -> AutomationResult[AssetKey]:  # type: ignore[override]
        """Add the changes since the last tick, take away what has been made meanwhile, and hold for what remains."""
        upstream = [key for key in context.asset_graph.get(context.key).parent_keys if key not in self.ignored]
        if context.cursor is None:
            changes = _changes_of_before(context, upstream)
        else:
            changes = Changes.parse(context.cursor)
            await _follow(changes, context, upstream)
        return AutomationResult(context, _as_subset(context, changes.by_partition), cursor=changes.dump())


async def _follow(changes: Changes, context: AutomationContext[AssetKey], upstream: list[AssetKey]) -> None:
    """Take in what happened since the last tick, in the order in which it happened."""
    instance, last = context.asset_graph_view.instance, context.max_storage_id or 0
    events: list[tuple[int, AssetKey, Materialization]] = sorted(
        (event.storage_id, key, event)
        for key in [context.key, *upstream]
        for event in materializations_between(instance, key, changes.seen, last)
    )
    made = await _made_or_being_made(context) if events else set()
    for _, key, event in events:
        if key == context.key:
            changes.made(event.partition, event.run_id, run_started_at(instance, event))
            continue
        for partition in _downstream_partitions(context, key, event.partition):
            if partition in made:
                changes.add(partition, event.run_id, event.timestamp)
    changes.seen = max(changes.seen, last)


async def _made_or_being_made(context: AutomationContext[AssetKey]) -> set[str | None]:
    """Return the partitions that may become outdated; of the others, whatever they will be made from is up to date."""
    view = context.asset_graph_view
    being_made = await view.compute_run_in_progress_subset(key=context.key, from_subset=view.get_full_subset(key=context.key))
    return {*latest_storage_ids(view.instance, context.key), *_partitions_of(being_made)}


def _changes_of_before(context: AutomationContext[AssetKey], upstream: list[AssetKey]) -> Changes:
    """Return the changes that are known at the first tick: upstream partitions with newer records than what was made of them."""
    instance = context.asset_graph_view.instance
    made = latest_storage_ids(instance, context.key)
    changes = Changes(context.max_storage_id or 0)
    for parent in upstream:
        for parent_partition, storage_id in latest_storage_ids(instance, parent).items():
            for partition in _downstream_partitions(context, parent, parent_partition):
                if made.get(partition, storage_id) < storage_id:
                    changes.add(partition, _UNKNOWN_RUN, at=0.0)
    return changes


def _downstream_partitions(context: AutomationContext[AssetKey], parent: AssetKey, partition: str | None) -> Iterator[str | None]:
    """Yield the partitions of the asset that are made from a partition of an upstream asset."""
    view = context.asset_graph_view
    subset = view.get_asset_subset_from_asset_partitions(parent, {AssetKeyPartitionKey(parent, partition)})
    return _partitions_of(view.compute_child_subset(context.key, subset))


def _partitions_of(subset: EntitySubset[AssetKey]) -> Iterator[str | None]:
    if subset.is_partitioned:
        yield from subset.expensively_compute_partition_keys()
    elif not subset.is_empty:
        yield None


def _as_subset(context: AutomationContext[AssetKey], partitions: Collection[str | None]) -> EntitySubset[AssetKey]:
    everything = context.asset_graph_view.get_full_subset(key=context.key)
    if everything.is_partitioned:
        return everything.compute_intersection_with_partition_keys({str(partition) for partition in partitions})
    return everything if partitions else context.get_empty_subset()
