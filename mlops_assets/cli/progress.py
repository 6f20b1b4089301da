"""Run a job in this process on the shared instance, with a bar that moves as its steps end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import DagsterEventType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

_LOOK_EVERY_SECONDS = 0.4
_ERRORS_ONLY = {"console": {"config": {"log_level": "ERROR"}}}
"""The screen belongs to the bars; every event is kept for the UI."""


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

    Raises:
        the error of the step that failed, as `execute_in_process` does.
    """
    run_id = str(uuid.uuid4())
    task = progress.add_task(title, total=len(job.graph.node_defs))
    with _watching(progress, task, title, instance, run_id):
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            partition_key=partition_key,
            tags=dict(tags or {}),
            run_config={**(run_config or {}), "loggers": _ERRORS_ONLY},
            asset_selection=list(only) or None,
        )
    progress.update(task, description=title, completed=progress.tasks[task].total)
    return result


@contextmanager
def _watching(progress: Progress, task: Any, title: str, instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Look at the run's events from a second thread and show the step at work."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY_SECONDS):
            started = [e.step_key for e in _events(instance, run_id, DagsterEventType.STEP_START)]
            done = [e.step_key for e in _events(instance, run_id, DagsterEventType.STEP_SUCCESS)]
            running = [key for key in started if key not in done]
            step = f"  [dim]{running[-1].partition('__')[2] or running[-1]}[/dim]" if running and running[-1] else ""
            progress.update(task, completed=len(done), description=title + step)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _events(instance: dg.DagsterInstance, run_id: str, kind: DagsterEventType) -> list[Any]:
    return [entry for entry in instance.all_logs(run_id, of_type=kind) if entry.step_key]
