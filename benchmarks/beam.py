"""The Beam pipeline of `song_popularity` on DirectRunner, beside a loop of the same functions and the same writes.

`python -m benchmarks.beam 100000` measures so many events; DirectRunner is for trying pipelines out, so there is no limit to keep.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.measure import Laps, measure
from mlops_assets.settings import Settings
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import EVENT_DOCUMENTS, REJECTED_EVENTS, SPOTIFY_EVENTS
from mlops_assets.song_popularity.events.documents import event_documents
from mlops_assets.song_popularity.events.parsing import parse_batches
from mlops_assets.song_popularity.events.tables import as_spotify_events
from mlops_assets.song_popularity.sources.sample import sample_history
from mlops_assets.stores.registry import Stores

_TOPIC, _SEED, _BATCH = "events", 7, 10_000
_END = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)


def stores_in(folder: Path) -> Stores:
    """Return embedded stores."""
    return Settings(data_dir=folder, _env_file=None).build_stores()


def fill_log(folder: Path, events: int) -> None:
    """Append events of a quarter of an hour, with the sample's duplicates, late events and poison."""
    log = stores_in(folder).events(DOMAIN)
    log.create_topic(_TOPIC, 4)
    log.append(_TOPIC, list(sample_history(_SEED, _END - timedelta(minutes=15), _END, events)))


def by_loop(_laps: Laps, folder: Path, target: Path) -> int:
    """Read the log, parse it, and write events, dead letters and documents; return how many events there were."""
    log, stores = stores_in(folder).events(DOMAIN), stores_in(target)
    pieces = [piece for kept in log.watermarks(_TOPIC).values() for piece in kept.cut(_BATCH)]
    batches = [(log.read(_TOPIC, piece), _END) for piece in pieces]
    parsed = parse_batches(batches, _TOPIC)
    for day, rows in parsed.events.groupby(parsed.events["event_at"].dt.date):
        stores.warehouse(DOMAIN).upsert(SPOTIFY_EVENTS, as_spotify_events(rows.reset_index(drop=True), day))
    stores.warehouse(DOMAIN).upsert(REJECTED_EVENTS, parsed.rejects)
    stores.documents(DOMAIN).upsert(EVENT_DOCUMENTS, event_documents(parsed.events, batches))
    return len(parsed.events)


def by_pipeline(_laps: Laps, folder: Path, target: Path, *flags: str) -> int:
    """Do the same, and write raw files, by the pipeline; return how many events there were."""
    from mlops_assets.song_popularity.streaming import PIPELINE
    from mlops_assets.stores.events import open_event_log
    from mlops_assets.streams.beam.log_reading import ReadLog, partitions_to_read
    from mlops_assets.streams.beam.running import run_pipeline

    open_log = partial(open_event_log, stores_in(folder).url("events", DOMAIN))
    source = ReadLog(open_log, _TOPIC, partitions_to_read(open_log(), _TOPIC), _END)
    steps = PIPELINE.steps(partial(Stores, **vars(stores_in(target))), _TOPIC, 5)
    return run_pipeline(lambda root: root | source | steps, "DirectRunner", flags, follows=False)["spotify_events"]


def main(events: int) -> None:
    """Measure each way on stores of its own, and print messages per second and memory."""
    two = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    with TemporaryDirectory() as folder:
        root = Path(folder)
        fill_log(root / "log", events)
        ways = {"loop": (by_loop, ()), "DirectRunner": (by_pipeline, ()), "DirectRunner, two processes": (by_pipeline, two)}
        for number, (name, (way, flags)) in enumerate(ways.items()):
            run = measure(way, root / "log", root / str(number), *flags)
            line = f"{events / run.seconds:,.0f} messages/s, {run.value:,} events, peak memory {run.peak_mib:.0f} MiB"
            Console().print(f"{name}: {line}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
