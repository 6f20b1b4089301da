"""What is compared for each store: the store, bare clients, the platform's IO manager and one shipped with Dagster.

Every comparison has places of its own in its server and leaves nothing there.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks import bare_bigquery, bare_databases, bare_objects, io_managers
from benchmarks.store_ways import OurLake, OurWarehouse
from mlops_assets.stores.lake import Lake
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.objects.bucket_url import parse_bucket_url
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets_tests.services.buckets import fresh_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from benchmarks.store_rows import Workload
    from benchmarks.store_ways import Way
    from mlops_assets.stores.objects import ObjectStorage
    from mlops_assets.stores.warehouse import Warehouse

LAKE_LIMIT, WAREHOUSE_LIMIT = 1.2, 1.3
_LAKE_ROUNDS, _ROUNDS, _SLOW_ROUNDS = 9, 5, 3


class NotMeasured(Exception):  # noqa: N818 - it is no error
    """A store cannot be measured here; says why."""


@dataclass(frozen=True)
class Comparison:
    """The ways to compare, in the order in which they are shown.

    Attributes:
        title: the store and its server.
        limit: how many times as long as a bare client the store may take.
        rounds: how often each takes its turn.
        ours: the store by itself.
        bare: clients by name.
        bare_writers: more of them, whose reading would be that of the others.
        manager: the platform's IO manager over the store.
        shipped: IO managers shipped with Dagster, by name.
    """

    title: str
    limit: float
    rounds: int
    ours: Way
    bare: dict[str, Way]
    bare_writers: dict[str, Way] = field(default_factory=dict)
    manager: Way | None = None
    shipped: dict[str, Way] = field(default_factory=dict)


@contextmanager
def _files(_workloads: Sequence[Workload]) -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bare: dict[str, Way] = {"pyarrow": bare_objects.BareObjects(bare_objects.ParquetFiles(Path(folder) / "bare"))}
        storage = open_object_storage(f"file:{folder}/lake")
        yield Comparison(_lake(storage), LAKE_LIMIT, _LAKE_ROUNDS, OurLake(Lake(storage), "ours"), bare)


@contextmanager
def _s3(workloads: Sequence[Workload]) -> Iterator[Comparison]:
    import boto3

    url = fresh_prefix(os.environ.get("MLOPS_TEST_CEPH_URL") or _url("MLOPS_TEST_S3_URL"))
    place = parse_bucket_url(url, ("endpoint", "region"))
    endpoint = place.options.get("endpoint")
    with _emptied_afterwards(url) as storage:
        client = boto3.client("s3", endpoint_url=endpoint)
        objects = bare_objects.S3Objects(client, place.bucket, f"{place.prefix}/bare")
        shipped = io_managers.shipped_s3_manager(endpoint, place.bucket, place.prefix, "shipped")
        yield Comparison(
            _lake(storage),
            LAKE_LIMIT,
            _LAKE_ROUNDS,
            OurLake(Lake(storage), "ours"),
            {"boto3": bare_objects.BareObjects(objects)},
            manager=io_managers.our_lake_manager(url, "managed", workloads),
            shipped={"S3PickleIOManager": shipped},
        )


@contextmanager
def _gs(workloads: Sequence[Workload]) -> Iterator[Comparison]:
    from google.cloud import storage as google_storage

    url = fresh_prefix(_url("MLOPS_TEST_GCS_URL"))
    place = parse_bucket_url(url, ("project", "location"))
    with _emptied_afterwards(url) as storage, _credentials("STORAGE_EMULATOR_HOST"):
        bucket = google_storage.Client(project="bench").bucket(place.bucket)
        yield Comparison(
            _lake(storage),
            LAKE_LIMIT,
            _LAKE_ROUNDS,
            OurLake(Lake(storage), "ours"),
            {"google-cloud-storage": bare_objects.BareObjects(bare_objects.GCSObjects(bucket, f"{place.prefix}/bare"))},
            manager=io_managers.our_lake_manager(url, "managed", workloads),
            shipped={"GCSPickleIOManager": io_managers.shipped_gcs_manager("bench", place.bucket, place.prefix, "shipped")},
        )


@contextmanager
def _duckdb(_workloads: Sequence[Workload]) -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        warehouse = open_warehouse(f"duckdb:{folder}/warehouse.duckdb")
        bare: dict[str, Way] = {"duckdb": bare_databases.BareDuckDB(Path(folder) / "bare.duckdb")}
        yield Comparison(_warehouse(warehouse), WAREHOUSE_LIMIT, _ROUNDS, OurWarehouse(warehouse, "ours"), bare)


@contextmanager
def _postgresql(_workloads: Sequence[Workload]) -> Iterator[Comparison]:
    from mlops_assets_tests.services.postgres import execute_on_postgres

    server, database = _url("MLOPS_TEST_POSTGRES_URL"), f"bench_{uuid4().hex}"
    execute_on_postgres(server, f"CREATE DATABASE {database}")
    try:
        url = urlsplit(server)._replace(path=f"/{database}").geturl()
        bare: dict[str, Way] = {
            "COPY by psycopg2": bare_databases.BarePostgreSQL(url, "ours"),
            "ADBC": bare_databases.BareADBC(url, "ours"),
        }
        warehouse = open_warehouse(url)
        yield Comparison(_warehouse(warehouse), WAREHOUSE_LIMIT, _ROUNDS, OurWarehouse(warehouse, "ours"), bare)
    finally:
        execute_on_postgres(server, f"DROP DATABASE {database} WITH (FORCE)")


@contextmanager
def _mysql(_workloads: Sequence[Workload]) -> Iterator[Comparison]:
    from mlops_assets_tests.services.mysql import execute_on_mysql

    url, database = _url("MLOPS_TEST_MYSQL_URL"), f"bench_{uuid4().hex}"
    try:
        bare: dict[str, Way] = {"PyMySQL": bare_databases.BareMySQL(url, database)}
        warehouse = open_warehouse(url)
        yield Comparison(_warehouse(warehouse), WAREHOUSE_LIMIT, _SLOW_ROUNDS, OurWarehouse(warehouse, database), bare)
    finally:
        execute_on_mysql(url, f"DROP DATABASE IF EXISTS {database}")


@contextmanager
def _bigquery(workloads: Sequence[Workload]) -> Iterator[Comparison]:
    from google.cloud import bigquery

    url, space = _url("MLOPS_TEST_BIGQUERY_URL"), f"bench_{uuid4().hex}"
    project, warehouse = urlsplit(url).netloc, open_warehouse(url)
    where = ", an emulator" if "BIGQUERY_EMULATOR_HOST" in os.environ else ""
    datasets = [f"{space}_{name}" for name in ("ours", "bare", "replaced", "managed", "shipped")]
    ours, bare, replaced, managed, shipped = datasets
    with _credentials("BIGQUERY_EMULATOR_HOST"), closing(bigquery.Client(project)) as client:
        try:
            yield Comparison(
                _warehouse(warehouse) + where,
                WAREHOUSE_LIMIT,
                _SLOW_ROUNDS,
                OurWarehouse(warehouse, ours),
                {"load job, REST": bare_bigquery.BareBigQuery(client, bare)},
                bare_writers={"load job, transaction": bare_bigquery.BareBigQueryTransaction(client, replaced)},
                manager=io_managers.our_warehouse_manager(url, managed, workloads),
                shipped={"BigQueryPandasIOManager": io_managers.shipped_bigquery_manager(project, shipped)},
            )
        finally:
            for dataset in datasets:
                client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)


COMPARISONS: dict[str, Callable[[Sequence[Workload]], AbstractContextManager[Comparison]]] = {
    "file": _files,
    "s3": _s3,
    "gs": _gs,
    "duckdb": _duckdb,
    "postgresql": _postgresql,
    "mysql": _mysql,
    "bigquery": _bigquery,
}
"""All comparisons, by scheme."""


def _url(variable: str) -> str:
    url = os.environ.get(variable)
    if not url:
        raise NotMeasured(f"{variable} names no server")
    return url


def _lake(storage: ObjectStorage) -> str:
    return f"lake: {storage.check_health().version}"


def _warehouse(warehouse: Warehouse) -> str:
    return f"warehouse: {warehouse.check_health().version}"


def _credentials(emulator: str) -> AbstractContextManager[None]:
    return io_managers.credentials_for_emulator() if emulator in os.environ else nullcontext()


@contextmanager
def _emptied_afterwards(url: str) -> Iterator[ObjectStorage]:
    storage = open_object_storage(url)
    storage.prepare()
    try:
        yield storage
    finally:
        for name in list(storage.names("")):
            storage.delete(name)
