"""A platform left to its automation: the daemon's own ticks of schedules, sensors, conditions and backfills, in one process.

Time is that of the test: it stands still while runs are at work and moves when the test says so.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import time_machine
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from mlops_assets.orchestration.domain import Domain
from mlops_assets.orchestration.partitions import RANGE_TAGS

_MODULE = "platform_left_to_its_automation"
_INSTANCE = {
    "run_launcher": {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"},
    "python_logs": {"python_log_level": "CRITICAL"},
    "telemetry": {"enabled": False},
}
_LOG = logging.getLogger("automatic")
_MOST_ROUNDS = 20
"""More rounds without coming to rest would be automation that starts itself again and again."""


@contextmanager
def automatic(definitions: dg.Definitions, home: Path, start: datetime) -> Iterator["Automatic"]:
    """Give the automation of definitions with an instance in a new folder, from a moment on."""
    home.mkdir()
    module = ModuleType(_MODULE)
    module.defs = definitions  # type: ignore[attr-defined]
    sys.modules[_MODULE] = module
    origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(executable_path=sys.executable, module_name=_MODULE))
    try:
        with (
            time_machine.travel(start, tick=True) as time,
            dg.instance_for_test(temp_dir=str(home), overrides=_INSTANCE) as instance,
            WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
        ):
            yield Automatic(definitions, workspace, time)
    finally:
        del sys.modules[_MODULE]


class Automatic:
    """The daemon, tick by tick."""

    def __init__(self, definitions: dg.Definitions, workspace: WorkspaceProcessContext, time: time_machine.Traveller) -> None:
        """Begin with nothing in the records."""
        self.definitions, self.workspace, self.instance, self.time = definitions, workspace, workspace.instance, time
        self._schedule_times: dict[str, Any] = {}

    def settle(self) -> list[str]:
        """Let the daemon tick until nothing is started any more, and return the runs that it started, in order."""
        started: list[str] = []
        for _ in range(_MOST_ROUNDS):
            self.time.shift(timedelta(minutes=1))
            new = self._tick()
            if not new:
                return started
            started += new
        raise AssertionError("automation does not come to rest:\n" + "\n".join(started))

    def wait_until(self, moment: datetime) -> list[str]:
        """Let time pass to a moment, and the daemon tick then."""
        self.time.move_to(moment)
        return self.settle()

    def materialize(self, *assets: dg.AssetKey, partition: str) -> None:
        """Materialize a partition of assets by hand, as a person does in the UI."""
        job = self.definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(assets))
        assert job.execute_in_process(instance=self.instance, partition_key=partition).success

    def backfill(self, *assets: dg.AssetKey, partitions: Sequence[str]) -> list[str]:
        """Materialize partitions of assets as the UI does, by a backfill, and return its runs in order."""
        request = PartitionBackfill.from_asset_partitions(
            backfill_id=f"backfill{len(self.instance.get_backfills())}",
            asset_graph=self.definitions.resolve_asset_graph(),
            partition_names=list(partitions),
            asset_selection=list(assets),
            backfill_timestamp=datetime.now(timezone.utc).timestamp(),
            tags={},
            dynamic_partitions_store=self.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        self.instance.add_backfill(request)
        return self.settle()

    def says(self, sensor: str) -> str:
        """Return why a sensor started nothing at its latest tick."""
        [state] = [state for state in self.instance.all_instigator_state() if state.name == sensor]
        [tick] = self.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        return tick.skip_reason or ""

    def _tick(self) -> list[str]:
        schedules = launch_scheduled_runs(self.workspace, _LOG, datetime.now(timezone.utc), self._schedule_times)
        sensors = execute_sensor_iteration(self.workspace, _LOG, None, None)
        for error in [*schedules, *sensors, *execute_backfill_iteration(self.workspace, _LOG)]:
            assert error is None, error
        queued = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), ascending=True)
        return [self._launch(run) for run in queued]

    def _launch(self, run: dg.DagsterRun) -> str:
        """Carry out a run to its end, and describe it."""
        self.instance.launch_run(run.run_id, self.workspace.create_request_context())
        ended = self.instance.get_run_by_id(run.run_id)
        assert ended is not None
        for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            # Shown by pytest if the test fails.
            print(entry.get_dagster_event().step_failure_data.error_display_string)
        return _describe(ended)


def _describe(run: dg.DagsterRun) -> str:
    """Say what a run was for: its job, or the last of the assets that conditions wanted, its partitions, and how it ended."""
    first, last = (run.tags.get(tag) for tag in RANGE_TAGS)
    partitions = f"{first}..{last}" if first else run.tags.get("dagster/partition", "")
    what = run.job_name
    if what.startswith("__"):
        what = "+".join(sorted(key.path[-1] for key in run.asset_selection or []))
    failed = "" if run.status == dg.DagsterRunStatus.SUCCESS else f" {run.status.value}"
    return f"{what} {partitions}{failed}".strip()


def only(definitions: dg.Definitions, domain: Domain) -> dg.Definitions:
    """Return the part of the platform's definitions that is one domain's."""
    return dg.Definitions(
        assets=domain.assets,
        asset_checks=domain.checks,
        jobs=domain.jobs,
        schedules=domain.schedules,
        sensors=domain.sensors,
        resources=definitions.resources,
        executor=dg.in_process_executor,
    )
