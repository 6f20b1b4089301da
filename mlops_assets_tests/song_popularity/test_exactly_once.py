"""Exactly once: producer, consumer and broker die or are away, and nothing is lost, doubled or different."""

from __future__ import annotations

import threading
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.orchestration import failures
from mlops_assets.song_popularity import DOMAIN, defaults
from mlops_assets.stores.events import Event
from mlops_assets.stores.events.kafka import KafkaEventLog
from mlops_assets_tests.platforms import Platform
from mlops_assets_tests.services.kafka import MockControl
from mlops_assets_tests.song_popularity.killed_stream import KilledStream, Trial, compare, send_quietly
from mlops_assets_tests.song_popularity.messages import NOON, message
from mlops_assets_tests.song_popularity.stream_consumer import ALL_SENT, consume


@pytest.mark.slow
def test_kills_change_nothing(tmp_path: Path) -> None:
    """A producer and a consumer that are killed twice each leave the tables of a run that nobody disturbed."""
    trial = Trial(events=6_000, kills=2, most_events=2_000)
    killed = KilledStream(tmp_path / "killed", f"sqlite:{tmp_path / 'killed.db'}", trial)
    counts = killed.run()
    quiet_url, quiet = f"sqlite:{tmp_path / 'quiet.db'}", tmp_path / "quiet"
    send_quietly(quiet_url, killed)
    quiet.mkdir()
    (quiet / ALL_SENT).touch()
    consume(quiet, quiet_url, 100_000)
    outcome = compare(killed, quiet, quiet_url, counts)
    assert outcome.is_exact, outcome
    assert outcome.consumer_failures == 0, outcome
    assert min(outcome.producer_kills, outcome.consumer_kills) > 0, outcome
    assert outcome.poison > 40, outcome


@pytest.mark.services
def test_broker_that_is_down_while_messages_land(
    own_cluster: MockControl, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step waits and is tried again, and everything lands once, as soon as the broker is back."""
    monkeypatch.setattr(KafkaEventLog.__init__, "__defaults__", (0.5,))
    monkeypatch.setattr(failures, "SECONDS_BETWEEN_RETRIES", 1)
    own_cluster("topic", defaults.TOPIC, 2)
    url = f"kafka://{own_cluster('bootstrap')}"
    KafkaEventLog(url, 10).append(defaults.TOPIC, [Event(message(n), NOON, b"%d" % n) for n in range(20)])
    own_cluster("down")
    platform = Platform(tmp_path / "platform", instance, stores={"events_url": url})
    recovery = threading.Timer(1.5, own_cluster, ["up"])
    recovery.start()
    result = platform.materialize("event_batches", domain=DOMAIN)
    recovery.join()
    assert any(event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY for event in result.all_events)
    assert platform.metadata("event_batches", domain=DOMAIN)["new_count"] == 20
