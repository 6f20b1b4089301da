"""The Beam pipeline and the assets make the same of one log."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.contracts import TableContract
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import EVENT_DOCUMENTS, REJECTED_EVENTS, SPOTIFY_EVENTS
from mlops_assets.song_popularity.model_contracts import SPOTIFY_PREDICTIONS
from mlops_assets.song_popularity.modelling.training import MODEL_NAME, train_popularity_model
from mlops_assets.song_popularity.partitions import EVENT_DAYS
from mlops_assets.song_popularity.streaming import PIPELINE
from mlops_assets.stores.events import Event, open_event_log
from mlops_assets.stores.models.versions import registered_name
from mlops_assets.stores.registry import StoreKind, Stores
from mlops_assets.streams.beam.log_reading import ReadLog, partitions_to_read
from mlops_assets.streams.beam.running import run_pipeline
from mlops_assets_tests.platforms import Platform, StoppedClock
from mlops_assets_tests.song_popularity.messages import NOON, message
from mlops_assets_tests.song_popularity.tracks import END, START, some_tracks

TOPIC = "spotify-events"
TODAY, YESTERDAY = "2026-03-10", "2026-03-09"
_WRITTEN: tuple[StoreKind, ...] = ("lake", "warehouse", "documents")
NOW = NOON + timedelta(hours=1)


def _send(stores: Stores) -> None:
    """Send events, some of them again and elsewhere, some of the day before, and poison."""
    log = stores.events(DOMAIN)
    log.create_topic(TOPIC, 3)
    today = [Event(message(number, country="US" if number % 3 else "CO"), NOON, b"%d" % (number % 7)) for number in range(60)]
    late = [Event(message(number - 86_400, artist="artist3"), NOON - timedelta(days=1), b"late") for number in range(10)]
    poison = [Event(value, NOON, b"poison") for value in (b"hello", b"", b"\xff\n", message(popularity=101), b"[1]")]
    again = [Event(each.value, NOON, b"elsewhere") for each in today[20:30]]
    for part in (today[:40], late, poison, today[5:15], today[40:], again, late[:2]):
        log.append(TOPIC, part)


def _promote(stores: Stores) -> None:
    """Make a model champion that has learned from the days before today, and so may not predict those of yesterday."""
    trained = train_popularity_model(some_tracks(150), window=(START, END), tuning_trials=0, families=["logistic_regression"])
    registry, name = stores.models(), registered_name(DOMAIN, MODEL_NAME)
    version = registry.save(trained.bundle, model_name=name, asset=f"{DOMAIN}/{MODEL_NAME}", partition=TODAY, now=END)
    registry.promote(version, now=END)


def _rejects(platform: Platform) -> pd.DataFrame:
    lake = platform.stores.lake(DOMAIN)
    days = [read_partition(lake, REJECTED_EVENTS, partition_of(EVENT_DAYS, day)) for day in (YESTERDAY, TODAY)]
    return pd.concat(days).sort_values(list(REJECTED_EVENTS.key), ignore_index=True)


def _documents(stores: Stores) -> dict[str, dict[str, Any]]:
    return {document["event_id"]: document for document in stores.documents(DOMAIN).read(EVENT_DOCUMENTS)}


def test_pipeline_and_assets_make_the_same_of_one_log(tmp_path: Path) -> None:
    """Events, predictions, dead letters and documents, with duplicates, late events and poison, to the last value."""
    with dg.instance_for_test() as instance:
        platform = Platform(tmp_path / "assets", instance, clock=StoppedClock(NOW))
        _send(platform.stores)
        _promote(platform.stores)
        platform.run("read_song_popularity", days=(YESTERDAY, TODAY))
        platform.materialize("popularity_predictions", "spotify_predictions", domain=DOMAIN, day=TODAY)
    elsewhere: dict[StoreKind, str] = {kind: platform.stores.urls[kind].replace("assets", "beam") for kind in _WRITTEN}
    (tmp_path / "beam").mkdir()
    stores = replace(platform.stores, urls={**platform.stores.urls, **elsewhere})
    open_log = partial(open_event_log, stores.url("events", DOMAIN))
    source = ReadLog(open_log, TOPIC, partitions_to_read(open_log(), TOPIC), NOW)
    steps = PIPELINE.steps(partial(Stores, **vars(stores)), TOPIC, 5)
    counts = run_pipeline(lambda root: root | source | steps, "DirectRunner", [], follows=False)

    def same(contract: TableContract, expected: pd.DataFrame) -> None:
        pd.testing.assert_frame_equal(stores.warehouse(DOMAIN).read(contract), expected)

    same(SPOTIFY_EVENTS, platform.stores.warehouse(DOMAIN).read(SPOTIFY_EVENTS))
    same(SPOTIFY_PREDICTIONS, platform.stores.warehouse(DOMAIN).read(SPOTIFY_PREDICTIONS))
    same(REJECTED_EVENTS, _rejects(platform))
    assert _documents(stores) == _documents(platform.stores)
    assert (counts["spotify_events"], counts["spotify_predictions"], counts["events_without_champion"]) == (70, 60, 10)
