"""Exactly once: producer, consumer and broker die again and again, and nothing is lost, doubled or different."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_assets_tests.song_popularity.killed_stream import KilledStream, Trial, compare, send_quietly
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
