"""The platform's model beside the original's recipe and the commonest class, on the same folds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console
from typer.testing import CliRunner

from mlops_assets.cli.main import app
from mlops_assets.ml.training import TrainedModel
from mlops_assets.song_popularity.modelling.comparison import FIGURES, PLATFORM, compare_recipes, song_folds
from mlops_assets.song_popularity.quality import read_tracks
from mlops_assets_tests.shared_data import shared_data
from mlops_assets_tests.song_popularity.tracks import some_events, some_tracks

QUICK = ["logistic_regression"]


def test_platform_beats_the_baselines_on_recorded_tracks() -> None:
    """On songs held out, by each of the figures that people read, though it asks the quickest kind of model alone."""
    tracks = read_tracks(Console(quiet=True), shared_data("spotify_tracks"))
    found = compare_recipes(tracks, tuning_trials=0, time_budget_seconds=600, families=QUICK, folds=3)
    platform, *others = (row for _, row in found.iterrows())
    assert platform["predictor"] == PLATFORM
    assert platform["macro_f1"] > 0.5
    assert platform["accuracy"] > 0.6
    for other in others:
        assert platform["accuracy"] > other["accuracy"] + 0.1
        assert platform["macro_f1"] > other["macro_f1"] + 0.2
        assert platform["log_loss"] < other["log_loss"] - 0.1


def test_every_figure_has_its_deviation() -> None:
    """Between the folds, each of which the platform learns anew."""
    chosen: list[TrainedModel] = []
    found = compare_recipes(
        some_tracks(300), tuning_trials=0, time_budget_seconds=600, families=QUICK, folds=2, on_fold=chosen.append
    )
    assert [trained.bundle.provenance.estimator_name for trained in chosen] == QUICK * 2
    assert set(found.columns) == {"predictor", *FIGURES, *(f"{figure}_deviation" for figure in FIGURES)}
    assert found.notna().all(axis=None)


def test_releases_of_a_song_are_in_one_fold() -> None:
    """Also if they are written in other letters; tracks without a title are songs of their own."""
    tracks = some_tracks(60)
    tracks.loc[[3, 40], "artist"], tracks.loc[[3, 40], "track_name"] = "Ana", ["Hurt", "HURT "]
    tracks.loc[10:12, "track_name"] = None
    for training, held_out in song_folds(tracks, 4, seed=1):
        assert len({*training, *held_out}) == len(tracks)
        assert not set(training) & set(held_out)
        assert (3 in held_out) == (40 in held_out)


def test_command_prints_the_figures(tmp_path: Path) -> None:
    """Of any recording; what has no known popularity is counted, and no zero."""
    rows = some_events(300)[["track_id", "track_name", "artist", "album", "popularity", "energy"]]
    rows.rename(columns={"artist": "track_artist", "popularity": "track_popularity"}).to_csv(tmp_path / "songs.csv", index=False)
    result = CliRunner().invoke(app, ["popularity-quality", str(tmp_path), "--family", *QUICK])
    assert result.exit_code == 0, result.output
    assert "300 tracks, of which 33 have no known popularity" in result.output
    assert "macro f1: better than the commonest class" in result.output


def test_recording_of_too_few_tracks_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """Without a traceback."""
    pd.DataFrame({"track_id": ["a", "b"], "track_popularity": [1, 80]}).to_csv(tmp_path / "songs.csv", index=False)
    result = CliRunner().invoke(app, ["popularity-quality", str(tmp_path)])
    assert result.exit_code == 1
    assert "at least 200 are needed" in result.stderr
