"""The outcome of a check on several partitions in one run, recorded for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

_NAMED_PARTITIONS = 5
_RANGE_TAG = "dagster/asset_partition_range_start"


@dataclass(frozen=True)
class Verdict:
    """Whether one partition passed a check.

    Attributes:
        passed: whether it did.
        description: what is wrong, or worth knowing.
        metadata: evidence.
    """

    passed: bool
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def conclude(
    context: dg.AssetCheckExecutionContext,
    check: dg.AssetCheckKey,
    verdicts: Mapping[str, Verdict],
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Return the result of a check in this run, after recording it for each partition if the run holds a range of them.

    Dagster files the result of a run over a range under none of its partitions. The partitions would then count as unchecked for
    ever, and an automation condition that waits for blocking checks would never hold after a backfill.
    """
    if _RANGE_TAG in context.run.tags:
        for partition, verdict in _of_partitions(verdicts):
            evaluation = _evaluation(context.instance, check, partition, verdict, severity)
            event = DagsterEvent(
                DagsterEventType.ASSET_CHECK_EVALUATION.value, context.run.job_name, event_specific_data=evaluation
            )
            context.instance.report_dagster_event(event, context.run.run_id)
    failed = {partition: verdict for partition, verdict in verdicts.items() if not verdict.passed}
    shown = list((failed or verdicts).values())[:_NAMED_PARTITIONS]
    metadata: dict[str, Any] = {"partitions": len(verdicts), "failed_partitions": ", ".join(failed)}
    if len(verdicts) == 1:
        metadata = dict(shown[0].metadata)
    return dg.AssetCheckResult(
        passed=not failed,
        severity=severity,
        description="; ".join(verdict.description for verdict in shown if verdict.description) or None,
        metadata=metadata,
    )


def _of_partitions(verdicts: Mapping[str, Verdict]) -> list[tuple[str, Verdict]]:
    """Return the verdicts on partitions; an asset without partitions is judged under the empty key."""
    return [(partition, verdict) for partition, verdict in verdicts.items() if partition]


def _evaluation(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, partition: str, verdict: Verdict, severity: dg.AssetCheckSeverity
) -> dg.AssetCheckEvaluation:
    """Return the record of a verdict; it counts only with the materialization that was judged."""
    judged = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=check.asset_key, asset_partitions=[partition]), limit=1
    ).records[0]
    return dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=verdict.passed,
        metadata=dict(verdict.metadata),
        severity=severity,
        description=verdict.description,
        blocking=severity is dg.AssetCheckSeverity.ERROR,
        partition=partition,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=judged.storage_id, run_id=judged.run_id, timestamp=judged.timestamp
        ),
    )
