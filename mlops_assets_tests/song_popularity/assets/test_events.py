"""The stream on a real instance: from messages of the log to tables, each once, whatever dies or comes late."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.assets.automation import FOLLOW_EVENTS, REFRESH_EVENTS, build_sensors
from mlops_assets.song_popularity.assets.bootstrap import build_bootstrap
from mlops_assets.song_popularity.assets.events import STREAM
from mlops_assets.song_popularity.contracts import (
    EVENT_DOCUMENTS,
    EVENTS,
    HISTORY,
    REJECTED_EVENTS,
    SPOTIFY_EVENTS,
    STREAM_HEALTH,
    TRACKS,
)
from mlops_assets.song_popularity.partitions import EVENT_DAYS
from mlops_assets.stores.events import Event
from mlops_assets_tests.platforms import Platform, StoppedClock
from mlops_assets_tests.song_popularity.messages import NOON, message

TOPIC = "spotify-events"
TODAY, YESTERDAY = "2026-03-10", "2026-03-09"
A_DAY = 86_400


class Stream:
    """A platform with a topic, and a clock that stands at noon."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.clock = StoppedClock(NOON + timedelta(hours=1))
        self.platform = Platform(folder, instance, clock=self.clock)
        self.instance = instance
        self.log = self.platform.stores.events(DOMAIN)
        self.log.create_topic(TOPIC, 3)

    def send(self, values: Sequence[bytes], at: datetime = NOON) -> None:
        """Append messages, keyed by their text."""
        self.log.append(TOPIC, [Event(value, at, value[:40]) for value in values])

    def table(self, contract: Any, day: str = TODAY) -> pd.DataFrame:
        return read_partition(self.platform.stores.lake(DOMAIN), contract, partition_of(EVENT_DAYS, day))

    def warehouse(self) -> pd.DataFrame:
        return self.platform.stores.warehouse(DOMAIN).read(SPOTIFY_EVENTS)

    def account(self) -> dict[str, int]:
        """Run the account, and return its counts."""
        self.platform.run("account_for_song_popularity")
        key = dg.AssetCheckKey(dg.AssetKey([DOMAIN, "event_batches"]), "accounts_for_every_message")
        (record,) = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert record.event is not None
        evaluation = record.event.asset_check_evaluation
        assert evaluation is not None
        counts = {name: int(str(value.value)) for name, value in evaluation.metadata.items()}
        assert evaluation.passed == (counts["missing_count"] == 0)
        return counts


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    with dg.instance_for_test() as instance:
        yield Stream(tmp_path, instance)


def read(stream: Stream, *days: str) -> None:
    stream.platform.run("read_song_popularity", days=(days[0], days[-1]))


def test_messages_become_events_documents_and_dead_letters(stream: Stream) -> None:
    """Each once, in the lake, the warehouse and the document store; what was read is kept or rejected, and the account says so."""
    sent = [message(number) for number in range(20)]
    stream.send([*sent, sent[3], sent[3], b"poison", message(popularity=101)])
    read(stream, YESTERDAY, TODAY)
    events, rejects = stream.table(EVENTS), stream.table(REJECTED_EVENTS)
    assert len(events) == 20
    assert sorted(rejects["reason_code"]) == ["duplicate", "duplicate", "not_json", "out_of_range"]
    assert events["event_at"].is_monotonic_increasing
    assert stream.warehouse()["event_id"].tolist() == sorted(events["event_id"])
    documents = stream.platform.stores.documents(DOMAIN).read(EVENT_DOCUMENTS)
    assert {document["event_id"] for document in documents} == set(events["event_id"])
    assert {document["query"] for document in documents} == {"pop"}
    assert stream.table(EVENTS, YESTERDAY).empty
    assert stream.account() == {"landed_count": 24, "row_count": 20, "reject_count": 4, "missing_count": 0}


def test_late_event_refreshes_its_day_and_no_other(stream: Stream) -> None:
    """The account says that a day waits, until it has been made again; the rows are those of a stream without delay."""
    stream.send([message(number) for number in range(5)])
    read(stream, YESTERDAY, TODAY)
    stream.send([message(9, timestamp=NOON.timestamp() - A_DAY)])
    stream.platform.run("follow_song_popularity", day=TODAY, asset_selection=[dg.AssetKey([DOMAIN, "event_batches"])])
    assert stream.platform.metadata("event_batches", domain=DOMAIN)["days"] == [YESTERDAY, TODAY]
    assert stream.account()["missing_count"] == 1
    stream.platform.materialize("events", "rejected_events", domain=DOMAIN, day=YESTERDAY)
    assert len(stream.table(EVENTS, YESTERDAY)) == 1
    assert stream.account()["missing_count"] == 0


