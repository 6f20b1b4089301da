"""`python -m benchmarks.streams`: measure the stream of song_popularity, and print it with its limits.

Landing and a bare loop take turns in fresh processes, so that a busy machine slows down both.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.measure import measure
from benchmarks.stream_landing import land, read_bare, send_backlog
from benchmarks.stream_latency import RATE, measure_latency
from mlops_assets_tests.services.kafka_tansu import tansu
from mlops_assets_tests.song_popularity.killed_broker import DurableBroker, durable_broker
from mlops_assets_tests.song_popularity.killed_stream import KilledStream, Trial, compare, send_quietly
from mlops_assets_tests.song_popularity.stream_consumer import ALL_SENT, consume

console = Console()
_ROUNDS = 3
_LARGEST_MIB = 1_024
_LONGEST_SECONDS = 10
_BROKER_EVENTS = 400
PARTS = ("ingest", "memory", "kills", "latency")


def main() -> None:
    """Measure one thing after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure, of {', '.join(PARTS)}; all by default")
    parser.add_argument("--events", type=int, default=100_000, help="sent through kills (1000000 before a release)")
    parser.add_argument("--kills", type=int, default=10, help="of producer and consumer, each")
    parser.add_argument("--seconds", type=float, default=60, help="for which latency is measured")
    options = parser.parse_args()
    chosen = options.parts or PARTS
    with TemporaryDirectory() as folder:
        root = Path(folder)
        if "ingest" in chosen:
            _report_ingest(root)
        if "memory" in chosen:
            _report_memory(root)
        if "kills" in chosen:
            _report_kills(root, Trial(options.events, options.kills, max(1_500, options.events // 8)))
        if "latency" in chosen:
            _report_latency(root / "latency", options.seconds)


@contextmanager
def _logs(root: Path, events: int) -> Iterator[Sequence[tuple[str, str]]]:
    """Yield the logs by name, each with the same backlog."""
    start = datetime.now(timezone.utc) - timedelta(seconds=events / 200)
    root.mkdir()
    with tansu(root) as url:
        in_batches = url.partition("?")[0]
        send_backlog(in_batches, 0, events, start, url)
        in_file = f"sqlite:{root / 'events.db'}"
        send_backlog(in_file, 0, events, start)
        yield [("Kafka (Tansu in memory)", in_batches), ("SQLite", in_file)]


def _report_ingest(root: Path, events: int = 200_000) -> None:
    with _logs(root / "ingest", events) as logs:
        for name, url in logs:
            seconds: dict[str, list[float]] = {"ours": [], "bare": []}
            for number in range(_ROUNDS):
                for way in ("ours", "bare") if number % 2 else ("bare", "ours"):
                    to = root / f"{way}-{name}-{number}"
                    found = measure(land, url, to, _now()) if way == "ours" else measure(read_bare, url, to)
                    assert found.value == events
                    seconds[way].append(found.steps["work"])
            ours, bare = seconds["ours"], seconds["bare"]
            ratio = statistics.median(one / other for one, other in zip(bare, ours, strict=True))
            text = f"{events / min(ours):,.0f} messages/s = {ratio:.2f} x the {events / min(bare):,.0f} of a bare loop"
            _verdict(f"landing from {name}", text, ratio >= 0.6, "at least 0.6 x")


def _report_memory(root: Path) -> None:
    peaks: dict[str, list[float]] = {}
    for events in (100_000, 1_000_000):
        with _logs(root / f"memory-{events}", events) as logs:
            for name, url in logs:
                landed = measure(land, url, root / f"memory-{name}-{events}", _now())
                peaks.setdefault(name, []).append(landed.peak_mib)
    for name, (small, large) in peaks.items():
        text = f"{small:.0f} MiB for 100,000 messages, {large:.0f} MiB for 1,000,000"
        _verdict(
            f"memory of landing from {name}", text, large < _LARGEST_MIB and large < 1.3 * small, "below 1 GiB and about equal"
        )


def _report_kills(root: Path, trial: Trial) -> None:
    """Send many events into the embedded log, and some into a broker that dies, too: on S3 each must be a batch of its own."""
    _report_trial("embedded log", root / "embedded", f"sqlite:{root / 'killed.db'}", trial)
    with durable_broker(root / "broker") as broker:
        few = Trial(min(trial.events, _BROKER_EVENTS), min(trial.kills, 2), _BROKER_EVENTS // 4)
        _report_trial("broker", root / "through-broker", broker.url_of_single_events, few, broker)


def _report_trial(name: str, root: Path, url: str, trial: Trial, broker: DurableBroker | None = None) -> None:
    killed = KilledStream(root / "killed", url, trial)
    stops = []
    if broker is not None:
        dues = (trial.events // 3, trial.events * 2 // 3)
        stops = [broker.stop_when(partial(_has_sent, killed, due), seconds=5) for due in dues]
    counts = killed.run()
    for stop in stops:
        stop.join()
    quiet, quiet_url = root / "quiet", f"sqlite:{root / 'quiet.db'}"
    send_quietly(quiet_url, killed)
    quiet.mkdir()
    (quiet / ALL_SENT).touch()
    consume(quiet, quiet_url, trial.most_events)
    outcome = compare(killed, quiet, quiet_url, counts)
    console.print(
        f"{name}: {outcome.messages:,} messages for {trial.events:,} events, {outcome.resent:,} sent again; killed: producer "
        f"{outcome.producer_kills} times, consumer {outcome.consumer_kills} times, broker {broker.stops if broker else 0} times; "
        f"{outcome.consumer_failures} consumers failed by themselves"
    )
    text = f"{outcome.lost} lost, {outcome.doubled} doubled, {outcome.other} different of {outcome.events:,} rows"
    _verdict("exactly once", text, outcome.lost == outcome.doubled == outcome.other == 0, "none, as in a quiet run")
    _verdict("poison", f"{outcome.poison_lost} of {outcome.poison:,} unaccounted for", outcome.poison_lost == 0, "none")


def _has_sent(killed: KilledStream, due: int) -> bool:
    return killed.sent >= due


def _report_latency(root: Path, seconds: float) -> None:
    latency = measure_latency(root, seconds)
    text = f"median {latency.median:.1f} s, p95 {latency.p95:.1f} s of {len(latency.seconds):,} rows"
    _verdict(f"from event to row at {RATE} events/s", text, latency.p95 < _LONGEST_SECONDS, f"p95 under {_LONGEST_SECONDS} s")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _verdict(what: str, measured: str, is_kept: bool, limit: str) -> None:
    console.print(f"{what}: [bold]{measured}[/bold] ({limit}: {'[green]kept[/green]' if is_kept else '[red]missed[/red]'})")


if __name__ == "__main__":
    main()
