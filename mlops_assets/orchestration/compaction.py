"""Compact what has landed: a job per domain, for people and the calendar."""

from collections.abc import Sequence

import dagster as dg

from mlops_assets.orchestration.automation import schedule_status
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.stores.landing.compaction import compact_closed
from mlops_assets.stores.registry import Stores


def compaction_job(domain: str, landings: Sequence[str]) -> dg.JobDefinition:
    """Return the job `compact_<domain>`.

    Args:
        domain: whose objects are compacted.
        landings: what they are kept under in its lake, such as `snapshots`.
    """

    @dg.op(
        name=f"compact_{domain}_landing", description="Compacts hours, days and months that are over, and full blocks of offsets."
    )
    def compact(context: dg.OpExecutionContext, stores: dg.ResourceParam[Stores], clock: dg.ResourceParam[Clock]) -> None:
        counts: dict[str, int] = {}
        for name in landings:
            counts[f"{name}_count"] = 0
            with retrying_transient_errors(), error_context(f"{domain}/{name}"):
                for compacted in compact_closed(stores.landing(domain, name), clock.now()):
                    context.log.info(f"{name}: {compacted.object_count} objects of {compacted.folder} are one now")
                    counts[f"{name}_count"] += compacted.object_count
        context.add_output_metadata(counts)

    @dg.job(
        name=f"compact_{domain}",
        description="Put the many small objects that have landed, of each day or month that is over, into one. Repeatable.",
        tags={"domain": domain},
    )
    def compact_domain() -> None:
        compact()

    return compact_domain


def compaction_schedule(job: dg.JobDefinition, *, automation_enabled: bool) -> dg.ScheduleDefinition:
    """Return the schedule that compacts on Sunday nights."""
    return dg.ScheduleDefinition(
        name=f"{job.name}_weekly",
        job=job,
        cron_schedule="30 3 * * 0",
        execution_timezone="UTC",
        default_status=schedule_status(automation_enabled),
        description="Compacts, on Sundays at half past three, what landed in days or months that are over.",
    )
