"""Every record of a playlist becomes a typed song or a kept reject, whatever the layout of the file."""

import gzip
import io
import json
import re
from collections.abc import Hashable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.contracts.checking import find_violations
from mlops_assets.song_preference.contracts import FEATURE_NAMES, REJECTED_SONGS, SONGS
from mlops_assets_tests.shared_data import shared_data
from mlops_assets_tests.song_preference.playlists import SONG, as_answer, as_csv, parsed, reasons, song


def values(body: bytes) -> list[dict[Hashable, Any]]:
    return parsed(body).songs[[*FEATURE_NAMES, "is_liked"]].to_dict("records")


@pytest.mark.parametrize(
    "body",
    [
        as_csv(song(target=1)),
        as_csv(song(liked=1, time_signature="4.0")),
        as_csv(song(label="true")),
        as_csv(dict(reversed(song(label=1).items()))),
        as_csv(song(duration_ms=None, duration=326933, label=1)),
        as_csv({name: str(value).replace(".", ",") for name, value in song(label=1).items()}, delimiter=";"),
        b"\xef\xbb\xbf" + as_csv(song(label=1)),
        b"sep=,\n" + as_csv(song(label=1)),
        as_csv({"": 17, **song(label=1)}),
        as_answer(song(label=1)),
        json.dumps([song(label=1)]).encode(),
        gzip.compress(as_csv(song(label=1))),
    ],
)
def test_layouts_mean_the_same_song(body: bytes) -> None:
    """Names and order of columns, delimiters, decimal commas, an index, JSON, gzip: the song is the same one."""
    assert values(body) == [{**SONG, "is_liked": True}]
    assert parsed(body).songs["song_key"].tolist() == parsed(as_csv(SONG)).songs["song_key"].tolist()


def test_parquet_is_read_and_text_is_kept() -> None:
    """Typed columns come through, and a title in any letters."""
    buffer = io.BytesIO()
    pd.DataFrame([song(target=0, song_title="Ñandú “live”", artist="Ørsted")]).to_parquet(buffer)
    songs = parsed(buffer.getvalue(), "mine.parquet").songs
    assert songs[["title", "artist", "is_liked"]].to_dict("records") == [
        {"title": "Ñandú “live”", "artist": "Ørsted", "is_liked": False}
    ]


def test_windows_text_is_read() -> None:
    """A spreadsheet saves in Windows-1252."""
    songs = parsed(as_csv(song(artist="Beyoncé")).decode().encode("cp1252")).songs
    assert songs["artist"].tolist() == ["Beyoncé"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"energy": 1.7}, "out_of_range: energy '1.7' is not at least 0 and at most 1"),
        ({"loudness": -300}, "out_of_range: loudness '-300'"),
        ({"duration_ms": "1e300"}, "out_of_range: duration_ms '1e300' is not at least 1 and at most"),
        ({"tempo": "fast"}, "unreadable_value: tempo 'fast' is not a number"),
        ({"key": 2.5}, "unreadable_value: key '2.5' is not a whole number"),
        ({"valence": "1e400"}, "unreadable_value: valence '1e400' is not a number"),
        ({"liked": "maybe"}, "unreadable_value: the label 'maybe' is neither 1 (liked) nor 0"),
        (dict.fromkeys(FEATURE_NAMES, ""), "missing_value: the record has none of the audio features"),
    ],
)
def test_broken_record_is_a_kept_reject(broken: dict[str, Any], reason: str) -> None:
    """It says what is wrong in which column, keeps the record, and stops no other one."""
    body = as_csv(song(liked=1), {**SONG, "liked": 0, **broken})
    assert len(parsed(body).songs) == 1
    (found,) = reasons(body)
    assert found.startswith(reason)
    assert parsed(body).rejects["position"].tolist() == [1]


def test_line_of_other_length_is_a_reject() -> None:
    """A cut line is not guessed at."""
    assert reasons(as_csv(SONG) + b"0.1,0.2\n") == ["malformed_record: has 2 fields where the header has 13"]


def test_unknown_id_in_an_answer_is_a_reject() -> None:
    """Spotify answers null for an id that it does not know."""
    assert reasons(as_answer(SONG, None, 7)) == [
        "malformed_record: the record is no song but null",
        "malformed_record: the record is no song but int",
    ]


