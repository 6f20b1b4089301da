"""The warehouse in BigQuery: its contract, what its tables are like, killed and simultaneous writers, broken connections.

The emulator lets nobody down on purpose, so refusals of BigQuery's own come from a server that gives one answer to everything.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import PermanentError, SettingsError, StoreAccessError, StoreUnavailableError
from mlops_assets.stores.warehouse.bigquery import BigQueryWarehouse
from mlops_assets.stores.warehouse.bigquery_client import BoundedClient, Limits
from mlops_assets_tests.processes import python_process, wait_for_line
from mlops_assets_tests.services.answering_server import answering_server
from mlops_assets_tests.services.base import free_port
from mlops_assets_tests.services.faulty_proxy import FaultyProxy, faulty_proxy
from mlops_assets_tests.stores.warehouse_contract import WarehouseContract, let_column_be_renamed_while_read, stored
from mlops_assets_tests.tables import FEBRUARY, JANUARY, MARCH, READINGS, RENAMED_READINGS, readings, renamed

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

IMPATIENT = Limits(request=5, retries=1, conflicts=5)
HANG_BEFORE_COMMIT = """
import sys, time
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets.stores.warehouse.bigquery_client import BoundedClient
from mlops_assets_tests.tables import JANUARY, READINGS, readings

def hang(*arguments, **options):
    print("staged", flush=True)
    time.sleep(60)

BoundedClient.change = hang
open_warehouse(sys.argv[1]).replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
"""


def project_of(url: str) -> str:
    return urlsplit(url).netloc


@pytest.fixture
def client(bigquery_url: str) -> Client:
    """Give Google's own client, which sees what other tools see."""
    return BoundedClient(project_of(bigquery_url), None, Limits())._client


@pytest.fixture
def url(bigquery_url: str, client: Client) -> Iterator[str]:
    """Give the URL of a project without the datasets that tests make."""
    yield bigquery_url
    for dataset in ("weather", "shared"):
        client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)


@pytest.fixture
def two_months(url: str) -> BigQueryWarehouse:
    """Give a warehouse with readings of January and February."""
    warehouse = BigQueryWarehouse(url)
    warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
    warehouse.replace_partition(READINGS, FEBRUARY, readings(FEBRUARY, 2.0, first_id=2))
    return warehouse


