"""List the jobs: what each does, and for which partitions."""

import dagster as dg
from rich.console import Console
from rich.markup import escape

from mlops_assets.build import build_definitions
from mlops_assets.cli.jobs import jobs_of, takes_ranges
from mlops_assets.cli.servers import use_instance
from mlops_assets.orchestration.instance import open_instance
from mlops_assets.orchestration.partitions import dimension_name, latest_partition_key
from mlops_assets.settings import Settings
from mlops_assets.terminal import new_table


def list_jobs(console: Console, settings: Settings) -> None:
    """Print a table of all jobs."""
    definitions = build_definitions(settings)
    table = new_table("Jobs; run one by `mlops-assets run JOB`", "job", "by", "latest", texts=3)
    use_instance(settings)
    with open_instance() as instance:
        for job in jobs_of(definitions):
            table.add_row(f"[bold]{job.name}[/bold]\n{escape(job.description or '')}", *_partitions(definitions, job, instance))
            table.add_section()
    console.print(table)


def _partitions(definitions: dg.Definitions, job: dg.JobDefinition, instance: dg.DagsterInstance) -> tuple[str, str]:
    """Return what a job is partitioned by, and its latest partition."""
    if job.partitions_def is None:
        return "-", "-"
    name = dimension_name(job.partitions_def)
    latest = latest_partition_key(job.partitions_def, instance)
    return (f"{name}, ranges" if takes_ranges(definitions, job) else name), latest or "-"