def test_exact_duplicate_is_there_once_and_two_labels_stay() -> None:
    """The same record again is a reject; the same song with the other label is not, for nobody knows which is right."""
    body = as_csv(song(liked=1), song(liked=1), song(liked=0))
    assert parsed(body).songs["is_liked"].tolist() == [True, False]
    assert reasons(body) == ["duplicate: the same record stands at position 0"]


def test_missing_value_is_unknown() -> None:
    """A song without one of its features is a song."""
    (found,) = values(as_csv(song(valence="", liked=1)))
    assert pd.isna(found.pop("valence"))
    assert found == {**song(valence=None), "is_liked": True}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "mine.csv: is empty"),
        (b"<html><body>Not found</body></html>", "mine.csv: looks like an HTML or XML page"),
        (b"PK\x03\x04rest", "mine.csv: looks like an Excel workbook"),
        (b"name,age\nana,7\n", "mine.csv: is no playlist; columns missing: .* It has: name, age"),
        (as_csv(song(energy=None, speechiness=None)), "mine.csv: columns missing: speechiness, energy"),
        (as_csv({**SONG, "liked": 1, "target": 1}), "mine.csv: columns 'liked' and 'target' both mean is_liked"),
        (b"0.1,0.2,0.3\n0.4,0.5,0.6\n", "mine.csv: has no header; its first line must name the columns"),
        (gzip.compress(as_csv(*[song(tempo=100 + n) for n in range(99)]))[:-20], "mine.csv: is truncated or damaged gzip"),
        (b'{"error": {"status": 401}}', "mine.csv: has no list `audio_features`"),
        (b'{"audio_features": [', "mine.csv: is not JSON"),
        (b"PAR1 and no more", "mine.csv: is damaged Parquet"),
    ],
)
def test_file_that_is_no_playlist_says_so(body: bytes, complaint: str) -> None:
    """It is kept as one reject, which names the file, and the columns where it has any."""
    assert parsed(body).songs.empty
    (reason,) = reasons(body)
    assert re.search(f"^unreadable_file: {complaint}", reason)
    assert find_violations(parsed(body).rejects, REJECTED_SONGS).empty


def test_repeated_header_is_a_reject() -> None:
    """As where files were put together; the songs before and after it are there."""
    body = as_csv(song(tempo=100)) + as_csv(song(tempo=101))
    assert parsed(body).songs["tempo"].tolist() == [100, 101]
    assert reasons(body) == ["unreadable_value: acousticness 'acousticness' is not a number"]


_CELLS = st.text(st.characters(exclude_characters=',\n\r"', exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(FEATURE_NAMES), _CELLS | st.floats().map(str) | st.integers().map(str))))
def test_what_is_read_is_kept_or_rejected(changes: list[dict[str, str]]) -> None:
    """Nothing is lost, and both tables keep their contracts, whatever stands in the cells."""
    found = parsed(as_csv(*[{**SONG, **change, "liked": number % 2} for number, change in enumerate([{}, *changes])]))
    assert len(found.songs) + len(found.rejects) == 1 + len(changes)
    assert find_violations(found.songs, SONGS).empty
    assert find_violations(found.rejects, REJECTED_SONGS).empty


def test_recorded_playlists_are_read_whole() -> None:
    """The two listeners' files, in three layouts: every song, and the answers of the API are the songs of the CSV file."""
    folder = shared_data("spotify_preferences")
    found = {path.name: parsed(path.read_bytes(), path.name) for path in sorted(folder.iterdir())}
    assert {name: (len(each.songs), len(each.rejects)) for name, each in found.items()} == {
        "disliked_audio_features.json": (25, 0),
        "liked_audio_features.json": (25, 0),
        "liked_songs.csv": (50, 0),
        "song_attributes.csv": (500, 0),
    }
    answers = {key for name in found if name.endswith(".json") for key in found[name].songs["song_key"]}
    assert answers == set(found["liked_songs.csv"].songs["song_key"])
    assert int(found["song_attributes.csv"].songs["is_liked"].sum()) == 260
