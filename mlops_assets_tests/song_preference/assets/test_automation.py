"""The sensor of dropped files: each is registered once, when it is complete."""

from pathlib import Path

import dagster as dg

from mlops_assets.song_preference.sources.base import playlist_key
from mlops_assets.song_preference.sources.export import ExportPlaylistSource
from mlops_assets_tests.platforms import Platform
from mlops_assets_tests.song_preference.labelled import labelled_songs
from mlops_assets_tests.song_preference.playlists import as_csv

SONGS = as_csv(*labelled_songs(3))


class Watched:
    """A folder, and the sensor that watches it, tick by tick."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder = folder / "drop"
        self.folder.mkdir()
        self.platform = Platform(folder, instance, songs={"source": "export", "export_path": self.folder})
        self.cursor: str | None = None

    def tick(self) -> list[str]:
        """Return the playlists that a look asks to be read, after their partitions have been added."""
        context = dg.build_sensor_context(
            instance=self.platform.instance,
            cursor=self.cursor,
            definitions=self.platform.definitions,
            resources={"playlist_source": ExportPlaylistSource(self.folder), "stores": self.platform.stores},
        )
        result = self.platform.definitions.resolve_sensor_def("song_preference_new_playlists")(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            self.platform.instance.add_dynamic_partitions("playlist", list(request.partition_keys))
        return [str(request.partition_key) for request in result.run_requests or []]


def test_file_is_registered_once_when_it_is_complete(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Half uploaded, it waits; the same content under another name is no new playlist, other content under its name is."""
    watched = Watched(tmp_path, instance)
    (watched.folder / "mine.csv").write_bytes(SONGS[:-40])
    assert watched.tick() == []
    (watched.folder / "mine.csv").write_bytes(SONGS)
    assert watched.tick() == []
    assert watched.tick() == [playlist_key("mine.csv", SONGS)]
    (watched.folder / "copy of mine.csv").write_bytes(SONGS)
    assert [watched.tick() for _ in range(3)] == [[], [], []]
    other = as_csv(*labelled_songs(4, seed=2))
    (watched.folder / "mine.csv").write_bytes(other)
    assert [watched.tick() for _ in range(3)] == [[], [playlist_key("mine.csv", other)], []]
    assert len(watched.platform.instance.get_dynamic_partitions("playlist")) == 2


def test_read_playlist_is_there_after_the_run_that_was_asked_for(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """The run that the sensor asks for finds the file landed, even if it is gone from the folder by then."""
    watched = Watched(tmp_path, instance)
    (watched.folder / "mine.csv").write_bytes(SONGS)
    watched.tick()
    (key,) = watched.tick()
    (watched.folder / "mine.csv").unlink()
    assert watched.platform.run("read_playlists", playlist=key).success
    assert watched.tick() == []
