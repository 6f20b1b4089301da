"""A Dagster home survives several first users at once, and runs whose process was killed do not stay running."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator

from mlops_assets.errors import PermanentError, SettingsError, StoreAccessError
from mlops_assets.orchestration.instance import (
    open_instance,
    parse_duration,
    prepare_instance,
    process_is_alive,
    recover_abandoned_runs,
)
from mlops_assets_tests.disks import filled, small_disk
from mlops_assets_tests.stores.disk_contract import DiskContract

REPOSITORY = Path(__file__).resolve().parents[2]
ERRORS_ONLY = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
QUIET = "telemetry:\n  enabled: false\npython_logs:\n  python_log_level: WARNING\n"

PREPARE = """
import sys
from pathlib import Path
from mlops_assets.orchestration.instance import prepare_instance
print(prepare_instance(Path(sys.argv[1])))
"""
SLEEP_IN_A_RUN = """
import sys, time
import dagster as dg

@dg.op
def sleep():
    time.sleep(120)

@dg.job(name="sleeper")
def sleeper():
    sleep()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    sleeper.execute_in_process(instance=instance)
"""


class TestRecordsOnDisks(DiskContract):
    """Dagster's own records: the folder made ready, and a run written into it, as by the command line."""

    def write(self, folder: Path, number: int) -> None:
        @dg.op
        def count(context: dg.OpExecutionContext) -> None:
            for line in range(300):
                context.log.info(f"{number} {line} {'x' * 1_000}")

        @dg.job(name=f"count_to_{number}")
        def counting() -> None:
            count()

        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DAGSTER_HOME", str(prepare_instance(folder)))
            with open_instance() as instance:
                counting.execute_in_process(instance=instance, run_config=ERRORS_ONLY)

    def read(self, folder: Path) -> set[str]:
        with dg.DagsterInstance.from_config(str(folder / "dagster")) as instance:
            return {run.job_name for run in instance.get_runs() if run.is_success}


def test_run_whose_records_find_no_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that runs full in the middle of a run is named, with what to do, instead of a statement of SQL."""

    @dg.op
    def fill() -> None:
        ballast.enter_context(filled(disk))

    @dg.job
    def filling() -> None:
        fill()

    with small_disk(tmp_path, 24) as disk, ExitStack() as ballast:
        monkeypatch.setenv("DAGSTER_HOME", str(prepare_instance(disk)))
        with (
            pytest.raises(StoreAccessError, match=rf"cannot keep Dagster's records in {disk}/dagster: .*; (free space|look at)"),
            open_instance() as instance,
        ):
            filling.execute_in_process(instance=instance, run_config=ERRORS_ONLY)


def start(code: str, argument: Path) -> "subprocess.Popen[str]":
    """Start Python code that gets a path as its argument."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, str(argument)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a prepared home that logs warnings only."""
    template = tmp_path / "quiet.yaml"
    template.write_text(QUIET)
    return prepare_instance(tmp_path / "data", template)


