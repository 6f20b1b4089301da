"""Run a job in this process on the shared instance, with a bar that moves as its steps end."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import DagsterEventType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from mlops_assets.cli.run_reports import require_success, step_label
from mlops_assets.cli.shell import is_debugging
from mlops_assets.orchestration.failures import SECONDS_BETWEEN_RETRIES, error_sentence
from mlops_assets.orchestration.partitions import partition_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_LOOK_EVERY_SECONDS = 0.4
_NO_RETRY = {"dagster/max_retries": "0"}
"""No daemon can start a run again that a person started in a terminal; it must not look as if one would."""


def job_progress(console: Console) -> Progress:
    """Return bars, one below the other, that fit into 80 columns."""
    description = TextColumn("{task.description}", table_column=Column(width=min(48, console.width - 32), no_wrap=True))
    return Progress(description, BarColumn(bar_width=10), MofNCompleteColumn(), TimeElapsedColumn(), console=console)


def run_with_progress(
    progress: Progress,
    title: str,
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    partition_key: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_config: Mapping[str, Any] | None = None,
    only: Sequence[dg.AssetKey] = (),
) -> dg.ExecuteInProcessResult:
    """Execute a job and return its result.

    Args:
        progress: gets a bar.
        title: of the bar.
        job: what to run.
        instance: keeps the records.
        partition_key: of the run.
        tags: of the run, e.g. those of a range of partitions.
        run_config: of the run.
        only: the assets of the job to make, if not all.

    Raises:
        RunFailedError: the run failed.
        KeyboardInterrupt: somebody stopped it.
    """
    run_id = str(uuid.uuid4())
    task = progress.add_task(escape(title), total=len(only or job.graph.node_defs))
    with _watching(progress, task, title, instance, run_id), _sparing_log_mirrors(instance):
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            partition_key=partition_key,
            tags={**_NO_RETRY, **(tags or {})},
            run_config={**(run_config or {}), "loggers": _logging()},
            asset_selection=list(only) or None,
            raise_on_error=False,
        )
    require_success(result, job, partition_key or partition_label(tags or {}))
    progress.update(task, description=escape(title), completed=progress.tasks[task].total)
    return result


def _logging() -> dict[str, Any]:
    """Leave the screen to the bars, but for tracebacks where they are wanted; every event is kept for the UI."""
    return {"console": {"config": {"log_level": "ERROR" if is_debugging() else "CRITICAL"}}}


@contextmanager
def _sparing_log_mirrors(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to all processes, from those that mirror what steps print.

    Dagster starts and ends them; interrupted, each would print a traceback. A blocked signal stays blocked in what is started.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    manager = instance.compute_log_manager
    capture = manager.capture_logs

    @contextmanager
    def capture_spared(log_key: Sequence[str]) -> Iterator[Any]:
        with ExitStack() as stack:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                captured = stack.enter_context(capture(log_key))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield captured

    vars(manager)["capture_logs"] = capture_spared
    try:
        yield
    finally:
        del vars(manager)["capture_logs"]


@contextmanager
def _watching(progress: Progress, task: Any, title: str, instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Look at the run's events from a second thread, show the step at work, and say why one waits."""
    ended = threading.Event()

    def watch() -> None:
        told = 0
        while not ended.wait(_LOOK_EVERY_SECONDS):
            started = [e.step_key for e in _events(instance, run_id, DagsterEventType.STEP_START)]
            done = [e.step_key for e in _events(instance, run_id, DagsterEventType.STEP_SUCCESS)]
            running = [key for key in started if key not in done]
            step = f" [dim]{running[-1].partition('__')[2] or running[-1]}[/dim]" if running and running[-1] else ""
            progress.update(task, completed=len(done), description=escape(title) + step)
            waiting = _events(instance, run_id, DagsterEventType.STEP_UP_FOR_RETRY)
            for entry in waiting[told:]:
                reason = (
                    f"{step_label(entry.step_key)}: {error_sentence(entry.dagster_event)}; again in {SECONDS_BETWEEN_RETRIES} s"
                )
                progress.console.print(reason, style="yellow", markup=False, highlight=False)
            told = len(waiting)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _events(instance: dg.DagsterInstance, run_id: str, kind: DagsterEventType) -> list[Any]:
    return [entry for entry in instance.all_logs(run_id, of_type=kind) if entry.step_key]
