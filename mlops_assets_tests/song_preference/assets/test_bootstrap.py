"""The first playlists of a source, from dropped files to scores, by one command."""

import io
from datetime import datetime, timezone
from pathlib import Path

import pytest
from rich.console import Console

from mlops_assets.cli.bootstrap import bootstrap_domains
from mlops_assets.errors import NotEnoughDataError
from mlops_assets.orchestration.instance import prepare_instance
from mlops_assets.settings import Settings
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.assets import model
from mlops_assets.song_preference.assets.bootstrap import bootstrap_steps, last_of_first_playlists
from mlops_assets.song_preference.model_contracts import PREFERENCE_CHAMPION, PREFERENCE_PREDICTIONS
from mlops_assets.song_preference.settings import SongPreferenceSettings
from mlops_assets.song_preference.sources.export import ExportPlaylistSource
from mlops_assets.song_preference.sources.sample import SamplePlaylistSource
from mlops_assets_tests.platforms import StoppedClock, with_registry
from mlops_assets_tests.song_preference.labelled import labelled_songs, without_labels
from mlops_assets_tests.song_preference.playlists import as_answer, as_csv


def test_source_without_playlists_is_waited_for(tmp_path: Path) -> None:
    """So are labelled songs, if there are too few; it says what to do."""
    (tmp_path / "drop").mkdir()
    source = ExportPlaylistSource(tmp_path / "drop")
    with pytest.raises(NotEnoughDataError, match="there is no playlist yet; drop some with labels"):
        last_of_first_playlists(source, [])
    (tmp_path / "drop" / "few.csv").write_bytes(as_csv(*labelled_songs(20)))
    with pytest.raises(NotEnoughDataError, match=r"playlists at .*: 20 labelled songs"):
        last_of_first_playlists(source, [])


def test_sample_is_read_trained_on_and_scored() -> None:
    """Ten playlists, each read and scored on its own."""
    source = SamplePlaylistSource(1)
    steps = bootstrap_steps(source, last_of_first_playlists(source, []))
    jobs = [step.job for step in steps]
    assert jobs.count("read_playlists") == jobs.count("score_playlists") == 10
    assert list(dict.fromkeys(jobs)) == [
        "register_playlists",
        "read_playlists",
        "make_song_dataset",
        "train_song_preference",
        "score_playlists",
    ]


def test_command_takes_a_folder_to_its_first_scores(tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken file among them stops nothing; repeated, there is nothing left to do."""
    train = model.train_preference_model
    quick = {"families": ["logistic_regression"], "feature_sets": ["all"], "tuning_trials": 0, "repeats": 1}
    monkeypatch.setattr(model, "train_preference_model", lambda songs, **options: train(songs, **{**options, **quick}))
    (tmp_path / "drop").mkdir()
    for name, body in (
        ("a broken one.csv", b""),
        ("labelled.csv", as_csv(*labelled_songs(100))),
        ("new.json", as_answer(*without_labels(5))),
    ):
        (tmp_path / "drop" / name).write_bytes(body)
    own = SongPreferenceSettings(source="export", export_path=tmp_path / "drop", _env_file=None)
    folder = with_registry(tmp_path / "data", mlflow_database)
    settings = Settings(data_dir=folder, domains={DOMAIN: own}, _env_file=None)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_instance(folder)))
    clock = StoppedClock(datetime(2024, 6, 1, tzinfo=timezone.utc))
    screen = io.StringIO()
    for _ in range(2):
        bootstrap_domains(Console(file=screen, width=80), settings, [DOMAIN], clock)
    assert "song_preference is at work already" in screen.getvalue()
    warehouse = settings.build_stores().warehouse(DOMAIN)
    assert warehouse.read(PREFERENCE_CHAMPION)["decision"].tolist() == ["promote_first"]
    assert len(warehouse.read(PREFERENCE_PREDICTIONS)) == 5