@pytest.fixture
def records(home: Path) -> Iterator[dg.DagsterInstance]:
    """Give a real instance with SQLite records."""
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def wait_for_step(records: dg.DagsterInstance, count: int) -> None:
    """Wait until this number of runs has begun its step."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        runs = records.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        if len(runs) == count and all(records.all_logs(run.run_id, dg.DagsterEventType.STEP_START) for run in runs):
            return
        time.sleep(0.1)
    pytest.fail("the runs did not begin within 30 s")


def started_run(records: dg.DagsterInstance, status: dg.DagsterRunStatus, pid: int | None) -> dg.DagsterRun:
    """Record a run of a status whose log names a process."""

    @dg.job(name="recorded")
    def recorded() -> None:
        """Do nothing."""

    run = records.create_run_for_job(recorded, status=status)
    data = EngineEventData.in_process(pid) if pid is not None else None
    records.report_engine_event("Started process for run", run, data)
    return run


def status_of(records: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """Return what a run is shown as."""
    run = records.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_many_processes_may_open_an_empty_home_at_once(tmp_path: Path) -> None:
    """Each gets the same absolute path, and each database is migrated exactly once."""
    processes = [start(PREPARE, tmp_path / "data") for _ in range(4)]
    answers = [process.communicate(timeout=60) for process in processes]
    home = tmp_path / "data" / "dagster"
    assert answers == [(f"{home}\n", "")] * 4
    for name in ("history/runs.db", "history/runs/index.db", "schedules/schedules.db"):
        with sqlite3.connect(home / name) as database:
            assert database.execute("select count(*) from alembic_version").fetchone() == (1,)
        database.close()


def test_home_takes_the_repositorys_dagster_yaml_and_its_changes(tmp_path: Path) -> None:
    """The file in the repository is the only source: it is copied, and copied again when it differs."""
    home = prepare_instance(tmp_path)
    assert (home / "dagster.yaml").read_bytes() == (REPOSITORY / "dagster.yaml").read_bytes()
    template = tmp_path / "other.yaml"
    template.write_text(QUIET)
    assert prepare_instance(tmp_path, template) == home
    assert (home / "dagster.yaml").read_text() == QUIET


def test_interrupted_first_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """What was built beside the home before an interruption is thrown away by the next start."""
    (tmp_path / ".dagster.new" / "history").mkdir(parents=True)
    (tmp_path / ".dagster.new" / "history" / "runs.db").write_text("half a database")
    home = prepare_instance(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".dagster.lock", "dagster"]
    with dg.DagsterInstance.from_config(str(home)) as opened:
        assert opened.get_runs() == []


def test_pool_limits_are_set_once_and_others_kept(tmp_path: Path) -> None:
    """A limit passed at the start holds; a pool that is not named keeps what a person gave it."""
    home = prepare_instance(tmp_path, pool_limits={"warehouse": 1})
    with dg.DagsterInstance.from_config(str(home)) as opened:
        opened.event_log_storage.set_concurrency_slots("portal", 3)
    prepare_instance(tmp_path, pool_limits={"warehouse": 2})
    with dg.DagsterInstance.from_config(str(home)) as opened:
        limits = {pool.name: pool.limit for pool in opened.event_log_storage.get_pool_limits()}
    assert limits == {"warehouse": 2, "portal": 3}


def test_repositorys_dagster_yaml_is_understood_by_dagster(tmp_path: Path) -> None:
    """Dagster accepts the file and acts on what it says."""
    with dg.DagsterInstance.from_config(str(prepare_instance(tmp_path))) as opened:
        assert opened.telemetry_enabled is False
        assert opened.run_monitoring_enabled
        assert isinstance(opened.run_coordinator, QueuedRunCoordinator)
        assert opened.run_coordinator.dequeue_interval_seconds == 1
        queue = opened.get_concurrency_config().run_queue_config
        assert queue is not None
        assert f"max_concurrent_runs: {queue.max_concurrent_runs}\n" in (REPOSITORY / "dagster.yaml").read_text()


def test_killed_run_is_failed_and_living_run_left_alone(home: Path, records: dg.DagsterInstance) -> None:
    """After SIGKILL of one of two runs only that one is recovered, with the reason in its log, and only once."""
    processes = [start(SLEEP_IN_A_RUN, home) for _ in range(2)]
    try:
        wait_for_step(records, count=2)
        assert recover_abandoned_runs(records) == []
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait(timeout=10)
        recovered = recover_abandoned_runs(records)
        assert [(run.job, run.status) for run in recovered] == [("sleeper", "STARTED")]
        assert str(processes[0].pid) in recovered[0].reason
        assert status_of(records, recovered[0].run_id) == dg.DagsterRunStatus.FAILURE
        assert len(records.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))) == 1
        assert recover_abandoned_runs(records) == []
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_canceling_run_without_process_is_canceled(records: dg.DagsterInstance) -> None:
    """A run that a person was stopping when everything died is canceled, not failed and retried."""
    run = started_run(records, dg.DagsterRunStatus.CANCELING, pid=4242)
    recover_abandoned_runs(records, is_alive=lambda _pid, _seen_at: False)
    assert status_of(records, run.run_id) == dg.DagsterRunStatus.CANCELED


def test_run_that_names_no_process_is_not_judged(records: dg.DagsterInstance) -> None:
    """A run that is only being launched may still begin; run monitoring has a limit for that."""
    run = started_run(records, dg.DagsterRunStatus.STARTING, pid=None)
    assert recover_abandoned_runs(records) == []
    assert status_of(records, run.run_id) == dg.DagsterRunStatus.STARTING


def test_silence_is_judged_where_processes_cannot_be_seen(records: dg.DagsterInstance) -> None:
    """With an age, a run is failed once its log was silent that long, unless one of its processes lives here."""
    here = started_run(records, dg.DagsterRunStatus.STARTED, pid=os.getpid())
    elsewhere = started_run(records, dg.DagsterRunStatus.STARTED, pid=None)
    assert recover_abandoned_runs(records, older_than=timedelta(hours=1)) == []
    recovered = recover_abandoned_runs(records, older_than=timedelta(0))
    assert [run.run_id for run in recovered] == [elsewhere.run_id]
    assert status_of(records, here.run_id) == dg.DagsterRunStatus.STARTED


def test_shared_records_need_an_age(instance: dg.DagsterInstance) -> None:
    """Where runs of other machines may be listed, their missing processes prove nothing."""
    with pytest.raises(PermanentError, match="--older-than"):
        recover_abandoned_runs(instance)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells when a process began")
def test_reused_process_id_is_another_process() -> None:
    """A process that began after its id was written down is not the one that wrote it; a zombie works no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    assert process_is_alive(os.getpid(), seen_at=time.time())
    assert not process_is_alive(os.getpid(), seen_at=time.time() - 86_400)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process_is_alive(child.pid, seen_at=time.time())
    child.wait()
    assert not process_is_alive(child.pid, seen_at=time.time())


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), (" 2 h", 7200), ("1d", 86400)])
def test_durations_are_read(text: str, seconds: int) -> None:
    """A number and a unit make a duration."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["10", "m", "1.5h", "-3s", ""])
def test_unclear_durations_are_refused(text: str) -> None:
    """A duration without unit could mean anything."""
    with pytest.raises(SettingsError, match="for example 10m"):
        parse_duration(text)
