"""What a warehouse in a database server must do besides, when the server, the network or the user's rights fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import pytest

from mlops_assets.contracts import Column
from mlops_assets.contracts.frames import empty_frame
from mlops_assets.errors import ContractError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.warehouse import Warehouse, open_warehouse
from mlops_assets_tests.processes import python_process, wait_for_line
from mlops_assets_tests.services.base import free_port
from mlops_assets_tests.services.faulty_proxy import FaultyProxy, faulty_proxy
from mlops_assets_tests.stores.warehouse_contract import WarehouseContract, let_column_be_renamed_while_read, stored
from mlops_assets_tests.tables import FEBRUARY, JANUARY, MARCH, READINGS, RENAMED_READINGS, readings

HANG_BETWEEN_DELETE_AND_INSERT = """
import importlib, sys, time
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets_tests.tables import JANUARY, READINGS, readings

warehouse = open_warehouse(sys.argv[1])

def hang(*_):
    print("deleted", flush=True)
    time.sleep(60)

importlib.import_module(type(warehouse).__module__)._append = hang
warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
"""
MANY = [20.0] * 20_000


def at(url: str, address: str, user: str = "", password: str = "", path: str | None = None) -> str:
    """Return a URL with another host and port, and if they are given, another user and password and another database."""
    parts = urlsplit(url)
    credentials = f"{user}:{quote(password, safe='')}" if user else parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{credentials}@{address}", path=parts.path if path is None else path).geturl()


def address_of(url: str) -> str:
    """Return host and port of a URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


