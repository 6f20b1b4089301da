"""What conditions ask of the upstream of an asset where Dagster's own say too little or too much."""

from datetime import datetime

import dagster as dg
from dagster import AssetKey, AutomationContext
from dagster._core.asset_graph_view.entity_subset import EntitySubset
from dagster._core.definitions.declarative_automation.operands.subset_automation_condition import SubsetAutomationCondition
from dagster._record import record

SCORES_FROM = "scores_from"
"""Metadata of a champion asset: the moment (ISO, UTC) from which on a champion may score; null while there is none.
Where records bear no time it is the beginning of all time.

Decisions of former releases lack it."""


@record
class OwnUpstreamMissingCondition(SubsetAutomationCondition[AssetKey]):
    """Holds for every partition for which an upstream asset of the same partitions lacks the partition of the same key.

    `any_deps_missing` asks for all that a partition may look at: the day before a day's series, say, which need not exist.
    """

    @property
    def name(self) -> str:
        """How the UI calls the condition."""
        return "own_upstream_missing"

    async def compute_subset(self, context: AutomationContext[AssetKey]) -> EntitySubset[AssetKey]:  # type: ignore[override]
        """Return the candidates without a counterpart upstream."""
        complete = context.candidate_subset
        for parent in context.asset_graph.get(context.key).parent_keys:
            if context.asset_graph.get(parent).partitions_def == context.partitions_def:
                made = await context.asset_graph_view.compute_materialized_asset_subset(parent)
                complete = complete.compute_intersection_with_partition_keys(made.expensively_compute_partition_keys())
        return context.candidate_subset.compute_difference(complete)


@record
class EnoughUpstreamCondition(SubsetAutomationCondition[AssetKey]):
    """Holds for every partition of whose upstream partitions the last one is there, and so many in all.

    `any_deps_missing` asks for all of them: a history that is shorter than a window, or lacks a month for good, would never do.

    Attributes:
        at_least: how many partitions of each partitioned upstream asset.
    """

    at_least: int

    @property
    def name(self) -> str:
        """How the UI calls the condition."""
        return "enough_upstream"

    async def compute_subset(self, context: AutomationContext[AssetKey]) -> EntitySubset[AssetKey]:  # type: ignore[override]
        """Return the candidates that can be made of what there is."""
        view = context.asset_graph_view
        complete = context.candidate_subset
        for parent in context.asset_graph.get(context.key).parent_keys:
            made = (await view.compute_materialized_asset_subset(parent)).expensively_compute_partition_keys()
            for key in complete.expensively_compute_partition_keys():
                one = context.candidate_subset.compute_intersection_with_partition_keys({key})
                wanted = view.compute_parent_subset(parent, one).expensively_compute_partition_keys()
                if not wanted or max(wanted) not in made or len(wanted & made) < self.at_least:
                    complete = complete.compute_difference(one)
        return complete


@record
class ChampionAvailableCondition(SubsetAutomationCondition[AssetKey]):
    """Holds for every partition that a champion may score: one whose training ended before the partition begins.

    Partitions that are no times may be scored as soon as there is a champion.

    Attributes:
        champion_key: the asset that keeps the promotion decisions.
    """

    champion_key: AssetKey

    @property
    def name(self) -> str:
        """How the UI calls the condition."""
        return "champion_available"

    def compute_subset(self, context: AutomationContext[AssetKey]) -> EntitySubset[AssetKey]:
        """Return the candidates that begin when there is a champion already."""
        partitions, scores_from = context.partitions_def, champion_scores_from(context.asset_graph_view.instance, self.champion_key)
        if scores_from is None:
            return context.get_empty_subset()
        if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            return context.candidate_subset
        keys = context.candidate_subset.expensively_compute_partition_keys()
        available = {key for key in keys if partitions.time_window_for_partition_key(key).start >= scores_from}
        return context.candidate_subset.compute_intersection_with_partition_keys(available)


def champion_scores_from(instance: dg.DagsterInstance, champion_key: AssetKey) -> datetime | None:
    """Return the moment from which on some champion may score, by the latest decision of rule or person; None if there is none.

    It is in Dagster's own records, so that neither a tick nor a condition has to ask the model registry.
    """
    latest = _latest_decision(instance, champion_key)
    moment = latest.metadata[SCORES_FROM].value if latest and SCORES_FROM in latest.metadata else None
    return None if moment is None else datetime.fromisoformat(str(moment))


def is_of_former_release(instance: dg.DagsterInstance, champion_key: AssetKey) -> bool:
    """Tell whether the latest decision does not say from when on a champion may score, or that there is none."""
    latest = _latest_decision(instance, champion_key)
    return latest is not None and SCORES_FROM not in latest.metadata


def _latest_decision(instance: dg.DagsterInstance, champion_key: AssetKey) -> dg.AssetMaterialization | dg.AssetObservation | None:
    decided = instance.fetch_materializations(champion_key, limit=1).records
    # A person who promotes or rolls back leaves an observation.
    by_hand = instance.fetch_observations(champion_key, limit=1).records
    latest = max([*decided, *by_hand], key=lambda entry: entry.storage_id, default=None)
    return latest and (latest.asset_materialization or latest.event_log_entry.asset_observation)
