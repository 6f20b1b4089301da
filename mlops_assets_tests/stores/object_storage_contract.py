"""What every object storage must do. To test another one, subclass and give the fixture `storage`."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from mlops_assets.stores.objects import ObjectStorage

OBJECT_SIZE = 4 << 20
"""Large enough that writing it takes several system calls or a multipart upload."""


class ObjectStorageContract:
    @pytest.fixture
    def storage(self) -> ObjectStorage:
        """Give an empty storage."""
        raise NotImplementedError

    @pytest.mark.parametrize("data", [b"hello", pa.py_buffer(b"hello"), b""])
    def test_object_comes_back(self, storage: ObjectStorage, data: pa.Buffer | bytes) -> None:
        """What was put is what is read, also if it is nothing."""
        storage.put("folder/object", data)
        assert storage.exists("folder/object")
        with storage.open("folder/object") as file:
            assert file.read() == bytes(data)

    def test_object_is_read_at_any_position(self, storage: ObjectStorage) -> None:
        """Parquet readers begin at the end."""
        storage.put("object", b"0123456789")
        with storage.open("object") as file:
            assert file.size() == 10
            file.seek(7)
            assert file.read(2) == b"78"
            file.seek(1)
            assert file.read(1) == b"1"

    def test_second_put_replaces(self, storage: ObjectStorage) -> None:
        """There is one object of a name: the last, even if it is shorter."""
        storage.put("object", b"a longer first version")
        storage.put("object", b"second")
        with storage.open("object") as file:
            assert file.read() == b"second"
        assert list(storage.names("")) == ["object"]

    def test_failed_put_leaves_the_object_as_it_was(self, storage: ObjectStorage) -> None:
        """A put that fails changes nothing and leaves nothing behind."""
        storage.put("object", b"first")
        with pytest.raises(TypeError):
            storage.put("object", "text is not bytes")
        with storage.open("object") as file:
            assert file.read() == b"first"
        assert list(storage.names("")) == ["object"]

    def test_unknown_object(self, storage: ObjectStorage) -> None:
        """Opening what is not there is `FileNotFoundError` on every storage, and a folder is no object."""
        storage.put("folder/object", b"1")
        for name in ("another", "folder/another", "folder"):
            assert not storage.exists(name)
        with pytest.raises(FileNotFoundError):
            storage.open("folder/another")

    def test_state_tells_a_replaced_object(self, storage: ObjectStorage) -> None:
        """Who watches a folder sees by the listing alone what is new, and whether it is still being written."""
        storage.put("inbox/one", b"one")
        storage.put("inbox/two", b"other")
        before = list(storage.states("inbox/"))
        assert [(state.name, state.size) for state in before] == [("inbox/one", 3), ("inbox/two", 5)]
        assert list(storage.states("inbox/")) == before
        storage.put("inbox/two", b"third")
        kept, replaced = storage.states("inbox/")
        assert kept == before[0]
        assert replaced != before[1]

    def test_names_begin_with_the_prefix_and_are_in_order(self, storage: ObjectStorage) -> None:
        """A prefix is text, not a folder, and the order is that of the names as text."""
        names = ["a/1/data", "a/10/data", "a/2/data", "a-b/data", "ab/data", "b"]
        for name in names:
            storage.put(name, b"1")
        assert list(storage.names("")) == sorted(names)
        assert list(storage.names("a/")) == ["a/1/data", "a/10/data", "a/2/data"]
        assert list(storage.names("a/1")) == ["a/1/data", "a/10/data"]
        assert list(storage.names("a")) == ["a-b/data", "a/1/data", "a/10/data", "a/2/data", "ab/data"]
        assert list(storage.names("nothing/here")) == []

    def test_foreign_objects_are_not_listed(self, storage: ObjectStorage) -> None:
        """What file managers, editors and consoles leave behind is nobody's data, wherever it lies."""
        storage.put("a/object", b"1")
        for name in (".DS_Store", "a/Thumbs.db", "a/desktop.ini", "a/object~", "a/.object.swp", "a/~$object", "__MACOSX/a/object"):
            storage.put(name, b"1")
        assert list(storage.names("")) == ["a/object"]
        assert list(storage.names("a/")) == ["a/object"]

    def test_deleted_object_is_gone(self, storage: ObjectStorage) -> None:
        """Deleting removes one object, and deleting it again is no error."""
        storage.put("a/object", b"1")
        storage.put("a/other", b"2")
        storage.delete("a/object")
        storage.delete("a/object")
        storage.delete("nowhere/object")
        assert list(storage.names("")) == ["a/other"]

    def test_storage_is_prepared_again_and_again(self, storage: ObjectStorage) -> None:
        """Preparing a storage twice does no harm to what is in it."""
        storage.prepare(["weather/scratch"], days=60)
        storage.put("weather/readings", b"1")
        storage.prepare(["weather/scratch"], days=60)
        assert list(storage.names("")) == ["weather/readings"]

    def test_health_check_leaves_nothing_behind(self, storage: ObjectStorage) -> None:
        """A storage that works says what it is, and keeps nothing of the trial."""
        storage.put("weather/readings", b"1")
        assert storage.check_health().version
        assert list(storage.names("")) == ["weather/readings"]

    def test_uri_ends_with_the_name(self, storage: ObjectStorage) -> None:
        """Other tools find the object where the URI says."""
        assert storage.uri("folder/month=2024-01/object").endswith("/folder/month=2024-01/object")

    def test_reader_never_sees_a_part(self, storage: ObjectStorage) -> None:
        """While a writer replaces an object over and over, every read is one whole version."""
        storage.put("object", bytes(OBJECT_SIZE))
        writer_is_done = threading.Event()

        def write_versions() -> None:
            try:
                for version in range(1, 25):
                    storage.put("object", bytes([version]) * (OBJECT_SIZE + version))
            finally:
                writer_is_done.set()

        writer = threading.Thread(target=write_versions)
        writer.start()
        versions = []
        while not writer_is_done.is_set():
            with storage.open("object") as file:
                data = file.read()
            versions.append(data[0])
            assert data == bytes([data[0]]) * (OBJECT_SIZE + data[0])
        writer.join()
        assert versions == sorted(versions)
