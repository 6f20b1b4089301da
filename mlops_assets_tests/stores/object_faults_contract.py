"""What every storage on a server does when the network or the server fails. To test another one, subclass and give the fixtures."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.partition import Partition
from mlops_assets.stores.lake import Lake, LakeAddress
from mlops_assets.stores.objects import ObjectStorage
from mlops_assets_tests.processes import python_process, wait_for_line
from mlops_assets_tests.services.answering_server import answering_server
from mlops_assets_tests.services.faulty_proxy import FaultyProxy, faulty_proxy

Connect = Callable[[str], ObjectStorage]

OLD, NEW = b"old" * 1_000_000, b"newer" * 800_000
HALF = 1_500_000
"""So many bytes end in the middle of either."""

JANUARY = LakeAddress(("weather", "readings"), Partition("month", "2024-01"))
ROWS, COLUMNS = 390_000, 8

PUT_LARGE_OBJECT = """
import sys
from mlops_assets.stores.objects import open_object_storage

storage = open_object_storage(sys.argv[1])
print("begins", flush=True)
storage.put("object", b"n" * 70_000_000)
"""


def content(storage: ObjectStorage, name: str = "object") -> bytes:
    with storage.open(name) as file:
        data: bytes = file.read()
    return data


def wide_table() -> pa.Table:
    """Return about 25 MB that cannot be compressed, in three groups of rows, with a column that counts them."""
    values = np.random.default_rng(1).normal(size=(COLUMNS, ROWS))
    return pa.table({"reading_id": np.arange(ROWS)} | {f"value_{number}": values[number] for number in range(COLUMNS)})


class Places:
    """One storage, reached directly and through a faulty proxy."""

    @pytest.fixture
    def server(self) -> str:
        """Give the address of the server, `http://host:port`."""
        raise NotImplementedError

    @pytest.fixture
    def direct(self) -> ObjectStorage:
        """Give an empty storage."""
        raise NotImplementedError

    @pytest.fixture
    def connect(self) -> Connect:
        """Give what connects to the same storage at another address, by a client that loses patience after a second or two."""
        raise NotImplementedError

    @pytest.fixture
    def url_behind_proxy(self) -> str:
        """Give the URL of the same storage behind the proxy, for another process."""
        raise NotImplementedError

    @pytest.fixture
    def proxy(self, server: str) -> Iterator[FaultyProxy]:
        address = urlsplit(server)
        assert address.hostname
        assert address.port
        with faulty_proxy(address.hostname, address.port) as proxy:
            yield proxy

    @pytest.fixture
    def storage(self, direct: ObjectStorage, connect: Connect, proxy: FaultyProxy) -> ObjectStorage:
        """Give the storage behind the proxy; it holds one object."""
        direct.put("object", OLD)
        return connect(f"http://{proxy.address}")


class ServerFaultsContract(Places):
    """What depends on the server as much as on its client."""

    def test_write_that_breaks_off(self, storage: ObjectStorage, direct: ObjectStorage, proxy: FaultyProxy) -> None:
        """A connection that breaks in the middle of a write leaves the old object and nothing else; the next write succeeds."""
        proxy.drop_after(bytes_to_server=HALF)
        with pytest.raises(StoreUnavailableError, match=re.escape(storage.uri("object"))):
            storage.put("object", NEW)
        assert content(direct) == OLD
        assert list(direct.names("")) == ["object"]
        proxy.heal()
        storage.put("object", NEW)
        assert content(direct) == NEW

    def test_write_of_a_new_object_that_breaks_off(self, storage: ObjectStorage, direct: ObjectStorage, proxy: FaultyProxy) -> None:
        """An object that was never whole was never there."""
        proxy.drop_after(bytes_to_server=HALF)
        with pytest.raises(StoreUnavailableError):
            storage.put("another", NEW)
        assert not direct.exists("another")
        with pytest.raises(FileNotFoundError):
            direct.open("another")

    def test_connection_that_breaks_once_is_not_noticed(
        self, storage: ObjectStorage, direct: ObjectStorage, proxy: FaultyProxy
    ) -> None:
        """The client tries again by itself, in the middle of a write as of a read."""
        proxy.drop_after(bytes_to_server=HALF, times=1)
        storage.put("object", NEW)
        assert content(direct) == NEW
        proxy.drop_after(bytes_to_client=HALF, times=1)
        assert content(storage) == NEW

    def test_read_that_breaks_off(self, storage: ObjectStorage, proxy: FaultyProxy) -> None:
        """A part of an object is never taken for the whole."""
        proxy.drop_after(bytes_to_client=HALF)
        with pytest.raises(StoreUnavailableError, match=re.escape(storage.uri("object"))):
            storage.open("object")
        proxy.heal()
        assert content(storage) == OLD

    def test_two_runs_write_the_same_object(self, direct: ObjectStorage, connect: Connect, server: str) -> None:
        """The last to finish wins, and what wins is whole."""
        versions = [bytes([number]) * (2_000_000 + number) for number in range(2)]

        def write(version: bytes) -> None:
            storage = connect(server)
            for _ in range(5):
                storage.put("object", version)

        writers = [threading.Thread(target=write, args=(version,)) for version in versions]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert content(direct) in versions
        assert list(direct.names("")) == ["object"]

    def test_killed_writer(self, storage: ObjectStorage, direct: ObjectStorage, proxy: FaultyProxy, url_behind_proxy: str) -> None:
        """SIGKILL in the middle of a large upload: the old object is whole, there is no other, and the next write succeeds."""
        proxy.reset_counts()
        proxy.limit(bytes_per_second=20_000_000)
        with python_process(PUT_LARGE_OBJECT, url_behind_proxy) as writer:
            wait_for_line(writer, "begins")
            while proxy.bytes_to_server < 20_000_000:
                assert writer.poll() is None
                time.sleep(0.02)
            writer.kill()
            writer.wait()
        assert content(direct) == OLD
        assert list(direct.names("")) == ["object"]
        proxy.heal()
        storage.put("object", NEW)
        assert content(direct) == NEW

    def test_columns_and_rows_are_all_that_is_fetched(self, direct: ObjectStorage, connect: Connect, proxy: FaultyProxy) -> None:
        """One column of eight, or one group of rows of three, costs a part of the bytes; beyond it only the end is fetched."""
        table = wide_table()
        size = Lake(direct).write(JANUARY, table).size_bytes
        lake = Lake(connect(f"http://{proxy.address}"))

        def fetched(**wanted: object) -> int:
            proxy.reset_counts()
            rows = lake.read(JANUARY, **wanted)  # type: ignore[arg-type]
            assert rows.num_rows in (1_000, ROWS)
            return proxy.bytes_to_client

        assert fetched() > size
        assert fetched(columns=["value_0"]) < 0.5 * size
        assert fetched(rows=pc.field("reading_id") < 1_000) < 0.75 * size
        assert lake.read(JANUARY).equals(table)

    def test_reader_of_a_large_object_never_mixes_versions(self, direct: ObjectStorage) -> None:
        """What is replaced between two requests of a reader is an error that time cures, not a mixture."""
        direct.put("object", b"1" * 20_000_000)
        with direct.open("object") as file:
            file.seek(0)
            assert file.read(5) == b"11111"
            direct.put("object", b"2" * 20_000_000)
            file.seek(100)
            with pytest.raises(StoreUnavailableError, match="it was replaced while it was read; try again"):
                file.read(5)
        with direct.open("object") as file:
            assert file.size() == 20_000_000
            assert file.read() == b"2" * 20_000_000


class ClientFaultsContract(Places):
    """What depends on the client alone."""

    BUSY: Sequence[tuple[int, str, str]] = ()
    """Answers of a server that is busy or out of order: status, body and its type."""

    @pytest.mark.parametrize(
        "operation",
        [
            lambda storage: storage.put("object", NEW),
            lambda storage: storage.open("object"),
            lambda storage: storage.exists("object"),
            lambda storage: storage.delete("object"),
            lambda storage: list(storage.names("object")),
        ],
        ids=["put", "open", "exists", "delete", "names"],
    )
    def test_server_that_is_down(
        self, storage: ObjectStorage, proxy: FaultyProxy, operation: Callable[[ObjectStorage], object]
    ) -> None:
        """Every operation says which object it was about, and works when the server is back."""
        proxy.refuse()
        with pytest.raises(StoreUnavailableError, match=re.escape(storage.uri("object"))):
            operation(storage)
        proxy.heal()
        operation(storage)

    def test_health_check_and_preparation_of_a_server_that_is_down(self, storage: ObjectStorage, proxy: FaultyProxy) -> None:
        """Who looks whether a store works learns that it cannot be reached."""
        proxy.refuse()
        for operation in (storage.check_health, storage.prepare):
            with pytest.raises(StoreUnavailableError):
                operation()

    def test_server_that_does_not_answer(self, storage: ObjectStorage, direct: ObjectStorage, proxy: FaultyProxy) -> None:
        """Silence is an error after the time that the client was given, not a hang."""
        proxy.black_hole()
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            storage.put("object", NEW)
        assert time.monotonic() - started < 15
        proxy.disconnect()
        proxy.heal()
        assert content(direct) == OLD

    def test_slow_server_is_waited_for(self, storage: ObjectStorage, proxy: FaultyProxy) -> None:
        """What comes slowly may take longer than the patience for silence."""
        proxy.limit(bytes_per_second=len(OLD) / 2)
        assert content(storage) == OLD

    def test_busy_server(self, connect: Connect) -> None:
        """A server that is throttled or out of order is a matter of time, whatever its words."""
        for status, body, content_type in self.BUSY:
            with answering_server(status, body, content_type) as address:
                storage = connect(address)
                with pytest.raises(StoreUnavailableError, match=re.escape(storage.uri("object"))):
                    storage.put("object", NEW)

    def test_error_of_the_lake_names_asset_and_partition(self, storage: ObjectStorage, proxy: FaultyProxy) -> None:
        """Who reads the log of a run knows which partition of which asset could not be written, and where."""
        table = pa.table({"reading_id": [1]})
        proxy.refuse()
        lake, place = Lake(storage), re.escape(storage.uri("weather/readings/month=2024-01/data.parquet"))
        with pytest.raises(StoreUnavailableError, match=f"^cannot write weather/readings, month 2024-01: {place}: "):
            lake.write(JANUARY, table)
        with pytest.raises(StoreUnavailableError, match=f"^cannot read weather/readings, month 2024-01: {place}: "):
            lake.read(JANUARY)
