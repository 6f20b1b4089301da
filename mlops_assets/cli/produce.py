"""`mlops-assets produce`: send events into the log that a domain reads, with a bar that says how far."""

from __future__ import annotations

import base64
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from mlops_assets.domains import producers
from mlops_assets.errors import SettingsError, StoreUnavailableError
from mlops_assets.stores.events import Event
from mlops_assets.stores.events.base import EventTooLargeError
from mlops_assets.streams.producing import ProduceRequest, Sender, Sent, Stopping
from mlops_assets.streams.sending_progress import SendingProgress

if TYPE_CHECKING:
    from types import FrameType

    from rich.progress import Task

    from mlops_assets.settings import Settings

DEFAULT_SOURCES = {"export": "replay", "sample": "sample", "live": "live"}
"""Where events come from by default, by the domain's setting `source`."""

_SAME_WISH_SECONDS = 2.0


def produce(
    console: Console, settings: Settings, domain: str, request: ProduceRequest, *, seconds: float | None = None, again: bool = False
) -> None:
    """Send what is asked for.

    Args:
        console: gets the progress.
        settings: of the platform.
        domain: whose producer sends.
        request: what to send; without a source, that of the domain's settings is taken.
        seconds: for how long; None for as long as there are events.
        again: send a recording once more that was sent to its end.

    Raises:
        SettingsError: there is no such domain, or it cannot send what is asked for.
        KeyboardInterrupt: somebody stopped it; what was due by then is sent.
    """
    known = producers()
    if domain not in known:
        raise SettingsError(f"{domain!r} sends no events; those that do are {', '.join(known) or 'none'}")
    own, producer = settings.domains[domain], known[domain]
    request = replace(request, source=request.source or DEFAULT_SOURCES[str(getattr(own, "source", "sample"))])
    topic, partitions = producer.topic(own)
    log, folder = settings.build_stores().events(domain), settings.data_dir / "producers"
    identity = producer.identity(own, request)
    with ExitStack() as stack:
        progress = None
        if identity is not None:
            progress = stack.enter_context(SendingProgress(folder, log.location(topic), identity, request.start))
            if progress.is_complete and request.source == "replay" and not again:
                console.print(f"All {progress.next:,} events were sent already; --again sends them once more.")
                return
            if progress.is_complete or again:
                progress.restart()
            request = replace(request, start=progress.began_at)
        sequence = producer.open(own, request, lambda sentence: console.print(escape(sentence), soft_wrap=True))
        begun_at = time.monotonic()
        stopping = Stopping(at=begun_at + seconds if seconds is not None else float("inf"))
        if progress and progress.next:
            console.print(f"Going on behind the first {progress.next:,} events, which were sent before.")
        console.print(f"Sending {escape(sequence.description)} to {escape(log.location(topic))}", soft_wrap=True)
        bar = stack.enter_context(_bar(console))
        total = request.events if sequence.length is None else min(sequence.length, request.events or sequence.length)
        task = bar.add_task("sent", total=total, completed=progress.next if progress else 0)

        def say_wait(error: StoreUnavailableError, wait_seconds: float) -> None:
            console.print(f"Waiting, nothing is lost; next attempt in {wait_seconds:g} s: {escape(str(error))}", soft_wrap=True)

        sender = Sender(
            log,
            topic,
            partitions,
            on_sent=lambda sent: bar.update(task, completed=sent.next),
            on_refused=lambda event, error: _keep_refused(console, folder / f"refused-{topic}.jsonl", event, error),
            on_wait=say_wait,
        )
        with _stopped_by_signals(stopping) as was_stopped:
            sent = sender.send(sequence, most_events=request.events, stopping=stopping, progress=progress)
    _say_end(console, sent, time.monotonic() - begun_at, log.location(topic), folder / f"refused-{topic}.jsonl")
    if was_stopped():
        rest = "the same command goes on behind them" if progress and not sent.is_complete else "what was due is sent"
        raise KeyboardInterrupt(f"{sent.count:,} events were sent; {rest}")


def _say_end(console: Console, sent: Sent, seconds: float, place: str, refused: Path) -> None:
    rate = f" ({sent.count / seconds:,.0f} per second)" if seconds >= 1 else ""
    console.print(f"Sent {sent.count:,} events to {escape(place)} in {seconds:,.1f} s{rate}.", soft_wrap=True)
    if sent.refused:
        console.print(
            f"{sent.refused:,} events are larger than the log takes; they are kept in {escape(str(refused))}.", soft_wrap=True
        )


def _keep_refused(console: Console, path: Path, event: Event, error: EventTooLargeError) -> None:
    """Append an event that the log refuses to a file of JSON lines, with its bytes in Base64."""
    kept = {
        "event_at": event.event_at.isoformat(),
        "reason": str(error),
        "key_base64": None if event.key is None else base64.b64encode(event.key).decode(),
        "value_base64": base64.b64encode(event.value).decode(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(kept) + "\n")
    console.print(f"Set aside an event of {len(event.value):,} bytes: {escape(str(error))}", soft_wrap=True)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        _EventsColumn(),
        TimeElapsedColumn(),
        console=console,
    )


class _EventsColumn(ProgressColumn):
    """How many events of how many, and how many in a second lately."""

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        total = f" of {task.total:,.0f}" if task.total is not None else ""
        speed = f", {task.speed:,.0f}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f}{total} events{speed}")


@contextmanager
def _stopped_by_signals(stopping: Stopping) -> Iterator[Callable[[], bool]]:
    """Let a first Ctrl-C or plain kill end the sending in good order, a second one at once; yield what tells whether one came."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    wished_at: list[float] = []
    previous = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(number))
    }

    def stop(number: int, frame: FrameType | None) -> None:
        if wished_at and time.monotonic() - wished_at[0] > _SAME_WISH_SECONDS:
            handler = previous[signal.Signals(number)]
            assert callable(handler)
            handler(number, frame)
        wished_at.append(time.monotonic())
        stopping.event.set()

    for number in previous:
        signal.signal(number, stop)
    try:
        yield lambda: bool(wished_at)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