def test_day_made_again_has_the_same_bytes(stream: Stream, tmp_path: Path) -> None:
    """Events are a function of what has landed, and landing twice is landing once."""
    stream.send([message(number) for number in range(50)])
    read(stream, TODAY, TODAY)
    files = sorted((tmp_path / "lake" / DOMAIN).rglob("*.parquet"))
    before = {file: file.read_bytes() for file in files}
    stream.clock.time += timedelta(hours=2)
    read(stream, TODAY, TODAY)
    assert {file: file.read_bytes() for file in sorted((tmp_path / "lake" / DOMAIN).rglob("*.parquet"))} == before


def test_backlog_is_landed_in_bounded_runs(stream: Stream) -> None:
    """Each run lands what it may; the next goes on."""
    stream.send([message(number) for number in range(90)])
    bounds = {"song_popularity__event_batches": {"config": {"most_events": 30, "batch_events": 10}}}
    only = [dg.AssetKey([DOMAIN, "event_batches"])]
    counts = []
    for _ in range(4):
        stream.platform.run("follow_song_popularity", day=TODAY, asset_selection=only, ops=bounds)
        counts.append(stream.platform.metadata("event_batches", domain=DOMAIN)["new_count"])
    assert sum(counts) == 90
    assert all(0 < count <= 40 for count in counts[:3])


def test_lost_messages_are_an_error_until_a_person_accepts_them(stream: Stream) -> None:
    """Retention took some of one partition: the others land, the check names the range, and a job goes on behind it."""
    stream.send([message(number) for number in range(30)])
    read(stream, TODAY, TODAY)
    starts = stream.platform.metadata("event_batches", domain=DOMAIN)["next_offsets"]
    stream.send([message(number) for number in range(30, 60)])
    lost = int(starts["1"])
    stream.log.drop_before(TOPIC, {1: lost + 1})  # type: ignore[attr-defined]
    only = [dg.AssetKey([DOMAIN, "event_batches"])]
    stream.platform.run("follow_song_popularity", day=TODAY, asset_selection=only)
    done = stream.platform.run("follow_song_popularity", day=TODAY, asset_selection=only, raise_on_error=False)
    assert not done.success
    accepted = {"reason": "the broker kept a day only", "partition": 1, "start": lost, "end": lost + 1}
    stream.platform.run(
        "accept_lost_song_popularity_messages", ops={"go_on_behind_lost_song_popularity_messages": {"config": accepted}}
    )
    read(stream, TODAY, TODAY)
    assert len(stream.table(EVENTS)) == 59
    assert stream.account()["missing_count"] == 0


def test_days_of_a_landing_that_died_are_refreshed(stream: Stream) -> None:
    """It landed late messages and could not tell of them: the next landing does, although it has nothing to land."""
    stream.send([message(1)])
    read(stream, TODAY, TODAY)
    stream.send([message(9, timestamp=NOON.timestamp() - A_DAY)])
    landed = STREAM.landing(stream.platform.stores, TOPIC)
    landed.land(stream.log, stream.clock.time, most_events=100, batch_events=100, has_time=lambda: True)
    only = [dg.AssetKey([DOMAIN, "event_batches"])]
    stream.platform.run("follow_song_popularity", day=TODAY, asset_selection=only)
    told = stream.platform.metadata("event_batches", domain=DOMAIN)
    assert told["new_count"] == 0
    assert YESTERDAY in told["days"]


def test_repaired_dead_letter_is_replayed(stream: Stream, tmp_path: Path) -> None:
    """With the key of the dead letter; sent twice, it is one event, and the dead letter stays on record."""
    stream.send([b'{"track_id": "broken"'])
    read(stream, TODAY, TODAY)
    (letter,) = stream.table(REJECTED_EVENTS).to_dict("records")
    line = b'{"partition": %d, "offset": %d, "value": %s}\n' % (letter["log_partition"], letter["log_offset"], message())
    repaired = tmp_path / "lake" / DOMAIN / "repaired" / "monday.jsonl"
    repaired.parent.mkdir(parents=True)
    repaired.write_bytes(line)
    replay = {"send_repaired_song_popularity_messages": {"config": {"file": "monday.jsonl"}}}
    for _ in range(2):
        stream.platform.run("replay_song_popularity_dead_letters", ops=replay)
    read(stream, TODAY, TODAY)
    assert len(stream.table(EVENTS)) == 1
    assert set(stream.table(EVENTS)["log_partition"]) == {letter["log_partition"]}
    assert sorted(stream.table(REJECTED_EVENTS)["reason_code"]) == ["duplicate", "not_json"]


