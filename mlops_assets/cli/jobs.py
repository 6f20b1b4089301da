"""Run jobs from the command line, where no daemon runs: in cron, in a pipeline, in a hosted workflow."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._check import CheckError
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from mlops_assets.build import build_definitions
from mlops_assets.cli.places import say_where
from mlops_assets.cli.progress import job_progress, run_with_progress
from mlops_assets.cli.run_reports import RunFailedError, errors_of, warnings_of
from mlops_assets.cli.servers import use_instance
from mlops_assets.cli.shell import complain
from mlops_assets.errors import SettingsError
from mlops_assets.orchestration.instance import open_instance
from mlops_assets.orchestration.partitions import dimension_name, partition_keys, range_tags
from mlops_assets.orchestration.run_config import require_valid
from mlops_assets.settings import Settings
from mlops_assets.terminal import new_table


@dataclass(frozen=True)
class RunRequest:
    """What somebody wants to be run.

    Attributes:
        job: name of the job.
        first: a partition; the latest by default.
        last: the last partition of a range that begins with `first`.
        config: a YAML file as the launchpad of the UI has it, or `-` for standard input; None for none.
    """

    job: str
    first: str | None = None
    last: str | None = None
    config: str | None = None


def run_job(console: Console, settings: Settings, request: RunRequest) -> bool:
    """Run a job for a partition, a range of partitions, or the latest partition.

    A range is one run if the job's assets take it in one; else its partitions are run one by one, in order, and one that fails
    does not stop the others.

    Returns:
        Whether everything was done and no check failed; one that only warns does not count.

    Raises:
        SettingsError: there is no such job or partition, or the configuration does not fit the job.
        RunFailedError: the only run failed.
    """
    definitions = build_definitions(settings)
    job = find_job(definitions, request.job)
    runs = _plan(definitions, job, request.first, request.last, _keys_of(job, settings))
    run_config = _read_config(request.config) if request.config else {}
    require_valid(job, run_config)
    use_instance(settings)
    say_where(console, settings, _domains(job))
    with open_instance() as instance, job_progress(console) as progress:
        if len(runs) == 1:
            return _run(progress, job, instance, runs[0], run_config)
        outcomes = [_try(progress, job, instance, run, run_config) for run in runs]
    _summarize(console, job, outcomes)
    return all(outcome.is_success for outcome in outcomes)


def find_job(definitions: dg.Definitions, name: str) -> dg.JobDefinition:
    """Return the job of a name.

    Raises:
        SettingsError: there is none; the message lists those that there are.
    """
    jobs = {job.name: job for job in jobs_of(definitions)}
    if name not in jobs:
        raise SettingsError(f"there is no job {name!r}; the jobs are {', '.join(jobs)}")
    return jobs[name]


def jobs_of(definitions: dg.Definitions) -> list[dg.JobDefinition]:
    """Return the jobs that people may run, by name."""
    return sorted((job for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")), key=lambda job: job.name)


def takes_ranges(definitions: dg.Definitions, job: dg.JobDefinition) -> bool:
    """Tell whether one run of a job may hold several partitions: each of its partitioned assets must take them."""
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in job.asset_layer.selected_asset_keys]
    policies = [node.backfill_policy for node in nodes if node.partitions_def is not None]
    return bool(policies) and all(policy is not None and policy.policy_type.name == "SINGLE_RUN" for policy in policies)


@dataclass(frozen=True)
class _Run:
    """One run: of which partition, or with which tags."""

    title: str
    partition: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class _Outcome:
    """What became of a run among others."""

    partition: str
    seconds: float
    reason: str = ""

    @property
    def is_success(self) -> bool:
        return not self.reason


def _keys_of(job: dg.JobDefinition, settings: Settings) -> list[str]:
    """Return the keys of a job's partitions; only dynamic ones are looked up in Dagster's records."""
    partitions = job.partitions_def
    if not isinstance(partitions, dg.DynamicPartitionsDefinition):
        return list(partitions.get_partition_keys()) if partitions else []
    use_instance(settings)
    with open_instance() as instance:
        return partition_keys(partitions, instance)


def _plan(
    definitions: dg.Definitions, job: dg.JobDefinition, first: str | None, last: str | None, keys: Sequence[str]
) -> list[_Run]:
    """Return the runs for a partition or a range of partitions, in order."""
    if last and not first:
        raise SettingsError(f"--to {last} is the end of a range; say where it begins: --partition KEY --to {last}")
    partitions = job.partitions_def
    if partitions is None:
        if first:
            raise SettingsError(f"job {job.name} has no partitions; leave --partition out")
        return [_Run(job.name)]
    if not keys:
        raise SettingsError(f"job {job.name} has no partition yet: no {dimension_name(partitions)} has been registered")
    first = first or keys[-1]
    for key in (first, last or first):
        if key not in keys:
            raise SettingsError(f"job {job.name} has no partition {key!r}; it has {keys[0]} to {keys[-1]}")
    wanted = keys[keys.index(first) : keys.index(last or first) + 1]
    if not wanted:
        raise SettingsError(f"--to {last} comes before --partition {first}; the earlier one goes first")
    if len(wanted) > 1 and takes_ranges(definitions, job):
        return [_Run(f"{job.name} {first} to {wanted[-1]}", tags=range_tags(first, wanted[-1]))]
    return [_Run(f"{job.name} {key}", key) for key in wanted]


def _read_config(path: str) -> Mapping[str, Any]:
    """Read a run's configuration.

    Raises:
        SettingsError: the file cannot be read, or is no mapping.
    """
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        return dg.config_from_yaml_strings([text]) if text.strip() else {}
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read: {error}"
    except dg.DagsterInvariantViolationError as error:
        problem = f"is not YAML: {' '.join(str(error.__cause__ or error).split())}"
    except CheckError:
        problem = "is not a mapping that begins with ops:, as the launchpad of the UI shows it"
    raise SettingsError(f"--config {path} {problem}")


def _run(progress: Progress, job: dg.JobDefinition, instance: dg.DagsterInstance, run: _Run, config: Mapping[str, Any]) -> bool:
    """Run, say what the checks say, and return whether none of them failed."""
    result = run_with_progress(progress, run.title, job, instance, partition_key=run.partition, tags=run.tags, run_config=config)
    for warning in warnings_of(result):
        progress.console.print(warning, style="yellow", markup=False, highlight=False)
    failed = errors_of(result)
    for evaluation in failed:
        complain("Failed", f"check {evaluation.check_name} of {evaluation.asset_key.to_user_string()}: {evaluation.description}")
    return not failed


def _try(progress: Progress, job: dg.JobDefinition, instance: dg.DagsterInstance, run: _Run, config: Mapping[str, Any]) -> _Outcome:
    """Run one of several partitions, and keep going whatever becomes of it."""
    started = time.monotonic()
    try:
        reason = "" if _run(progress, job, instance, run, config) else "a check failed"
    except RunFailedError as error:
        complain(error.title, str(error))
        reason = error.summary
    return _Outcome(run.partition or "", time.monotonic() - started, reason)


def _summarize(console: Console, job: dg.JobDefinition, outcomes: Sequence[_Outcome]) -> None:
    failed = sum(not outcome.is_success for outcome in outcomes)
    title = f"{job.name}: {len(outcomes) - failed} of {len(outcomes)} partitions done"
    table = new_table(title, "partition", "outcome", "s", texts=2)
    for outcome in outcomes:
        table.add_row(outcome.partition, escape(outcome.reason) or "done", f"{outcome.seconds:.0f}")
    console.print(table)


def _domains(job: dg.JobDefinition) -> list[str]:
    return sorted({key.path[0] for key in job.asset_layer.selected_asset_keys} or {str(job.tags.get("domain", ""))} - {""})