class ServerWarehouseContract(WarehouseContract):
    def impatient(self, url: str) -> Warehouse:
        """Return a warehouse that waits for others no longer than a second."""
        raise NotImplementedError

    @contextmanager
    def user_with(self, url: str, *grants: str) -> Iterator[str]:
        """Yield the URL of another user, to whom some privileges, each `... ON ...`, are granted."""
        raise NotImplementedError

    @pytest.fixture
    def proxy(self, warehouse_url: str) -> Iterator[FaultyProxy]:
        """Give a road to the server that can fail."""
        host, _, port = address_of(warehouse_url).partition(":")
        with faulty_proxy(host, int(port)) as proxy:
            yield proxy

    @pytest.fixture
    def distant(self, two_months: Warehouse, warehouse_url: str, proxy: FaultyProxy) -> Warehouse:
        """Give the warehouse with two months at the other end of that road."""
        assert stored(two_months)
        return open_warehouse(at(warehouse_url, proxy.address))

    def test_nobody_listens(self, warehouse_url: str) -> None:
        """A refused connection may be accepted later; the error says where, and no secret."""
        address = f"127.0.0.1:{free_port()}"
        unreachable = open_warehouse(at(warehouse_url, address))
        with pytest.raises(
            StoreUnavailableError, match=rf"//{address}.*: weather/readings: .*refused.*; check that host"
        ) as caught:
            unreachable.read(READINGS)
        assert "@" not in str(caught.value)

    def test_server_that_does_not_answer(self, distant: Warehouse, warehouse_url: str, proxy: FaultyProxy) -> None:
        """A host that accepts connections and then is silent is given up after the time that the URL says."""
        proxy.black_hole()
        separator = "&" if "?" in warehouse_url else "?"
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="time"):
            open_warehouse(f"{at(warehouse_url, proxy.address)}{separator}connect_timeout=2").read(READINGS)
        assert time.monotonic() - began < 8

    def test_wrong_password(self, warehouse_url: str) -> None:
        """Trying again does not help against a wrong password; it is not shown either."""
        with pytest.raises(StoreAccessError, match=r"check .*user.* password") as caught:
            open_warehouse(at(warehouse_url, address_of(warehouse_url), "nobody", "hunter2")).read(READINGS)
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize(
        ("dropped", "rows"),
        [({"bytes_to_server": 100_000}, 20_000), ({"bytes_to_server": 100_000}, 400_000), ({"bytes_to_client": 0}, 1)],
    )
    def test_connection_that_breaks_in_a_write(
        self, distant: Warehouse, two_months: Warehouse, proxy: FaultyProxy, dropped: dict[str, int], rows: int
    ) -> None:
        """The old rows stay whole, the error is transient, and the next attempt succeeds.

        Of few rows all are sent, into buffers of the network, when the connection breaks; of many, some are not.
        """
        proxy.drop_after(**dropped)
        with pytest.raises(StoreUnavailableError, match="weather/readings"):
            distant.replace_partition(READINGS, JANUARY, readings(JANUARY, *[20.0] * rows, first_id=100))
        assert stored(two_months) == [(1, 1.0), (2, 2.0), (3, 3.0)]
        proxy.heal()
        distant.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
        assert stored(two_months) == [(1, 9.0), (3, 3.0)]

    def test_connection_that_breaks_in_a_read(self, distant: Warehouse, proxy: FaultyProxy) -> None:
        """Half of the rows are never taken for all of them."""
        distant.replace_partition(READINGS, JANUARY, readings(JANUARY, *MANY, first_id=100))
        proxy.drop_after(bytes_to_client=100_000)
        with pytest.raises(StoreUnavailableError, match="weather/readings"):
            distant.read(READINGS)

    def test_killed_writer(self, two_months: Warehouse, warehouse_url: str) -> None:
        """SIGKILL between DELETE and INSERT: the old rows are there, other partitions wait for nothing, this one briefly."""
        with python_process(HANG_BETWEEN_DELETE_AND_INSERT, warehouse_url) as writer:
            wait_for_line(writer, "deleted")
            impatient = self.impatient(warehouse_url)
            impatient.replace_partition(READINGS, MARCH, readings(MARCH, 4.0, first_id=4))
            with pytest.raises(StoreUnavailableError, match=r"readings.*; try again"):
                impatient.replace_partition(READINGS, JANUARY, readings(JANUARY, 5.0))
            writer.kill()
            writer.wait()
        assert stored(two_months) == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
        two_months.replace_partition(READINGS, JANUARY, readings(JANUARY, 6.0))
        assert stored(two_months, READINGS, JANUARY) == [(1, 6.0)]

    def test_column_is_renamed_between_look_and_reading(
        self, two_months: Warehouse, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader that has seen a former name finds the values nevertheless when a writer changes it."""
        let_column_be_renamed_while_read(two_months, warehouse_url, monkeypatch)
        assert two_months.read(RENAMED_READINGS, [FEBRUARY])["air_temperature_c"].tolist() == [3.0]
        assert two_months.query(f"SELECT * FROM {self.TABLE}").columns.tolist() == RENAMED_READINGS.column_names

    def test_failed_evolution_adds_no_column(self, two_months: Warehouse) -> None:
        """A contract that adds a column and changes another fails as a whole."""
        changed = READINGS.derive(
            "readings",
            "",
            dropped=["temperature_c"],
            added=[Column("humidity_pct", "float64", "Humidity.", nullable=True), Column("temperature_c", "int64", "Number.")],
        )
        with pytest.raises(ContractError, match=r"'temperature_c' is double.* in the warehouse but bigint in the contract"):
            two_months.replace_partition(changed, JANUARY, empty_frame(changed))
        assert two_months.query(f"SELECT * FROM {self.TABLE}").columns.tolist() == READINGS.column_names

    @pytest.mark.parametrize("statement", ["DELETE FROM {}", "DROP TABLE {}", "INSERT INTO {} (reading_id) VALUES (9)"])
    def test_queries_only_read(self, two_months: Warehouse, statement: str) -> None:
        """What would change a table is refused."""
        with pytest.raises(StoreAccessError, match="queries only read"):
            two_months.query(statement.format(self.TABLE))
        assert len(stored(two_months)) == 3

    def test_user_who_may_make_nothing(self, warehouse: Warehouse, warehouse_url: str) -> None:
        """Whoever may not make the table learns which GRANT is missing."""
        missing = r"weather/readings: .*denied.*; ask for GRANT \w+ ON .* TO somebody"
        with self.user_with(warehouse_url) as url, pytest.raises(StoreAccessError, match=missing):
            open_warehouse(url).replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))

    def test_user_who_may_not_read(self, two_months: Warehouse, warehouse_url: str) -> None:
        """A table that may not be read is not taken for an empty one."""
        missing = r"weather/readings: .*denied.*; ask for GRANT .* TO somebody"
        with self.user_with(warehouse_url) as url, pytest.raises(StoreAccessError, match=missing):
            open_warehouse(url).read(READINGS)

    def test_reader_needs_no_more_than_select(self, two_months: Warehouse, warehouse_url: str) -> None:
        """A person who reads needs no right to write; a write says what is missing, and leaves the rows."""
        with self.user_with(warehouse_url, f"SELECT ON {self.TABLE}") as url:
            reader = open_warehouse(url)
            assert stored(reader) == stored(two_months)
            with pytest.raises(StoreAccessError, match=r"denied.*; ask for GRANT"):
                reader.replace_partition(READINGS, FEBRUARY, readings(FEBRUARY, 1.0))
        assert len(stored(two_months)) == 3
