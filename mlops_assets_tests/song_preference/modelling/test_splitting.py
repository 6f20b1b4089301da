"""Training and test songs: stratified, apart from each other with all near-duplicates, and on their side for good."""

import pandas as pd
import pytest

from mlops_assets.errors import NotEnoughDataError
from mlops_assets.song_preference.modelling.splitting import repeated_folds, require_enough, split_songs
from mlops_assets_tests.song_preference.labelled import dataset_of


def test_split_is_stratified_and_complete() -> None:
    """Every song is in one part, 30 % of each label in the test part."""
    songs = dataset_of(200)
    train, test = split_songs(songs, 0.3, seed=1)
    assert sorted([*train["song_key"], *test["song_key"]]) == sorted(songs["song_key"])
    for label, count in songs["is_liked"].value_counts().items():
        assert (test["is_liked"] == label).sum() == pytest.approx(0.3 * count, abs=1)


def test_near_duplicates_are_on_one_side() -> None:
    """Whatever their number and labels."""
    songs = dataset_of(120)
    songs["group_key"] = songs["song_key"].iloc[::3].repeat(3).to_numpy()
    train, test = split_songs(songs, 0.3, seed=1)
    assert not set(train["group_key"]) & set(test["group_key"])
    assert 25 <= len(test) <= 47
    for training, validation in repeated_folds(train, folds=4, repeats=2, seed=1):
        assert not set(train["group_key"].iloc[training]) & set(train["group_key"].iloc[validation])


def test_songs_stay_on_their_side_as_the_dataset_grows() -> None:
    """Else a champion would be tested on what it has learned."""
    before = dataset_of(400)
    after = pd.concat([before, dataset_of(100, seed=2)], ignore_index=True)
    trained_on, tested_on = split_songs(before, 0.3, seed=1)[0], split_songs(after, 0.3, seed=1)[1]
    assert tested_on["song_key"].isin(trained_on["song_key"]).mean() < 0.06


def test_split_depends_on_seed_and_songs_alone() -> None:
    """Not on their order."""
    songs = dataset_of(100)
    keys = [
        sorted(split_songs(table, 0.3, seed)[1]["song_key"])
        for table, seed in ((songs, 1), (songs.iloc[::-1].reset_index(drop=True), 1), (songs, 2))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_too_few_songs_are_refused() -> None:
    """With their number and what to do."""
    with pytest.raises(NotEnoughDataError, match=r"50 labelled songs, .* at least 60 and 10 are needed: drop more playlists"):
        require_enough(dataset_of(50), 60)
    songs = dataset_of(80)
    songs["is_liked"] = [True] * 75 + [False] * 5
    with pytest.raises(NotEnoughDataError, match="5 of the rarer label"):
        require_enough(songs, 60)
