"""Run a job from the command line, where no daemon runs: in cron, in a pipeline, in a hosted workflow."""

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mlops_assets.build import build_definitions
from mlops_assets.cli.progress import run_with_progress
from mlops_assets.cli.servers import use_home
from mlops_assets.errors import SettingsError
from mlops_assets.orchestration.home import open_instance
from mlops_assets.orchestration.partitions import range_tags
from mlops_assets.settings import Settings


def run_job(console: Console, settings: Settings, name: str, first: str | None, last: str | None) -> bool:
    """Run a job for a partition, a range of partitions, or the latest partition, and say which checks failed.

    Args:
        console: gets the progress.
        settings: of the platform.
        name: of the job.
        first: a partition; the latest by default.
        last: the last partition of a range that begins with `first`.

    Returns:
        Whether all checks passed.

    Raises:
        SettingsError: there is no such job or partition.
    """
    use_home(settings)
    job = _find(build_definitions(settings), name)
    partition, tags = _choose(job, first, last)
    columns = (TextColumn("{task.description:<50}"), BarColumn(bar_width=10), MofNCompleteColumn(), TimeElapsedColumn())
    with open_instance() as instance, Progress(*columns, console=console) as progress:
        result = run_with_progress(progress, name, job, instance, partition_key=partition, tags=tags)
    failed = [evaluation for evaluation in result.get_asset_check_evaluations() if not evaluation.passed]
    for evaluation in failed:
        console.print(
            f"[yellow]{evaluation.asset_key.to_user_string()}: {evaluation.check_name}[/yellow] {evaluation.description or ''}"
        )
    return not failed


def _find(definitions: dg.Definitions, name: str) -> dg.JobDefinition:
    jobs = {job.name: job for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}
    if name not in jobs:
        raise SettingsError(f"there is no job {name!r}; the jobs are {', '.join(sorted(jobs))}")
    return jobs[name]


def _choose(job: dg.JobDefinition, first: str | None, last: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the partition key, or the tags of a range, for which the job is to be run."""
    partitions = job.partitions_def
    if partitions is None:
        if first:
            raise SettingsError(f"job {job.name} has no partitions")
        return None, {}
    for key in (first, last):
        if key and not partitions.has_partition_key(key):
            known = partitions.get_partition_keys()
            raise SettingsError(f"job {job.name} has no partition {key!r}; it has {known[0]} to {known[-1]}")
    if last:
        return None, range_tags(first or last, last)
    return first or partitions.get_last_partition_key(), {}
