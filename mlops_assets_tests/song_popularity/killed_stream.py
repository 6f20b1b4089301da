"""A stream through kills beside a quiet one: what both leave in the tables must be the same."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from mlops_assets.environment import ENV_FILE_VARIABLE
from mlops_assets.errors import PlatformError
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.settings import Settings
from mlops_assets.song_popularity import DOMAIN, defaults
from mlops_assets.song_popularity.assets.events import STREAM
from mlops_assets.song_popularity.contracts import EVENT_DOCUMENTS, EVENTS, REJECTED_EVENTS, SPOTIFY_EVENTS
from mlops_assets.song_popularity.partitions import EVENT_DAYS
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.song_popularity.sources.sample import SampleEvents
from mlops_assets.stores.events import Event, open_event_log
from mlops_assets.stores.events.base import partition_of as partition_of_event
from mlops_assets_tests.song_popularity.stream_consumer import ALL_SENT

_REPOSITORY = Path(__file__).resolve().parents[2]
_PAST_DAYS = 1
_MOST_STARTS = 60
_OF_A_RUN = ["landed_at", "ingestion_timestamp", "log_partition", "log_offset"]
"""Columns that say when and where, which depends on the run."""


@dataclass(frozen=True)
class Trial:
    """How much is sent through how many kills.

    Attributes:
        events: simulated ones.
        kills: of the producer, and of the consumer.
        most_events: of one landing.
        seed: of the moments of the kills.
    """

    events: int
    kills: int
    most_events: int
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What was left.

    Attributes:
        producer_kills: how often the producer was killed at work.
        consumer_kills: how often the consumer was.
        consumer_failures: how often the consumer ended by itself with an error, and was started again.
        messages: in the log.
        events: rows of the quiet run.
        lost: events of the quiet run that the other has not.
        doubled: rows that an event has besides its first.
        other: events that only the run through kills has, and rows and documents that differ.
        poison: different dead letters of the quiet run.
        poison_lost: those of them that the other has not; and those that it alone has.
        resent: messages that were sent again after a kill of the producer.
    """

    producer_kills: int
    consumer_kills: int
    consumer_failures: int
    messages: int
    events: int
    lost: int
    doubled: int
    other: int
    poison: int
    poison_lost: int
    resent: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing is lost, doubled or different."""
        return self.lost == self.doubled == self.other == self.poison_lost == 0


def settings_of(folder: Path, url: str) -> Settings:
    """Return the settings of a platform that has everything in a folder, but the log."""
    own = {"song_popularity": SongPopularitySettings(_env_file=None)}
    return Settings(data_dir=folder, events_url=url, domains=own, _env_file=None)


class KilledStream:
    """A producer and a consumer, processes of their own, that are killed again and again."""

    def __init__(self, folder: Path, url: str, trial: Trial) -> None:
        """Keep everything in `folder` but the events, which are in the log of `url`."""
        folder.mkdir(parents=True)
        self.folder, self.url, self.trial = folder, url, trial
        self.stores = settings_of(folder, url).build_stores()
        (folder / ".env").touch()
        self._environment = {
            **os.environ,
            ENV_FILE_VARIABLE: str(folder / ".env"),
            "MLOPS_DATA_DIR": str(folder),
            "MLOPS_EVENTS_URL": url,
            "PYTHONPATH": str(_REPOSITORY),
        }
        self._sent = self._landed = 0

    @property
    def sent(self) -> int:
        """How many messages the log has, as far as it can be reached."""
        with suppress(PlatformError):
            self._sent = sum(map(len, open_event_log(self.url).watermarks(defaults.TOPIC).values()))
        return self._sent

    @property
    def landed(self) -> int:
        """How many messages have landed."""
        self._landed = sum(STREAM.landing(self.stores, defaults.TOPIC).next_offsets().values())
        return self._landed

    def run(self, end_url: str | None = None) -> tuple[int, int, int]:
        """Run both until all is sent and read.

        Args:
            end_url: of the same log, by which an event is a batch of its own, if the log's end shows only with a last batch.

        Returns:
            How often the producer and the consumer were killed, and how often the consumer failed.
        """
        count = str(self.trial.events)
        produce = [
            "-m",
            "mlops_assets.cli",
            "produce",
            DOMAIN,
            "--from",
            "sample",
            "--past-days",
            str(_PAST_DAYS),
            "--events",
            count,
        ]
        consumer = "mlops_assets_tests.song_popularity.stream_consumer"
        consume = ["-m", consumer, str(self.folder), self.url, str(self.trial.most_events)]

        def send() -> tuple[int, int]:
            result = self._run(produce, lambda: self.sent, "producer", longest_wait=0.2)
            send_last(end_url or self.url)
            (self.folder / ALL_SENT).touch()
            return result

        with ThreadPoolExecutor(2) as pool:
            sending = pool.submit(send)
            consuming = pool.submit(self._run, consume, lambda: self.landed, "consumer", longest_wait=3)
            (producer_kills, _), (consumer_kills, failures) = sending.result(), consuming.result()
        return producer_kills, consumer_kills, failures

    def _run(self, arguments: list[str], progress: Callable[[], int], name: str, longest_wait: float) -> tuple[int, int]:
        """Run a process to its good end, and kill it whenever it has come further; return how often it was killed, and failed."""
        rng, kills, failures = random.Random(f"{self.trial.seed} {name}"), 0, 0
        for _ in range(_MOST_STARTS):
            with (self.folder / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, *arguments], env=self._environment, cwd=_REPOSITORY, stdout=log, stderr=log
                )
                if kills < self.trial.kills:
                    due = self.trial.events * (kills + 1) // (self.trial.kills + 1)
                    while process.poll() is None and progress() < due:
                        time.sleep(0.02)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(rng.uniform(0, longest_wait))
                    process.kill()
                code = process.wait()
            if code == 0:
                return kills, failures
            kills, failures = kills + (code < 0), failures + (code > 0)
        raise RuntimeError(f"the {name} does not end: {(self.folder / f'{name}.log').read_text()[-3_000:]}")


def send_quietly(url: str, killed: KilledStream) -> None:
    """Send, undisturbed, the sequence that a killed producer has sent."""
    (progress,) = (killed.folder / "producers").glob("*.json")
    start = datetime.fromisoformat(json.loads(progress.read_text())["began_at"]) - timedelta(days=_PAST_DAYS)
    events = killed.trial.events
    sample = SampleEvents(SongPopularitySettings(_env_file=None).sample_seed, start, events / (_PAST_DAYS * 86_400))
    log, remaining = open_event_log(url), islice(sample.events(), events)
    log.create_topic(defaults.TOPIC, defaults.TOPIC_PARTITIONS)
    while batch := list(islice(remaining, 10_000)):
        log.append(defaults.TOPIC, batch)
    send_last(url)


def send_last(url: str) -> None:
    """Send a message of no event to every partition, behind all others."""
    log = open_event_log(url)
    partitions, at = log.topics()[defaults.TOPIC], datetime.now(timezone.utc)
    keys: dict[int, bytes] = {}
    for number in range(1_000):
        keys.setdefault(partition_of_event(Event(b"", at, b"%d" % number), partitions), b"%d" % number)
    for partition in range(partitions):
        log.append(defaults.TOPIC, [Event(b"the last one of %d" % partition, at, keys[partition])])


def compare(killed: KilledStream, quiet_folder: Path, quiet_url: str, counts: tuple[int, int, int]) -> Outcome:
    """Compare all tables and documents of a run through kills with those of a quiet one."""
    quiet = settings_of(quiet_folder, quiet_url).build_stores()
    ours, theirs = _events(killed.stores), _events(quiet)
    ids, quiet_ids = set(ours["event_id"]), set(theirs["event_id"])
    dead, quiet_dead = _dead_letters(killed.stores), _dead_letters(quiet)
    warehouse, quiet_warehouse = (_comparable(each.warehouse(DOMAIN).read(SPOTIFY_EVENTS)) for each in (killed.stores, quiet))
    documents, quiet_documents = (_documents(each) for each in (killed.stores, quiet))
    differing = [
        not _comparable(ours).equals(_comparable(theirs)),
        not warehouse.equals(quiet_warehouse),
        documents != quiet_documents,
        set(documents) != ids,
    ]
    messages = killed.sent
    rejects = sum(len(frame) for frame in _all_days(killed.stores, REJECTED_EVENTS))
    if messages != len(ours) + rejects:
        raise AssertionError(f"{messages} messages became {len(ours)} events and {rejects} rejects")
    return Outcome(
        *counts,
        messages=messages,
        events=len(theirs),
        lost=len(quiet_ids - ids),
        doubled=len(ours) - len(ids),
        other=len(ids - quiet_ids) + sum(differing),
        poison=len(quiet_dead),
        poison_lost=len(quiet_dead.keys() ^ dead.keys()) + sum(dead[one] < count for one, count in quiet_dead.items()),
        resent=messages - killed.trial.events - defaults.TOPIC_PARTITIONS,
    )


def _all_days(stores: Any, contract: Any) -> list[pd.DataFrame]:
    lake = stores.lake(DOMAIN)
    keys = sorted(lake.partitions((DOMAIN, contract.name)))
    return [read_partition(lake, contract, partition_of(EVENT_DAYS, key)) for key in keys]


def _events(stores: Any) -> pd.DataFrame:
    return pd.concat(_all_days(stores, EVENTS), ignore_index=True)


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=_OF_A_RUN, errors="ignore").sort_values("event_id", ignore_index=True)


def _dead_letters(stores: Any) -> Counter[tuple[str, bytes]]:
    """Count the dead letters, by reason and bytes."""
    found: Counter[tuple[str, bytes]] = Counter()
    for frame in _all_days(stores, REJECTED_EVENTS):
        dead = frame[frame["reason_code"] != "duplicate"]
        found.update(zip(dead["reason_code"], map(base64.b64decode, dead["value_base64"]), strict=True))
    return found


def _documents(stores: Any) -> dict[str, Any]:
    documents = stores.documents(DOMAIN).read(EVENT_DOCUMENTS)
    return {each["event_id"]: {name: value for name, value in each.items() if name not in _OF_A_RUN} for each in documents}
