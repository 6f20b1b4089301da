"""`mlops-assets stream`: run a domain's stream as an Apache Beam pipeline."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from mlops_assets.cli.places import say_where, use_places
from mlops_assets.domains import pipelines
from mlops_assets.errors import PermanentError, SettingsError
from mlops_assets.settings import Settings, load_settings
from mlops_assets.stores.events import EventLog, open_event_log
from mlops_assets.stores.registry import Stores
from mlops_assets.streams.pipelines import StreamPipeline

if TYPE_CHECKING:
    from mlops_assets.stores.landing import Landing

LANDED = "landed"
"""As a source: the batches of the log that have landed in the lake."""

_LOGS = ("kafka:", "sqlite:")


@dataclass(frozen=True)
class StreamRequest:
    """What to run.

    Attributes:
        domain: whose stream.
        runner: of Beam.
        source: URL of a log, a folder or its URL, or `LANDED`; None for the log of the settings.
        until_caught_up: read what is there by now, and end.
        seconds: follow the log for so long.
        window_seconds: for how long messages are gathered.
        flags: options of Beam and its runner.
    """

    domain: str
    runner: str
    source: str | None
    until_caught_up: bool
    seconds: float | None
    window_seconds: float
    flags: Sequence[str]


def stream(console: Console, settings: Settings, request: StreamRequest) -> None:
    """Run a stream as a pipeline, and say what became of the messages.

    Raises:
        SettingsError: the domain has no pipeline, or it cannot be run so.
        PermanentError: Beam is not installed, or the pipeline failed.
    """
    known = pipelines()
    if request.domain not in known:
        raise SettingsError(f"{request.domain!r} has no pipeline; {', '.join(known) or 'no domain'} has")
    if request.until_caught_up and request.seconds is not None:
        raise SettingsError("--until-caught-up ends by itself; leave --seconds out")
    if find_spec("apache_beam") is None:
        raise PermanentError("pipelines need Apache Beam; run: make install-beam, or pip install 'mlops-assets[beam]'")
    use_places(settings)
    say_where(console, settings, [request.domain])
    _hush_beam()
    from mlops_assets.streams.beam.running import run_pipeline

    pipeline, follows = known[request.domain], not (request.until_caught_up or _is_recording(request.source))
    topic = pipeline.topic(settings.domains[request.domain])
    source = _source(pipeline, request, topic, datetime.now(timezone.utc), follows=follows)
    steps = pipeline.steps(worker_stores, topic, request.window_seconds)
    counts = run_pipeline(lambda root: root | source | steps, request.runner, request.flags, follows=follows)
    if counts:
        _say_counts(console, counts)
    else:
        console.print(f"{request.runner} has the pipeline; its own pages tell what becomes of it.")


@cache
def worker_stores() -> Stores:
    """Return the stores that a worker's own environment names: passwords are there, and not in the pipeline."""
    return load_settings().build_stores()


def _source(pipeline: StreamPipeline, request: StreamRequest, topic: str, now: datetime, *, follows: bool) -> Any:
    from mlops_assets.streams.beam.log_reading import ReadLog, partitions_to_read
    from mlops_assets.streams.beam.recorded_reading import ReadFolder, ReadLanded

    if request.source == LANDED:
        return ReadLanded(partial(_worker_landing, request.domain, pipeline.landing), topic, now)
    if request.source and _is_recording(request.source):
        is_path = "://" not in request.source and not request.source.startswith("file:")
        return ReadFolder(Path(request.source).resolve().as_uri() if is_path else request.source, now)
    open_log: Callable[[], EventLog] = (
        partial(open_event_log, request.source) if request.source else partial(_worker_log, request.domain)
    )
    ends_at = None if request.seconds is None else now + timedelta(seconds=request.seconds)
    return ReadLog(open_log, topic, partitions_to_read(open_log(), topic), None if follows else now, ends_at)


def _worker_log(domain: str) -> EventLog:
    return worker_stores().events(domain)


def _worker_landing(domain: str, asset: str) -> Landing:
    return worker_stores().landing(domain, asset)


def _is_recording(source: str | None) -> bool:
    return source is not None and not source.startswith(_LOGS)


def _hush_beam() -> None:
    """Leave what Beam tells about itself out; an error is told by the command."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    root = logging.getLogger()
    # Beam warns at import, by the root logger, of clients of Google's that are not installed.
    root.addFilter(lambda record: "apitools not found" not in record.getMessage())


def _say_counts(console: Console, counts: Mapping[str, int]) -> None:
    table = Table("Written", "Count", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, count in sorted(counts.items()):
        table.add_row(name.replace("_", " "), f"{count:,}")
    console.print(table)
