"""Dagster's own records on one machine: made ready before anything uses them, and put right after a crash.

What belongs here: the folder that `DAGSTER_HOME` names, and runs whose process is gone. What runs write belongs to the stores.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from mlops_assets.errors import PermanentError, SettingsError, TransientError
from mlops_assets.stores.disk import disk_errors

_REPOSITORY_CONFIG = Path(__file__).resolve().parents[2] / "dagster.yaml"
_CONFIG_WITHOUT_REPOSITORY = "telemetry:\n  enabled: false\n"
"""For an installed package without its repository. Whether usage is reported is the one setting that must not depend on that."""
_LOCK_TIMEOUT_S = 120
_CLOCK_TOLERANCE_S = 10
"""A process reports its id seconds after it began; clocks may be corrected by as much in between."""
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PROCESS_EVENTS = {
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
}
_RUNNING = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class RecoveredRun:
    """A run that was shown as running although nobody worked on it.

    Attributes:
        run_id: the run.
        job: name of its job.
        status: what it was shown as before.
        reason: why it was taken for abandoned, as written into its log.
    """

    run_id: str
    job: str
    status: str
    reason: str


def prepare_instance(data_dir: Path, template: Path | None = None, pool_limits: Mapping[str, int] | None = None) -> Path:
    """Make `<data_dir>/dagster` ready to be used as `DAGSTER_HOME` by any number of processes, and return its absolute path.

    Processes that open an empty SQLite home at the same time run its migrations into each other and can leave it broken for good.
    So the first one makes the home under a lock, beside its final place, and moves it there when it is complete: neither a second
    process nor Ctrl-C in the first second can leave half a home.

    Args:
        data_dir: folder of the embedded stores; created if needed.
        template: the `dagster.yaml` to place there; by default the repository's. It replaces a different one: edit the template.
        pool_limits: how many steps may hold each pool at once. Other pools keep their limits.

    Raises:
        StoreAccessError: the disk is full, read-only or forbidden.
        TransientError: another process prepares the folder all this time.
    """
    from filelock import FileLock, Timeout

    data_dir = data_dir.expanduser().absolute()
    home = data_dir / "dagster"
    config = _config_text(template)
    try:
        with disk_errors(f"cannot prepare Dagster's records in {home}"):
            data_dir.mkdir(parents=True, exist_ok=True)
            with FileLock(data_dir / ".dagster.lock", timeout=_LOCK_TIMEOUT_S):
                if not home.exists():
                    _make_home(home, config)
                _place_config(home, config)
                _open_once(home, pool_limits or {})
    except Timeout as error:
        raise TransientError(
            f"Another process has been preparing {home} for {_LOCK_TIMEOUT_S} s; wait for it, or end it, and start again"
        ) from error
    return home


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """Open the instance that `DAGSTER_HOME` names, for work that ends with a sentence if its records cannot be kept.

    Raises:
        StoreAccessError: the disk refuses records, be it in the middle of a run. Errors of the run itself are passed on.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    except DBAPIError as error:
        with disk_errors(f"cannot keep Dagster's records in {os.environ['DAGSTER_HOME']}"):
            raise error


def recover_abandoned_runs(
    instance: dg.DagsterInstance,
    is_alive: Callable[[int, float], bool] | None = None,
    older_than: timedelta | None = None,
) -> list[RecoveredRun]:
    """Mark runs as failed, or canceled, that are shown as running although their processes are gone.

    After a power cut or SIGKILL of everything nobody is left who would end the run, and it occupies the queue until its maximum
    runtime. A run writes the process id of each process that works on it into its log. It is abandoned if this machine runs none of
    them any more. A run without a process id is left alone: Dagster's run monitoring fails those that never start.

    Failed runs are retried by the daemon as `run_retries` in dagster.yaml says, and their pool slots are free at once.

    Args:
        instance: holds the runs.
        is_alive: tells whether a process id, seen at a POSIX timestamp, still belongs to the same living process.
        older_than: judge by silence instead, for machines and containers that share the records and cannot see each
            other's processes: a run is abandoned if its log has been silent for that long and none of its processes lives here.
            Must be longer than the longest silent step.

    Raises:
        PermanentError: without `older_than`, if the records are in a database that several machines may share.
    """
    if older_than is None and not _records_are_local(instance):
        raise PermanentError(
            "Cannot tell which runs are abandoned: their records are in a database that other machines may use, and processes "
            "there cannot be seen from here. Say how long a run's log must have been silent: mlops-assets recover --older-than 1h"
        )
    recovered = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_RUNNING)):
        reason = _why_abandoned(instance, run.run_id, is_alive or process_is_alive, older_than)
        # A run may have ended normally since it was listed; its process is gone then, too.
        current = instance.get_run_by_id(run.run_id)
        if reason is None or current is None or current.status not in _RUNNING:
            continue
        _end_run(instance, current, reason)
        recovered.append(RecoveredRun(run.run_id, run.job_name, current.status.value, reason))
    return recovered