@pytest.fixture
def proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Give a road to the emulator that can fail; warehouses made from now on take it."""
    server = urlsplit(os.environ.get("BIGQUERY_EMULATOR_HOST", ""))
    if server.hostname is None or server.port is None:
        pytest.skip("no road of ours leads to a project of Google's")
    with faulty_proxy(server.hostname, server.port) as proxy:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://{proxy.address}")
        yield proxy


@pytest.mark.services
class TestBigQueryWarehouse(WarehouseContract):
    @pytest.fixture
    def warehouse_url(self, url: str) -> str:
        return url


@pytest.mark.services
class TestTables:
    def test_partitioned_by_day_and_clustered_by_key(self, two_months: BigQueryWarehouse, client: Client) -> None:
        """A query for some months reads those only, and rows of a key lie together; both are said to people."""
        table = client.get_table("weather.readings")
        assert table.time_partitioning.field == "month"
        assert table.time_partitioning.type_ == "DAY"
        assert table.clustering_fields == ["reading_id"]
        assert table.description == READINGS.description

    def test_clustered_by_what_can_be_sorted(self, url: str, client: Client) -> None:
        """Of a long key, BigQuery takes four columns, and no floats."""
        columns = [Column(f"part_{number}", "float64" if number == 1 else "string", "Part.") for number in range(6)]
        contract = TableContract("weather", "long_key", "", tuple(columns), key=tuple(column.name for column in columns))
        warehouse = BigQueryWarehouse(url)
        warehouse.upsert(contract, warehouse.read(contract))
        table = client.get_table("weather.long_key")
        assert table.clustering_fields == ["part_0", "part_2", "part_3", "part_4"]
        assert table.time_partitioning is None

    def test_renamed_key_stays_what_the_table_is_clustered_by(self, two_months: BigQueryWarehouse, client: Client) -> None:
        """BigQuery renames no column by which it sorts, so the table is not sorted for a moment, and then as before."""
        later = renamed(READINGS, reading_code="reading_id")
        two_months.upsert(later, readings(MARCH, 3.0, first_id=3).rename(columns=later.former_names))
        assert client.get_table("weather.readings").clustering_fields == ["reading_code"]
        assert two_months.read(later)["reading_code"].tolist() == [1, 2, 3]

    def test_column_is_renamed_between_look_and_reading(
        self, two_months: BigQueryWarehouse, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reader that has seen a former name finds the values nevertheless when a writer changes it."""
        let_column_be_renamed_while_read(two_months, url, monkeypatch)
        assert two_months.read(RENAMED_READINGS, [FEBRUARY])["air_temperature_c"].tolist() == [2.0]
        assert two_months.query("SELECT * FROM weather.readings").columns.tolist() == RENAMED_READINGS.column_names

    def test_staging_tables_are_dropped(self, two_months: BigQueryWarehouse, client: Client) -> None:
        """Nobody finds the tables by which rows travel."""
        two_months.upsert(READINGS, readings(MARCH, 3.0))
        assert [table.table_id for table in client.list_tables("weather")] == ["readings"]

    def test_table_that_somebody_drops_is_made_again(self, two_months: BigQueryWarehouse, client: Client) -> None:
        """A warehouse asks about a table once; if it is gone at a later write, that write makes it."""
        client.delete_table("weather.readings")
        two_months.replace_partition(READINGS, MARCH, readings(MARCH, 3.0))
        assert stored(two_months) == [(1, 3.0)]
        client.delete_dataset("weather", delete_contents=True)
        two_months.upsert(READINGS, readings(JANUARY, 1.0))
        assert stored(two_months) == [(1, 1.0)]

    def test_column_added_by_a_newer_contract(self, two_months: BigQueryWarehouse, client: Client) -> None:
        """What a warehouse remembers of a table is not taken for the contract of today."""
        newer = READINGS.derive("readings", "", added=[Column("humidity_pct", "float64", "Humidity.", nullable=True)])
        two_months.replace_partition(newer, MARCH, readings(MARCH, 3.0).assign(humidity_pct=50.0))
        two_months.replace_partition(READINGS, FEBRUARY, readings(FEBRUARY, 9.0))
        assert sorted(two_months.read(newer)["humidity_pct"].dropna()) == [50.0]
        assert "humidity_pct" in [field.name for field in client.get_table("weather.readings").schema]

    def test_empty_frame_makes_the_table(self, url: str, client: Client) -> None:
        """A first month without rows makes a table for others to query."""
        warehouse = BigQueryWarehouse(url)
        warehouse.replace_partition(READINGS, JANUARY, warehouse.read(READINGS))
        assert warehouse.query("SELECT count(*) AS n FROM weather.readings")["n"].tolist() == [0]

    def test_one_dataset_for_all_domains(self, url: str) -> None:
        """With a dataset in the URL, everything is in it, and queries need not name it."""
        warehouse = BigQueryWarehouse(f"bigquery://{project_of(url)}/shared")
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
        assert stored(warehouse) == [(1, 1.0)]
        assert warehouse.location(READINGS) == f"bigquery: {project_of(url)}.shared.weather__readings"
        for table in ("weather__readings", "shared.weather__readings"):
            assert warehouse.query(f"SELECT count(*) AS n FROM {table}")["n"].tolist() == [1]

    def test_location_is_that_of_new_datasets(self, url: str, client: Client) -> None:
        """Data stay in the part of the world that the URL names."""
        warehouse = BigQueryWarehouse(f"bigquery://{project_of(url)}?location=EU")
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
        assert client.get_dataset("weather").location == "EU"
        assert stored(warehouse) == [(1, 1.0)]

    def test_decimals_are_floats(self, url: str) -> None:
        """NUMERIC is a number like others in pandas."""
        frame = BigQueryWarehouse(url).query("SELECT CAST(1.5 AS NUMERIC) AS n, CAST(NULL AS BIGNUMERIC) AS big")
        assert frame.dtypes.astype(str).tolist() == ["float64", "float64"]
        assert frame["n"].tolist() == [1.5]

    def test_health_check_leaves_nothing(self, url: str, client: Client) -> None:
        """The doctor says where the data are and BigQuery's time, and takes its table and dataset away."""
        health = BigQueryWarehouse(url).check_health()
        assert health.version.startswith("BigQuery ")
        assert health.clock_at is not None
        assert abs(health.clock_at.timestamp() - time.time()) < 60
        assert "mlops_assets_doctor" not in [dataset.dataset_id for dataset in client.list_datasets()]

    def test_wrong_query_is_permanent(self, two_months: BigQueryWarehouse) -> None:
        """The error says what BigQuery says, without the job and the statement."""
        with pytest.raises(PermanentError, match=r"^bigquery://[\w-]+: query: Syntax error[^\n]*$"):
            two_months.query("SELEC 1")
        with pytest.raises(
            StoreAccessError, match=r"bigquery://[\w-]+: query: Not found: Table .*; check the project, the dataset"
        ):
            two_months.query("SELECT * FROM weather.nothing")

    def test_job_that_takes_too_long_is_cancelled(self, url: str, client: Client) -> None:
        """Patience with a job ends, and BigQuery does not go on for nobody."""
        pairs = "UNNEST(GENERATE_ARRAY(1, 200000)) AS a, UNNEST(GENERATE_ARRAY(1, 200000)) AS b"
        with pytest.raises(
            StoreUnavailableError, match=r"job \S+ did not end within 0\.1 s and has been cancelled; try again later"
        ):
            BigQueryWarehouse(url, Limits(job=0.1)).query(f"SELECT count(*) FROM {pairs} WHERE MOD(a * b, 7) = 3")
        assert not list(client.list_jobs(state_filter="running"))


