"""The platform's choice beside the original's model, a forest and always-like, on the same folds."""

import pandas as pd
import pytest

from mlops_assets.song_preference.modelling.comparison import FIGURES, FOLDS, compare_choices
from mlops_assets.song_preference.songs.dataset import build_dataset
from mlops_assets_tests.shared_data import shared_data
from mlops_assets_tests.song_preference.playlists import parsed


@pytest.fixture(scope="module")
def comparison() -> pd.DataFrame:
    """Give the figures on the songs of one listener, of a choice between two kinds of model."""
    songs = build_dataset(parsed(shared_data("spotify_preferences/song_attributes.csv").read_bytes()).songs).songs
    folds: list[None] = []
    found = compare_choices(
        songs,
        tuning_trials=0,
        time_budget_seconds=600,
        families=["decision_tree", "soft_vote"],
        repeats=2,
        on_fold=lambda: folds.append(None),
    )
    assert len(folds) == 2 * FOLDS
    return found.set_index("predictor")


def test_platform_beats_the_original_and_a_forest(comparison: pd.DataFrame) -> None:
    """It ranks and classifies better, and its probabilities are nearer to the truth."""
    platform, original, forest, always = (comparison.iloc[row] for row in range(4))
    for other in (original, forest, always):
        assert platform["auc"] > other["auc"]
        assert platform["f1"] > other["f1"]
        assert platform["brier"] < other["brier"]


def test_every_figure_has_its_deviation(comparison: pd.DataFrame) -> None:
    """Between the repetitions; liking every song is the same in each."""
    assert comparison.index[0] == "platform: soft_vote (features all)"
    assert set(comparison.columns) == {*FIGURES, *(f"{figure}_deviation" for figure in FIGURES)}
    assert comparison.loc["baseline: always like", "auc"] == 0.5
