"""The outcome of a check on several partitions in one run, recorded for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

from mlops_assets.orchestration.partitions import RANGE_TAGS

_NAMED_PARTITIONS = 5


@dataclass(frozen=True)
class CheckOutcome:
    """Whether one partition passed a check.

    Attributes:
        passed: whether it did.
        description: what is wrong, or worth knowing.
        metadata: evidence.
    """

    passed: bool
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def report_partition_results(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    check: dg.AssetCheckKey,
    outcomes: Mapping[str, CheckOutcome],
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Return the result of a check in this run, after recording it for each partition if the run holds a range of them.

    Dagster files the result of a run over a range under none of its partitions. The partitions would then count as unchecked for
    ever, and an automation condition that waits for blocking checks would never hold after a backfill.
    """
    if RANGE_TAGS[0] in context.run.tags:
        of_partitions = {partition: outcome for partition, outcome in outcomes.items() if partition}
        judged = _latest_materializations(context.instance, check.asset_key, list(of_partitions))
        for partition, outcome in of_partitions.items():
            evaluation = _evaluation(check, partition, outcome, severity, judged[partition])
            event = DagsterEvent(
                DagsterEventType.ASSET_CHECK_EVALUATION.value, context.run.job_name, event_specific_data=evaluation
            )
            context.instance.report_dagster_event(event, context.run.run_id)
    failed = {partition: outcome for partition, outcome in outcomes.items() if not outcome.passed}
    told = list((failed or outcomes).values())
    metadata: dict[str, Any] = {"partitions": len(outcomes), "failed_partitions": ", ".join(failed)}
    if len(outcomes) == 1:
        metadata = dict(told[0].metadata)
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=not failed,
        severity=severity,
        description=_describe([outcome.description for outcome in told if outcome.description]),
        metadata=metadata,
    )


def _describe(descriptions: Sequence[str]) -> str | None:
    """Return the first descriptions, and how many there are besides."""
    shown, left_out = list(descriptions[:_NAMED_PARTITIONS]), len(descriptions) - _NAMED_PARTITIONS
    if left_out > 0:
        shown.append("and one more" if left_out == 1 else f"and {left_out:,} more partitions")
    return "; ".join(shown) or None


def _latest_materializations(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, partitions: list[str]
) -> dict[str, dg.EventLogRecord]:
    """Return the latest materialization of each partition; those of a range were all made by the run that is being checked."""
    latest: dict[str, dg.EventLogRecord] = {}
    cursor = None
    while len(latest) < len(partitions):
        page = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=asset_key, asset_partitions=partitions), limit=len(partitions), cursor=cursor
        )
        for record in page.records:
            latest.setdefault(str(record.partition_key), record)
        if not page.has_more:
            break
        cursor = page.cursor
    return latest


def _evaluation(
    check: dg.AssetCheckKey, partition: str, outcome: CheckOutcome, severity: dg.AssetCheckSeverity, judged: dg.EventLogRecord
) -> dg.AssetCheckEvaluation:
    """Return the record of a outcome; it counts only with the materialization that was judged."""
    return dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=outcome.passed,
        metadata=dict(outcome.metadata),
        severity=severity,
        description=outcome.description,
        blocking=severity is dg.AssetCheckSeverity.ERROR,
        partition=partition,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=judged.storage_id, run_id=judged.run_id, timestamp=judged.timestamp
        ),
    )
