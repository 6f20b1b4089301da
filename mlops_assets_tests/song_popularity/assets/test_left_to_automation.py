"""Events are sent, and nobody does anything else: the sensor lands them, the bootstrap trains, and predictions follow."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.settings import Settings
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.assets import model
from mlops_assets.song_popularity.contracts import SPOTIFY_EVENTS
from mlops_assets.song_popularity.model_contracts import POPULARITY_ACCURACY, POPULARITY_CHAMPION, SPOTIFY_PREDICTIONS
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.song_popularity.sources.sample import sample_history
from mlops_assets_tests.automatic import Automatic, automatic, only
from mlops_assets_tests.platforms import with_registry

NOON = datetime(2026, 6, 20, 12, tzinfo=timezone.utc)


@dataclass
class Life:
    """A platform with its automation and its topic."""

    automation: Automatic
    settings: Settings
    sent: int = 0

    def send(self, start: datetime, end: datetime, events: int) -> None:
        """Append simulated events of a time to the topic."""
        log = self.settings.build_stores().events(DOMAIN)
        log.create_topic("spotify-events", 4)
        batch = list(sample_history(7, start, end, events))
        log.append("spotify-events", batch)
        self.sent += len(batch)

    def table(self, contract: Any) -> pd.DataFrame:
        return self.settings.build_stores().warehouse(DOMAIN).read(contract)


@pytest.fixture
def life(tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Begin with nothing, and search among few models."""
    train = model.train_popularity_model
    quick = {"families": ["logistic_regression"], "tuning_trials": 0}
    monkeypatch.setattr(model, "train_popularity_model", lambda tracks, **options: train(tracks, **{**options, **quick}))
    own = SongPopularitySettings(retrain_below_accuracy=0, _env_file=None)
    settings = Settings(
        data_dir=with_registry(tmp_path / "data", mlflow_database), automation="on", domains={DOMAIN: own}, _env_file=None
    )
    domain = next(domain for domain in build_domains(settings) if domain.name == DOMAIN)
    definitions = only(build_definitions(settings), domain)
    with automatic(definitions, tmp_path / "home", NOON) as automation:
        yield Life(automation, settings)


@pytest.mark.slow
def test_stream_becomes_a_model_and_its_predictions(life: Life) -> None:
    """Nothing happens without events; the past trains a model; what comes now is landed and predicted, and late events, too."""
    life.automation.settle()
    assert "has no messages of an earlier day" in life.automation.says("song_popularity_bootstrap")
    life.send(NOON - timedelta(days=4), NOON - timedelta(minutes=10), 2_500)
    life.automation.settle()
    assert life.table(POPULARITY_CHAMPION)["decision"].tolist() == ["promote_first"]
    today = life.table(SPOTIFY_PREDICTIONS)
    assert set(today["event_date"]) == {NOON.date()}

    now = datetime.now(timezone.utc)
    life.send(now - timedelta(hours=30), now, 300)
    started = life.automation.settle()
    assert any(run.startswith("follow_song_popularity") for run in started)
    assert any(run.startswith("refresh_song_popularity") for run in started)
    events, predictions = life.table(SPOTIFY_EVENTS), life.table(SPOTIFY_PREDICTIONS)
    of_today = events[events["event_date"] == NOON.date()]
    assert set(predictions.loc[predictions["event_date"] == NOON.date(), "event_id"]) == set(of_today["event_id"])
    assert len(of_today) > len(today)
    # What nobody needs at once comes at the next ticks of the clock; the stream itself is quiet.
    assert not any(run.startswith(("follow", "refresh")) for run in life.automation.settle())
    life.automation.wait_until(NOON + timedelta(hours=1))
    assert len(life.table(POPULARITY_ACCURACY))

    started = life.automation.wait_until(datetime(2026, 6, 21, 0, 41, tzinfo=timezone.utc))
    assert any(run.startswith("train_popularity_model 2026-06-21") for run in started)
    assert [run for run in started if "FAILURE" in run] == []
