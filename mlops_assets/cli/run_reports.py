"""What became of a run, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import AssetCheckSeverity, DagsterEventType
from dagster._core.events import JobFailureData, RunFailureReason

from mlops_assets.errors import PlatformError
from mlops_assets.orchestration.failures import error_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg


class RunFailedError(PlatformError):
    """A run in this process that failed. The message says in which assets, why, and where the rest can be read.

    Attributes:
        summary: the first reason, in a few words.
    """

    title = "Failed"

    def __init__(self, message: str, summary: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.summary = summary


def require_success(result: dg.ExecuteInProcessResult, job: dg.JobDefinition, partition: str | None) -> None:
    """Do nothing after a run that succeeded.

    Args:
        result: of the run.
        job: what was run.
        partition: of which partition, or range of partitions; None if there are none.

    Raises:
        RunFailedError: the run failed.
        KeyboardInterrupt: somebody stopped it.
    """
    if result.success:
        return
    if any(_was_interrupted(event) for event in result.all_events):
        raise KeyboardInterrupt
    where = f" for {partition}" if partition else ""
    reasons = list(_reasons(result, job)) or ["no error was recorded"]
    lines = [f"{job.name}{where}", *reasons, f"Log and traceback: `mlops-assets dev`, run {result.run_id}; or --debug."]
    raise RunFailedError("\n  ".join(lines), summary=": ".join(reasons[0].split(": ")[:2]))


def warnings_of(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """Yield a sentence for each check that did not pass and only warns."""
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed and evaluation.severity == AssetCheckSeverity.WARN:
            yield f"{_label(evaluation)} warns: {evaluation.description or 'it did not pass'}"


def errors_of(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    """Return the checks that did not pass and are errors, whether or not they stopped anything."""
    return [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.severity == AssetCheckSeverity.ERROR
    ]


def step_label(step_key: str) -> str:
    """Return the asset that a step makes, as people write it: `domain/asset`."""
    return step_key.replace("__", "/", 1)


def _reasons(result: dg.ExecuteInProcessResult, job: dg.JobDefinition) -> Iterator[str]:
    failed_checks = errors_of(result)
    for evaluation in failed_checks:
        promise = job.asset_layer.asset_graph.get(evaluation.asset_check_key).description
        yield f"{_label(evaluation)} failed: {evaluation.description or 'it did not pass'}"
        yield f"  It promises: {promise or 'no description'}" + (
            " Nothing that builds on the asset was made." if evaluation.blocking else ""
        )
    steps = [event for event in result.all_events if event.event_type is DagsterEventType.STEP_FAILURE]
    for event in steps:
        sentence = error_sentence(event)
        label = step_label(event.step_key or "")
        if not (failed_checks and sentence.startswith("DagsterAssetCheckFailedError")):
            # Most errors name the asset and its partition themselves.
            yield f"{label}: {sentence.replace(f'{label}, ', '', 1).replace(f'{label}: ', '', 1)}"
    if not steps:
        yield from (error_sentence(event) for event in result.all_events if event.event_type is DagsterEventType.RUN_FAILURE)


def _label(evaluation: dg.AssetCheckEvaluation) -> str:
    return f"Check {evaluation.check_name} of {evaluation.asset_key.to_user_string()}"


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    data = event.event_specific_data
    return isinstance(data, JobFailureData) and data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION
