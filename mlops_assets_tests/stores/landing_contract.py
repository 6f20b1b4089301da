"""What a landing must do on every object storage. To test another one, subclass and give the fixture `url`."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets.errors import PermanentError
from mlops_assets.stores.landing import Landing, objects, open_landing
from mlops_assets.stores.landing.compaction import CompactedFolder, compact_closed
from mlops_assets.stores.landing.request_names import RequestNames
from mlops_assets.stores.objects import ObjectStorage, open_object_storage

ASSET = ("weather", "snapshots")
NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


class LandingContract:
    @pytest.fixture
    def url(self) -> str:
        """Give the URL of an empty lake."""
        raise NotImplementedError

    @pytest.fixture
    def landing(self, url: str) -> Landing:
        return open_landing(url, ASSET)

    @pytest.fixture
    def storage(self, url: str) -> ObjectStorage:
        return open_object_storage(url)

    def test_objects_land_once(self, landing: Landing) -> None:
        """A second landing of a name changes nothing, whatever it brings; new names are added."""
        assert landing.land([("day=1/a.json", b"first"), ("day=1/b.json", b"")]) == (2, 0)
        assert landing.land([("day=1/a.json", b"second"), ("day=2/c.json", b"third")]) == (1, 1)
        assert dict(landing.read(landing.names())) == {"day=1/a.json": b"first", "day=1/b.json": b"", "day=2/c.json": b"third"}

    def test_names_are_listed_by_prefix_in_order(self, landing: Landing) -> None:
        """A day finds its own snapshots, compacted or not; another asset with a similar name keeps its own."""
        landing.land((f"day={day}/{name}", b"1") for day in (2, 10, 1) for name in ("a", "b"))
        landing.land([("c", b"1"), ("d", b"1")])
        for folder in ("", "day=1/", "day=10/"):
            assert list(landing.names("day=1/")) == ["day=1/a", "day=1/b"]
            assert list(landing.names("day=1/b")) == ["day=1/b"]
            assert list(landing.names("day=1")) == ["day=1/a", "day=1/b", "day=10/a", "day=10/b"]
            assert list(landing.names()) == ["c", "d", "day=1/a", "day=1/b", "day=10/a", "day=10/b", "day=2/a", "day=2/b"]
            landing.compact(folder)
        assert landing.names_in(["day=2/", "day=10/"]) == ["day=2/a", "day=2/b", "day=10/a", "day=10/b"]
        assert list(landing.single_names()) == ["day=2/a", "day=2/b"]
        assert landing.uri.endswith("/weather/snapshots")

    def test_many_objects_are_read_in_the_order_asked_for(self, landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
        """More than are read at once, backwards, half of them compacted."""
        monkeypatch.setattr(objects, "_AHEAD", 8)
        names = [f"{half}/{number:04d}" for half in "ab" for number in range(20)]
        landing.land((name, name.encode()) for name in names)
        landing.compact("a/")
        assert list(landing.read(reversed(names))) == [(name, name.encode()) for name in reversed(names)]

    def test_objects_are_looked_into_at_any_place(self, landing: Landing) -> None:
        """In the order asked for, stored by themselves or compacted; a missing one is an error."""
        names = [f"{half}/{number}" for half in "ab" for number in range(3)]
        landing.land((name, b"....." + name.encode()) for name in names)
        landing.compact("a/")

        def end_of(file: pa.NativeFile) -> bytes:
            file.seek(file.size() - 3)
            return bytes(file.read())

        assert list(landing.look_into(names[::-1], end_of)) == [(name, name.encode()) for name in names[::-1]]
        with pytest.raises(FileNotFoundError):
            list(landing.look_into(["b/1", "b/7"], end_of))

    def test_missing_object_is_an_error(self, landing: Landing) -> None:
        """Who reads a name that never landed is told."""
        landing.land([("a/1", b"1"), ("a/2", b"2")])
        landing.compact("a/")
        for name in ("nothing", "a/3"):
            with pytest.raises(FileNotFoundError):
                list(landing.read([name]))

    def test_compacted_objects_are_unchanged_in_one_object(self, landing: Landing, storage: ObjectStorage) -> None:
        """Every byte comes back, and one Parquet object is left that pandas reads as names and contents."""
        content = {"day=1/a.json": b'{"free": 80}', "day=1/b.csv": b"", "day=1/c.bin": bytes(range(256))}
        landing.land(content.items())
        assert landing.compact("day=1/") == 3
        assert dict(landing.read(landing.names())) == content
        [container] = storage.names("")
        assert container.startswith("weather/snapshots/compacted/day=1/")
        with storage.open(container) as file:
            rows = pd.read_parquet(pa.BufferReader(file.read()))
        assert dict(zip(rows["name"], rows["content"], strict=True)) == content

    def test_compacted_object_does_not_land_again(self, landing: Landing, storage: ObjectStorage) -> None:
        """A recording that is landed a second time adds nothing, whatever has been compacted meanwhile."""
        recording = [("day=1/a", b"1"), ("day=1/b", b"2"), ("day=2/a", b"3")]
        landing.land(recording)
        landing.compact("day=1/")
        assert landing.land(recording) == (0, 3)
        assert len(list(storage.names(""))) == 2

    def test_late_objects_are_compacted_into_one_more(self, landing: Landing, storage: ObjectStorage) -> None:
        """What lands in a compacted folder is found at once, stays while it is alone, and moves when there is more."""
        landing.land([("day=1/b", b"2"), ("day=1/d", b"4")])
        landing.compact("day=1/")
        landing.land([("day=1/c", b"3")])
        assert landing.compact("day=1/") == 0
        assert list(landing.names("day=1/")) == ["day=1/b", "day=1/c", "day=1/d"]
        landing.land([("day=1/a", b"1")])
        assert landing.compact("day=1/") == 2
        assert list(landing.read(landing.names())) == [("day=1/a", b"1"), ("day=1/b", b"2"), ("day=1/c", b"3"), ("day=1/d", b"4")]
        assert len(list(storage.names(""))) == 2

    def test_folders_below_are_not_compacted_with_their_parent(self, landing: Landing) -> None:
        """A folder is compacted by itself."""
        landing.land([("a/1", b"1"), ("a/2", b"2"), ("a/b/1", b"3"), ("a/b/2", b"4")])
        assert landing.compact("a/") == 2
        assert list(landing.single_names()) == ["a/b/1", "a/b/2"]
        assert list(landing.names("a/")) == ["a/1", "a/2", "a/b/1", "a/b/2"]

    def test_object_that_was_changed_is_not_removed(self, landing: Landing, storage: ObjectStorage) -> None:
        """An object that is not what its container holds is an error that names it, and nothing is lost."""
        landing.land([("day=1/a", b"1"), ("day=1/b", b"2")])
        landing.compact("day=1/")
        storage.put("weather/snapshots/day=1/a", b"forged")
        with pytest.raises(PermanentError, match="day=1/a is not what its container holds"):
            landing.compact("day=1/")
        assert list(landing.single_names()) == ["day=1/a"]
        assert dict(landing.read(["day=1/a"])) == {"day=1/a": b"1"}

    def test_nothing_lands_among_the_containers(self, landing: Landing) -> None:
        """A name of theirs is refused."""
        with pytest.raises(ValueError, match="compacted/a"):
            landing.land([("compacted/a", b"1")])

    def test_closed_days_are_compacted(self, landing: Landing) -> None:
        """Days that are over become one object each; one object alone, today, and names of nobody's day stay as they are."""
        names = RequestNames("city=x/", per="day")
        moments = [NOON - timedelta(hours=hours) for hours in (40, 30, 20, 10, 0)]
        landing.land((names.name(moment, b"1", "json"), b"1") for moment in moments)
        landing.land([("notes/1.txt", b"1"), ("notes/2.txt", b"1")])
        before = list(landing.names())
        assert list(compact_closed(landing, NOON)) == [CompactedFolder("city=x/utc_date=2024-02-29/", 2)]
        assert list(compact_closed(landing, NOON)) == []
        assert list(landing.names()) == before
        assert names.names_between(landing, moments[1], moments[3]) == [names.name(moment, b"1", "json") for moment in moments[1:3]]

    def test_reader_sees_every_object_once_while_they_are_compacted(self, landing: Landing) -> None:
        """Whoever lists and reads while objects move finds all of them, each once, unchanged."""
        content = {f"day={day}/{number:03d}": b"%d" % number for day in range(3) for number in range(20)}
        landing.land(content.items())
        compacted = threading.Event()

        def compact_all() -> None:
            try:
                for day in range(3):
                    landing.compact(f"day={day}/")
            finally:
                compacted.set()

        writer = threading.Thread(target=compact_all)
        writer.start()
        rounds = 0
        while not (compacted.is_set() and rounds):
            assert list(landing.read(list(landing.names()))) == sorted(content.items())
            rounds += 1
        writer.join()
        assert list(landing.single_names()) == []