def test_tracks_are_known_from_all_days_and_the_history(stream: Stream) -> None:
    """The history of a log's beginning is a bounded batch; what is in it and what follows is one row per track."""
    stream.send([message(number, track_id=f"t{number}") for number in range(4)])
    ops = {"song_popularity__history": {"config": {"source": "log", "most_records": 10}}}
    stream.platform.run("read_song_popularity_history", ops=ops)
    assert len(read_partition(stream.platform.stores.lake(DOMAIN), HISTORY, None)) == 4
    read(stream, TODAY, TODAY)
    stream.platform.run("list_song_popularity_tracks")
    tracks = read_partition(stream.platform.stores.lake(DOMAIN), TRACKS, None)
    assert tracks["event_count"].tolist() == [1, 1, 1, 1]


def test_health_of_the_stream_is_noted_look_by_look(stream: Stream) -> None:
    """How far landing is behind, partition by partition, with the dead letters up to now; earlier looks stay."""
    stream.send([message(number) for number in range(20)])
    stream.send([b"poison"])
    stream.platform.run("look_at_song_popularity_stream")
    read(stream, TODAY, TODAY)
    stream.clock.time += timedelta(minutes=10)
    stream.send([message(30)])
    stream.platform.run("look_at_song_popularity_stream")
    health = stream.platform.stores.warehouse(DOMAIN).read(STREAM_HEALTH)
    looks = health.groupby("looked_at")[["lag_count", "dead_letter_count", "lost_count"]].sum()
    assert looks.to_numpy().tolist() == [[21, 0, 0], [1, 1, 0]]
    landed = health[health["next_offset"] > 0]
    assert len(landed)
    assert landed["newest_landed_at"].notna().all()


def tick(stream: Stream, cursor: str | None) -> tuple[list[dg.RunRequest], str]:
    """Evaluate the sensor; return what it asks for, and its cursor."""
    sensors = build_sensors(build_bootstrap("topic"), automation_enabled=True)
    sensor = next(each for each in sensors if each.name == "song_popularity_new_messages")
    resources = {"stores": stream.platform.stores, "clock": stream.clock, "spotify_topic": TOPIC}
    context = dg.build_sensor_context(
        instance=stream.instance, cursor=cursor, resources=resources, definitions=stream.platform.definitions
    )
    data = sensor.evaluate_tick(context)
    assert data.cursor is not None
    return list(data.run_requests or []), data.cursor


def do(stream: Stream, request: dg.RunRequest) -> None:
    assert request.job_name is not None
    stream.platform.run(request.job_name, day=request.partition_key, asset_selection=request.asset_selection)


def test_sensor_lands_what_is_new_and_refreshes_the_days_that_late_messages_touch(stream: Stream) -> None:
    """Nothing is asked for without a message; a run lands them; then each touched day is made once, and all is quiet."""
    requests, cursor = tick(stream, None)
    assert requests == []
    stream.send([message(1), message(2, timestamp=NOON.timestamp() - A_DAY)])
    (request,), cursor = tick(stream, cursor)
    assert (request.job_name, request.partition_key) == (FOLLOW_EVENTS.name, TODAY)
    do(stream, request)
    (request,), cursor = tick(stream, cursor)
    assert (request.job_name, request.partition_key) == (REFRESH_EVENTS.name, YESTERDAY)
    do(stream, request)
    requests, cursor = tick(stream, cursor)
    assert requests == []
    assert len(stream.table(EVENTS, YESTERDAY)) == len(stream.table(EVENTS)) == 1
    assert len(stream.warehouse()) == 2


def test_sensor_lets_a_run_name_what_was_lost(stream: Stream) -> None:
    """The log has dropped messages of one partition: a run is asked for to name them, and the others do not wait for it."""
    stream.send([message(number) for number in range(12)])
    (request,), cursor = tick(stream, None)
    do(stream, request)
    stream.send([message(number) for number in range(20, 60)])
    lost = {1: stream.log.watermarks(TOPIC)[1].end}
    stream.log.drop_before(TOPIC, lost)  # type: ignore[attr-defined]
    requests, cursor = tick(stream, cursor)
    do(stream, requests[0])
    (naming,), cursor = tick(stream, cursor)
    assert naming.job_name == FOLLOW_EVENTS.name
    stream.send([message(number) for number in range(60, 80)])
    (other,), _ = tick(stream, cursor)
    assert other.tags["mlops_assets/request"] != naming.tags["mlops_assets/request"]
