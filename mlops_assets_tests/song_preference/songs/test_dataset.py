"""The dataset: labelled songs of the chosen listeners, each once, conflicts apart."""

import pandas as pd
import pytest

from mlops_assets.song_preference.songs.dataset import build_dataset
from mlops_assets.song_preference.songs.parsing import parse_playlist
from mlops_assets_tests.song_preference.playlists import as_csv, song


def playlist(key: str, listener: str, *songs: dict[str, object]) -> pd.DataFrame:
    return parse_playlist(key, "mine.csv", listener, as_csv(*songs)).songs


def test_song_of_two_playlists_counts_once() -> None:
    """Songs are known by what is measured of them."""
    both = [playlist(key, "ana", song(liked=1), song(tempo=90, liked=0)) for key in ("a-000000000000", "b-000000000000")]
    assert len(build_dataset(pd.concat(both)).songs) == 2


def test_song_with_two_labels_is_a_conflict_and_not_guessed() -> None:
    """Both records are kept, in a table of their own; another listener's opinion is no conflict."""
    songs = pd.concat(
        [
            playlist("a-000000000000", "ana", song(liked=1), song(tempo=90, liked=0), song(tempo=80, liked=1)),
            playlist("b-000000000000", "ana", song(liked=0)),
            playlist("c-000000000000", "luis", song(tempo=90, liked=1)),
        ]
    )
    built = build_dataset(songs)
    assert built.songs[["listener", "tempo", "is_liked"]].sort_values(["listener", "tempo"]).to_numpy().tolist() == [
        ["ana", 80.0, True],
        ["ana", 90.0, False],
        ["luis", 90.0, True],
    ]
    said = built.conflicts[["playlist_key", "is_liked"]].to_numpy().tolist()
    assert said == [["a-000000000000", True], ["b-000000000000", False]]


def test_songs_without_a_label_and_of_others_are_left_out() -> None:
    """A model of one listener learns from his labels alone."""
    songs = pd.concat(
        [
            playlist("a-000000000000", "ana", song(liked=1), song(tempo=90, liked=0)),
            playlist("b-000000000000", "luis", song(tempo=70, liked=0)),
            playlist("c-000000000000", "ana", song(tempo=60)),
        ]
    )
    assert sorted(build_dataset(songs, ["ana"]).songs["tempo"]) == [90.0, 160.083]
    assert len(build_dataset(songs, ["luis"]).songs) == 1
    nobody = build_dataset(songs, ["eva"])
    assert nobody.songs.empty
    assert nobody.info["value_count"].eq(0).all()


def test_near_duplicates_are_one_group() -> None:
    """A release that differs in the third digit, and another recording of the same title and artist, go with the song."""
    songs = playlist(
        "a-000000000000",
        "ana",
        song(title="One", artist="U", liked=1),
        song(title="Uno", artist="V", tempo=161, energy=0.3592, liked=1),
        song(title="one", artist="u", energy=0.9, loudness=-3, liked=0),
        song(title="Two", artist="U", valence=0.1, liked=0),
    )
    groups = build_dataset(songs).songs.set_index("title")["group_key"]
    assert groups["One"] == groups["Uno"] == groups["one"]
    assert groups["Two"] != groups["One"]


def test_order_of_playlists_does_not_matter_and_content_does() -> None:
    """Equal songs give equal bytes and an equal hash; one other value gives another."""
    parts = [
        playlist("a-000000000000", "ana", song(liked=1), song(tempo=90, liked=0)),
        playlist("b-000000000000", "ana", song(tempo=70, liked=1)),
    ]
    one, other = build_dataset(pd.concat(parts)), build_dataset(pd.concat(parts[::-1]))
    pd.testing.assert_frame_equal(one.songs, other.songs)
    assert set(one.info["content_hash"]) == set(other.info["content_hash"])
    changed = build_dataset(pd.concat([parts[0], playlist("b-000000000000", "ana", song(tempo=71, liked=1))]))
    assert set(changed.info["content_hash"]).isdisjoint(one.info["content_hash"])


def test_columns_are_described() -> None:
    """Counts, means and deviations that one can check by hand."""
    songs = playlist("a-000000000000", "ana", song(tempo=90, liked=1), song(tempo=110, liked=0), song(tempo="", liked=1))
    info = {row["column_name"]: row for row in build_dataset(songs).info.to_dict("records")}
    assert [info["tempo"][name] for name in ("value_count", "missing_count", "mean", "minimum", "maximum")] == [2, 1, 100, 90, 110]
    assert info["is_liked"]["mean"] == pytest.approx(2 / 3)
