"""Dropped files: registered when complete, once, and landed whole."""

from pathlib import Path

import pytest

from mlops_assets.errors import SourceError
from mlops_assets.song_preference.sources.base import FoundFile, listener_of, playlist_key
from mlops_assets.song_preference.sources.export import ExportPlaylistSource
from mlops_assets.song_preference.sources.inbox import InboxPlaylistSource
from mlops_assets.song_preference.sources.registration import SeenFiles, land_files
from mlops_assets.song_preference.sources.sample import SamplePlaylistSource
from mlops_assets.stores.landing import open_landing
from mlops_assets.stores.objects import open_object_storage


def names(files: list[FoundFile]) -> list[str]:
    return [file.name for file in files]


def test_file_that_is_still_being_written_waits() -> None:
    """It counts from the second look on that finds it unchanged."""
    seen = SeenFiles()
    for version, complete in (("1", []), ("2", []), ("2", ["new.csv"]), ("2", [])):
        found = [FoundFile("new.csv", version)]
        ready = seen.complete_files(found)
        assert names(ready) == complete
        seen = SeenFiles.load(seen.after(found, ready).dump())


def test_changed_file_is_new_and_forgotten_when_it_is_gone() -> None:
    """A file of the same name with other content is another playlist."""
    seen = SeenFiles({"a": "2"}, {"a": "1"})
    assert names(seen.complete_files([FoundFile("a", "2")])) == ["a"]
    assert seen.after([], []) == SeenFiles()


def test_same_content_under_another_name_is_the_same_playlist(tmp_path: Path) -> None:
    """Dropping it twice is once; what landed is the file as it was."""
    for name in ("ana/mine.csv", "ana/copy of mine.csv", "luis/other.csv"):
        (tmp_path / "drop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "drop" / name).write_bytes(b"same" if "mine" in name else b"other")
    source, landing = ExportPlaylistSource(tmp_path / "drop"), open_landing(f"file:{tmp_path}/lake", ("songs", "playlists"))
    landed = {each.file.name: each.key for each in land_files(source, list(source.files()), landing, [])}
    assert landed == {
        "ana/copy of mine.csv": playlist_key("copy of mine.csv", b"same"),
        "ana/mine.csv": None,
        "luis/other.csv": playlist_key("other.csv", b"other"),
    }
    (key,) = [key for key in landed.values() if key and key.startswith("copy-of-mine-")]
    assert dict(landing.read(landing.names())) == {
        f"{key}/ana/copy of mine.csv": b"same",
        f"{landed['luis/other.csv']}/luis/other.csv": b"other",
    }
    known = [key for key in landed.values() if key]
    assert [each.key for each in land_files(source, list(source.files()), landing, known)] == [None, None, None]


def test_file_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    """It is named, and lands once it can be read."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / "drop").mkdir(exist_ok=True)
        (tmp_path / "drop" / name).write_bytes(name.encode())
    source, landing = ExportPlaylistSource(tmp_path / "drop"), open_landing(f"file:{tmp_path}/lake", ("songs", "playlists"))
    found = list(source.files())
    (tmp_path / "drop" / "a.csv").unlink()
    gone, other = land_files(source, found, landing, [])
    assert gone.key is None
    assert "a.csv: cannot be read: No such file" in str(gone)
    assert other.key == playlist_key("b.csv", b"b.csv")


def test_inbox_of_the_lake_is_watched(tmp_path: Path) -> None:
    """Files beside the tables, in the folder of a listener, but for what file managers leave there."""
    storage = open_object_storage(f"file:{tmp_path}")
    storage.put("song_preference/inbox/ana/mine.csv", b"songs")
    storage.put("song_preference/inbox/ana/.DS_Store", b"icons")
    storage.put("song_preference/songs/playlist=x/data.parquet", b"table")
    source = InboxPlaylistSource(storage)
    assert names(list(source.files())) == ["ana/mine.csv"]
    assert source.read("ana/mine.csv") == b"songs"
    with pytest.raises(SourceError, match="there is no such file any more"):
        source.read("ana/gone.csv")


@pytest.mark.parametrize(("name", "listener"), [("ana/2024/mine.csv", "ana"), ("mine.csv", "somebody")])
def test_listener_is_the_first_folder(name: str, listener: str) -> None:
    """A file that lies in no folder is somebody's."""
    assert listener_of(name) == listener


def test_sample_depends_on_its_seed_alone() -> None:
    """Equal seeds, equal bytes; other seeds, other listeners."""
    contents = [{file.name: source.read(file.name) for file in source.files()} for source in map(SamplePlaylistSource, (1, 1, 2))]
    assert contents[0] == contents[1]
    assert contents[0].keys() == contents[2].keys()
    assert contents[0] != contents[2]