def process_is_alive(pid: int, seen_at: float) -> bool:
    """Tell whether a process that had this id at a POSIX timestamp still works. In doubt, yes.

    A process that began later is another one with the same id, as is usual after a container restart; a zombie works no more.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        is_working = process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return is_working and process.create_time() <= seen_at + _CLOCK_TOLERANCE_S
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text such as `90s`, `10m`, `2h` or `1d` means."""
    match = re.fullmatch(r"\s*(\d+)\s*([smhd])\s*", text)
    if match is None:
        raise SettingsError(f"{text!r} is not a duration; write a number and s, m, h or d, for example 10m")
    return timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2]])


def _config_text(template: Path | None) -> str:
    if template is not None:
        return template.read_text(encoding="utf-8")
    return _REPOSITORY_CONFIG.read_text(encoding="utf-8") if _REPOSITORY_CONFIG.exists() else _CONFIG_WITHOUT_REPOSITORY


def _make_home(home: Path, config: str) -> None:
    """Build a home under a temporary name; what an interrupted attempt left there is thrown away."""
    draft = home.with_name(".dagster.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    _place_config(draft, config)
    _open_once(draft, {})
    draft.rename(home)


def _place_config(home: Path, config: str) -> None:
    """Write dagster.yaml if it differs, in one step, because another process may be reading it."""
    target = home / "dagster.yaml"
    if target.exists() and target.read_text(encoding="utf-8") == config:
        return
    draft = home / ".dagster.yaml.new"
    draft.write_text(config, encoding="utf-8")
    draft.replace(target)


def _open_once(home: Path, pool_limits: Mapping[str, int]) -> None:
    """Open each of the databases, which creates and migrates them, and set the limits that differ."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs(limit=1)
        instance.get_ticks("", "", limit=1)
        instance.get_asset_keys(limit=1)
        storage = instance.event_log_storage
        present = {pool.name: pool.limit for pool in storage.get_pool_limits()}
        for name, limit in pool_limits.items():
            if present.get(name) != limit:
                storage.set_concurrency_slots(name, limit)


def _records_are_local(instance: dg.DagsterInstance) -> bool:
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

    return isinstance(instance.event_log_storage, SqliteEventLogStorage)


def _why_abandoned(
    instance: dg.DagsterInstance, run_id: str, is_alive: Callable[[int, float], bool], older_than: timedelta | None
) -> str | None:
    """Return the reason for which a run counts as abandoned, or None if somebody may still work on it."""
    processes = dict(_processes_of(instance, run_id))
    if any(is_alive(pid, seen_at) for pid, seen_at in processes.items()):
        return None
    if older_than is None:
        names = ", ".join(str(pid) for pid in sorted(processes))
        return f"The run's process is gone (process id {names}); it was killed, or the machine stopped." if processes else None
    last = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    silence = timedelta(seconds=time.time() - last[0].timestamp) if last else timedelta.max
    return (
        f"The run has been silent for longer than {older_than}, and none of its processes is here."
        if silence > older_than
        else None
    )


def _processes_of(instance: dg.DagsterInstance, run_id: str) -> Iterable[tuple[int, float]]:
    """Yield the id of each process that worked on a run, and when it was seen."""
    for entry in instance.all_logs(run_id, of_type=_PROCESS_EVENTS):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        pid = getattr(data, "metadata", {}).get("pid")
        if pid is not None:
            yield int(str(pid.value)), entry.timestamp


def _end_run(instance: dg.DagsterInstance, run: dg.DagsterRun, reason: str) -> None:
    if run.status == DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, reason)
    else:
        instance.report_run_failed(run, reason)
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