@pytest.mark.services
class TestWriters:
    def test_killed_writer_leaves_the_previous_rows(self, url: str, two_months: BigQueryWarehouse, client: Client) -> None:
        """SIGKILL before the transaction: the old rows are there, the staging table expires, and the next writer just writes."""
        with python_process(HANG_BEFORE_COMMIT, url) as writer:
            wait_for_line(writer, "staged")
            writer.kill()
            writer.wait()
        assert stored(two_months) == [(1, 1.0), (2, 2.0)]
        (left,) = [table for table in client.list_tables("weather") if table.table_id.startswith("staging__readings__")]
        assert 0 < client.get_table(left).expires.timestamp() - time.time() <= 3600
        two_months.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
        assert stored(two_months) == [(1, 9.0), (2, 2.0)]


@pytest.mark.services
class TestNetwork:
    @pytest.mark.parametrize("passing_bytes", [0, 20_000])
    def test_connection_that_always_drops_is_transient(
        self, url: str, two_months: BigQueryWarehouse, proxy: FaultyProxy, passing_bytes: int
    ) -> None:
        """Whether nothing gets through or half the rows, the previous ones stay, the error comes soon, and a rerun cures it."""
        warehouse = BigQueryWarehouse(url, IMPATIENT)
        proxy.drop_after(bytes_to_server=passing_bytes)
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"^bigquery://[\w-]+: weather/readings: .*; try again later$"):
            warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, *map(float, range(20_000))))
        assert time.monotonic() - began < 20
        assert stored(two_months) == [(1, 1.0), (2, 2.0)]
        proxy.heal()
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
        assert stored(two_months) == [(1, 9.0), (2, 2.0)]

    @pytest.mark.parametrize("passing_bytes", [500, 2_500, 4_000])
    def test_lost_answer_does_no_harm(
        self, url: str, two_months: BigQueryWarehouse, proxy: FaultyProxy, passing_bytes: int
    ) -> None:
        """What was asked is asked again, and what BigQuery has already begun is not begun twice."""
        warehouse = BigQueryWarehouse(url)
        proxy.drop_after(bytes_to_client=passing_bytes, times=1)
        warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 9.0))
        assert proxy.connections == 2
        assert stored(two_months) == [(1, 9.0), (2, 2.0)]

    def test_silence_is_transient(self, url: str, proxy: FaultyProxy) -> None:
        """A server that accepts and never answers is given up in time."""
        proxy.black_hole()
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"weather/readings: .*[Tt]ime"):
            BigQueryWarehouse(url, Limits(request=0.5, retries=1)).read(READINGS)
        assert time.monotonic() - began < 10


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "reason", "said", "error", "advice"),
        [
            (403, "accessDenied", "Access Denied: Dataset p:weather", StoreAccessError, "needs the roles BigQuery Job User on"),
            (403, "quotaExceeded", "Quota exceeded: ...", StoreAccessError, "wait until the quota is renewed"),
            (404, "notFound", "Not found: Project p", StoreAccessError, "check the project, the dataset and the location"),
            (400, "invalid", "Invalid value", PermanentError, "Invalid value"),
            (400, "invalidQuery", "Transaction is aborted due to concurrent update ...", StoreUnavailableError, "try again later"),
            (403, "rateLimitExceeded", "Exceeded rate limits: ...", StoreUnavailableError, "try again later"),
            (429, "rateLimitExceeded", "Exceeded rate limits: ...", StoreUnavailableError, "try again later"),
            (500, "internalError", "An internal error occurred", StoreUnavailableError, "try again later"),
            (503, "backendError", "Error encountered during execution", StoreUnavailableError, "try again later"),
        ],
    )
    def test_refusals_are_sorted(
        self, monkeypatch: pytest.MonkeyPatch, status: int, reason: str, said: str, error: type[Exception], advice: str
    ) -> None:
        """What time may cure is transient; else the error says what a person has to do."""
        warehouse = BigQueryWarehouse("bigquery://p/shared", IMPATIENT)
        answer = {"error": {"code": status, "message": said, "errors": [{"reason": reason, "message": said}]}}
        with answering_server(status, json.dumps(answer), "application/json") as address:
            monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", address)
            with pytest.raises(error) as caught:
                warehouse.replace_partition(READINGS, JANUARY, readings(JANUARY, 1.0))
        assert type(caught.value) is error
        assert str(caught.value).startswith(f"bigquery://p/shared: weather/readings: {said}")
        assert advice in str(caught.value)

    def test_nobody_there_is_transient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A refused connection is tried again for a while, but not for long."""
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"bigquery://p: query: .*refused.*; try again later"):
            BigQueryWarehouse("bigquery://p", IMPATIENT).query("SELECT 1")
        assert time.monotonic() - began < 10

    def test_no_credentials(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Without credentials nothing is tried, and the error says how to get some."""
        for variable in ("BIGQUERY_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        with pytest.raises(
            StoreAccessError, match="bigquery://p: weather/readings: there are no Google credentials; run `gcloud auth"
        ):
            BigQueryWarehouse("bigquery://p").read(READINGS)

    @pytest.mark.parametrize(
        "url",
        [
            "bigquery:///d",
            "bigquery://p:443/d",
            "bigquery://p?credentials=/secret.json",
            "bigquery://p/d/t",
            "bigquery://p?region=EU",
            "bigquery://me:secret@p/d",
        ],
    )
    def test_url_must_be_understood(self, url: str) -> None:
        """A URL with too little or too much is refused, without its secret."""
        with pytest.raises(SettingsError, match=r"is not of the form bigquery://project/dataset\?location=EU") as caught:
            BigQueryWarehouse(url)
        assert "secret" not in str(caught.value)
