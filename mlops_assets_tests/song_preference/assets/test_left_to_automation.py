"""Files are dropped, and nobody does anything else: sensors and conditions read, train, decide and score."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.settings import Settings
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.assets import model
from mlops_assets.song_preference.model_contracts import PREFERENCE_CHAMPION, PREFERENCE_PREDICTIONS
from mlops_assets.song_preference.settings import SongPreferenceSettings
from mlops_assets.song_preference.sources.base import playlist_key
from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.automatic import Automatic, automatic, only
from mlops_assets_tests.platforms import with_registry
from mlops_assets_tests.song_preference.labelled import labelled_songs, without_labels
from mlops_assets_tests.song_preference.playlists import as_answer, as_csv

TRAINING = "preference_evaluation+preference_model+test_split+train_split"


@dataclass
class Life:
    """A platform with its automation and its inbox."""

    automation: Automatic
    settings: Settings

    def drop(self, name: str, body: bytes) -> str:
        """Drop a file into the inbox and return the key of its playlist."""
        open_object_storage(self.settings.build_stores().url("lake", DOMAIN)).put(f"{DOMAIN}/inbox/{name}", body)
        return playlist_key(name, body)

    def settle(self) -> list[str]:
        """Let the daemon tick until nothing happens; a file counts when a second look finds it unchanged."""
        return self.automation.settle() + self.automation.settle()

    def registered(self) -> list[str]:
        return list(self.automation.instance.get_dynamic_partitions("playlist"))

    def table(self, contract: Any) -> pd.DataFrame:
        return self.settings.build_stores().warehouse(DOMAIN).read(contract)


@pytest.fixture
def life(tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    """Begin with nothing, and search among few models."""
    train = model.train_preference_model
    quick = {"families": ["logistic_regression"], "feature_sets": ["all"], "tuning_trials": 0, "repeats": 1}
    monkeypatch.setattr(model, "train_preference_model", lambda songs, **options: train(songs, **{**options, **quick}))
    folder = with_registry(tmp_path / "data", mlflow_database)
    own = SongPreferenceSettings(source="inbox", _env_file=None)
    settings = Settings(data_dir=folder, automation="on", domains={DOMAIN: own}, _env_file=None)
    domain = next(domain for domain in build_domains(settings) if domain.name == DOMAIN)
    definitions = only(build_definitions(settings), domain)
    with automatic(definitions, tmp_path / "home", datetime(2024, 6, 20, 12, tzinfo=timezone.utc)) as automation:
        yield Life(automation, settings)


@pytest.mark.slow
def test_dropped_files_become_a_model_and_its_opinions(life: Life) -> None:
    """Each file is read once; too few songs start no training; the first model scores what has no label, and later drops, too."""
    assert life.settle() == []
    assert "there is no playlist yet" in life.automation.says("song_preference_bootstrap")
    few = life.drop("ana/few.csv", as_csv(*labelled_songs(20, seed=5)))
    life.settle()
    assert life.registered() == [few]
    assert life.settle() == []

    life.drop("ana/broken.csv", b"<html>Not found</html>")
    new = life.drop("ana/new.json", as_answer(*without_labels(6)))
    life.drop("ana/many.csv", as_csv(*labelled_songs(100)))
    life.settle()
    assert len(life.registered()) == 4
    assert life.table(PREFERENCE_CHAMPION)["decision"].tolist() == ["promote_first"]
    assert life.table(PREFERENCE_PREDICTIONS)["playlist_key"].unique().tolist() == [new]

    life.drop("luis/copy of new.json", as_answer(*without_labels(6)))
    assert life.settle() == []
    assert len(life.registered()) == 4

    later = life.drop("luis/later.csv", as_csv(*without_labels(4, seed=8)))
    runs = life.settle()
    assert runs.count(f"read_playlists {later}") == 1
    assert set(life.table(PREFERENCE_PREDICTIONS)["playlist_key"]) == {new, later}
    assert len(life.table(PREFERENCE_CHAMPION)) == 1
    assert life.settle() == []
