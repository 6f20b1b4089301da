"""How far each domain is: what has been made, which runs failed, who is champion, and what comes next."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.cli.places import say_where
from mlops_assets.cli.servers import use_instance
from mlops_assets.errors import PlatformError
from mlops_assets.orchestration.asset_specs import MODELS
from mlops_assets.orchestration.domain import Domain
from mlops_assets.orchestration.failures import error_sentence
from mlops_assets.orchestration.instance import open_instance
from mlops_assets.orchestration.materializations import latest_storage_ids
from mlops_assets.orchestration.model_io import model_name
from mlops_assets.orchestration.partitions import latest_partition_key, partition_label
from mlops_assets.settings import Settings
from mlops_assets.stores.models.versions import CHAMPION
from mlops_assets.stores.registry import Stores
from mlops_assets.terminal import new_table

_LOOKED_AT_RUNS = 200
_SHOWN_FAILURES = 3
_RECENT = timedelta(days=30)


def report_status(console: Console, settings: Settings, now: datetime | None = None) -> None:
    """Print the state of every domain."""
    say_where(console, settings)
    domains, stores = build_domains(settings), settings.build_stores()
    if "DAGSTER_HOME" not in os.environ and not (settings.data_dir / "dagster").exists():
        begin = f"mlops-assets bootstrap {domains[0].name}"
        console.print(f"Nothing has been made yet. Begin with: {begin}   (or `mlops-assets demo`)", highlight=False)
        return
    use_instance(settings)
    definitions = build_definitions(settings)
    with open_instance() as instance:
        for domain in domains:
            console.rule(f"[bold]{domain.name}[/bold]")
            console.print(_assets_table(instance, domain))
            for line in _lines(instance, definitions, domain, stores, now or datetime.now(timezone.utc)):
                console.print(line, highlight=False, soft_wrap=not console.is_terminal)


def _lines(
    instance: dg.DagsterInstance, definitions: dg.Definitions, domain: Domain, stores: Stores, now: datetime
) -> Iterator[str]:
    yield from _champions(domain, stores)
    yield from _failures(instance, domain, now)
    yield f"Automation: {_automation(instance, domain)}"
    yield f"Next: {_next_step(instance, definitions, domain)}"


def _assets_table(instance: dg.DagsterInstance, domain: Domain) -> Table:
    table = new_table("", "asset", "newest", "made at (UTC)", "partitions", texts=3)
    for key in _keys(domain):
        newest = instance.fetch_materializations(key, limit=1).records
        if not newest:
            table.add_row(key.path[-1], "[dim]not made yet[/dim]", "", "")
            continue
        keys = sorted(partition for partition in latest_storage_ids(instance, key) if partition is not None)
        made_at = datetime.fromtimestamp(newest[0].timestamp, timezone.utc)
        table.add_row(key.path[-1], keys[-1] if keys else "whole", f"{made_at:%Y-%m-%d %H:%M}", f"{len(keys):,}" if keys else "")
    return table


def _keys(domain: Domain) -> list[dg.AssetKey]:
    return [key for asset in domain.assets for key in sorted(asset.keys)]


def _champions(domain: Domain, stores: Stores) -> Iterator[str]:
    """Yield who is champion of each model of the domain, without making a registry where there is none."""
    models = [key for asset in domain.assets for key in asset.keys if asset.get_io_manager_key_for_asset_key(key) == MODELS]
    registry = stores.models()
    for key in models:
        try:
            champion = registry.version_by_alias(model_name(key), CHAMPION) if registry.exists() else None
        except PlatformError as error:
            yield f"Champion of {key.path[-1]}: cannot be told: {escape(str(error))}"
            continue
        if champion is None:
            yield f"Champion of {key.path[-1]}: none"
            continue
        window = [f"{time:%Y-%m-%d}" for time in (champion.training_start_at, champion.training_end_at) if time is not None]
        trained = f", trained on {' to '.join(window)}" if window else ""
        since = f", champion since {champion.promoted_at:%Y-%m-%d %H:%M} UTC" if champion.promoted_at else ""
        yield f"Champion of {key.path[-1]}: version {champion.version}{trained}{since}"


def _failures(instance: dg.DagsterInstance, domain: Domain, now: datetime) -> Iterator[str]:
    """Yield runs whose last attempt failed, the latest first."""
    ended = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
    records = instance.get_run_records(dg.RunsFilter(statuses=ended, created_after=now - _RECENT), limit=_LOOKED_AT_RUNS)
    latest: dict[tuple[str, str | None, frozenset[dg.AssetKey]], dg.DagsterRun] = {}
    for record in records:
        run = record.dagster_run
        if _is_about(run, domain):
            selected = frozenset(run.asset_selection or ())
            latest.setdefault((run.job_name, partition_label(run.tags), selected), run)
    failed = [run for run in latest.values() if run.status is DagsterRunStatus.FAILURE]
    for run in failed[:_SHOWN_FAILURES]:
        steps = instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE)
        events = [entry.dagster_event for entry in steps or instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE)]
        reason = error_sentence(events[0]) if events and events[0] else "no error was recorded"
        about = f" for {label}" if (label := partition_label(run.tags)) else ""
        yield f"[red]Failed[/red]: {run.job_name}{about}, run {run.run_id[:8]}: {escape(reason.splitlines()[0])}"
    if len(failed) > _SHOWN_FAILURES:
        yield f"[red]Failed[/red]: {len(failed) - _SHOWN_FAILURES} more; `mlops-assets dev` shows them all"


def _is_about(run: dg.DagsterRun, domain: Domain) -> bool:
    jobs = {job.name for job in domain.jobs}
    return run.job_name in jobs or any(key.path[0] == domain.name for key in run.asset_selection or ())


def _automation(instance: dg.DagsterInstance, domain: Domain) -> str:
    """Say which schedules and sensors of a domain are switched on."""
    stored = {
        (state.instigator_type, state.instigator_name): state.status
        for kind in (InstigatorType.SCHEDULE, InstigatorType.SENSOR)
        for state in instance.all_instigator_state(instigator_type=kind)
    }
    on = []
    for kind, definition in [
        *((InstigatorType.SCHEDULE, schedule) for schedule in domain.schedules),
        *((InstigatorType.SENSOR, sensor) for sensor in domain.sensors),
    ]:
        status = stored.get((kind, definition.name), InstigatorStatus.DECLARED_IN_CODE)
        starts_on = definition.default_status.value == "RUNNING"
        if status is InstigatorStatus.RUNNING or (status is InstigatorStatus.DECLARED_IN_CODE and starts_on):
            on.append(definition.name)
    count = len(domain.schedules) + len(domain.sensors)
    return f"{len(on)} of {count} schedules and sensors are on" + (f": {', '.join(on)}" if on else "; nothing starts by itself")


def _next_step(instance: dg.DagsterInstance, definitions: dg.Definitions, domain: Domain) -> str:
    """Say which command brings the domain on."""
    if domain.bootstrap and instance.get_latest_materialization_event(domain.bootstrap.champion_key) is None:
        return f"mlops-assets bootstrap {domain.name}   (reads the first history, trains, scores; goes on where it was interrupted)"
    known: set[dg.AssetKey] = set()
    for name in (job.name for job in domain.jobs):
        job = definitions.resolve_job_def(name)
        keys = job.asset_layer.selected_asset_keys
        last = latest_partition_key(job.partitions_def, instance) if job.partitions_def else None
        if last is None or keys <= known:
            continue
        known |= keys
        graph = definitions.resolve_asset_graph()
        partitioned = [key for key in sorted(keys) if graph.get(key).partitions_def is not None]
        missing = [key for key in partitioned if last not in latest_storage_ids(instance, key)]
        if missing:
            return f"mlops-assets run {name}   ({last} of {missing[0].path[-1]} is missing)"
    return "nothing; the latest partition of everything is there"
