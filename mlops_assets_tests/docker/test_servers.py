"""The containers' commands in the containers' environment, against real servers of this machine: only hosts and folders differ."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import dagster as dg
import pytest

from mlops_assets.stores.objects.bucket_url import parse_bucket_url
from mlops_assets_tests.docker.deployment import DOCKER, copy_of_docker, filled_in, made_env, services
from mlops_assets_tests.docker.local_deployment import LocalDeployment
from mlops_assets_tests.services.base import Service, free_port, provided
from mlops_assets_tests.services.mysql import execute_on_mysql
from mlops_assets_tests.services.postgres import POSTGRES, execute_on_postgres
from mlops_assets_tests.services.s3_moto import S3, S3_CREDENTIALS

pytestmark = pytest.mark.services

LAUNCH = """mutation Launch($execution: ExecutionParams!) {
  launchPipelineExecution(executionParams: $execution) { ... on LaunchRunSuccess { run { runId } } }
}"""
STATUS = "query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
POLICE_STATIONS = {
    "mode": "default",
    "runConfigData": {},
    "selector": {
        "repositoryLocationName": "mlops_assets",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": ["chicago_crimes", "police_stations"]}],
    },
}
"""What the UI asks for when somebody materializes the smallest asset."""


@contextmanager
def own(service: Service, folder: Path) -> Iterator[str]:
    """Run a server of this module's own, even if the environment names another, whose roles and buckets may be in use."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(service.variable, raising=False)
        with provided(service, folder) as url:
            yield url


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a PostgreSQL server as its superuser."""
    with own(POSTGRES, tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="module")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of an S3 server."""
    with own(S3, tmp_path_factory.mktemp("s3")) as url:
        yield parse_bucket_url(url, ["endpoint"]).options["endpoint"]


@pytest.fixture(scope="module")
def deployment(postgres: str, s3_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> LocalDeployment:
    """Give a deployment whose databases and buckets have been made."""
    folder = tmp_path_factory.mktemp("deployment")
    server = urlsplit(postgres)
    variables = {
        name: value.replace("postgres:5432", f"{server.hostname}:{server.port}").replace("http://minio:9000", s3_endpoint)
        for name, value in made_env(copy_of_docker(folder)).items()
    }
    variables |= {"S3_ACCESS_KEY_ID": S3_CREDENTIALS["AWS_ACCESS_KEY_ID"]}
    variables |= {"S3_SECRET_ACCESS_KEY": S3_CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    made = LocalDeployment(variables, folder)
    make_databases(postgres, variables)
    for name in ("LAKE_BUCKET", "MLFLOW_BUCKET", "DAGSTER_LOGS_BUCKET"):
        made.bucket(name).prepare()
    made.home.mkdir()
    shutil.copy(DOCKER / "dagster.yaml", made.home)
    made.run("dagster-migrate")
    return made


def make_databases(server_url: str, variables: dict[str, str]) -> None:
    """Run the script that the container of PostgreSQL runs at its first start."""
    server = urlsplit(server_url)
    address = {"PGHOST": server.hostname or "", "PGPORT": str(server.port), "PGPASSWORD": unquote(server.password or "")}
    environment = {**os.environ, **filled_in(services()["postgres"]["environment"], variables), **address}
    script = DOCKER / "postgres" / "10-databases.sh"
    done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def code_location(deployment: LocalDeployment) -> Iterator[int]:
    """Serve the definitions as the image does, and give the port."""
    port = free_port()
    with deployment.serve("code-location", port):
        workspace = (DOCKER / "workspace.yaml").read_text()
        (deployment.home / "workspace.yaml").write_text(workspace.replace("code-location", "127.0.0.1").replace("4000", str(port)))
        yield port


def test_each_database_belongs_to_its_role_alone(deployment: LocalDeployment) -> None:
    """A role may do everything in its own database and cannot even connect to another's."""
    urls = [deployment.variables[name] for name in ("DAGSTER_POSTGRES_URL", "MLFLOW_BACKEND_STORE_URI", "MLOPS_WAREHOUSE_URL")]
    for url in urls:
        execute_on_postgres(url, "CREATE SCHEMA own", "CREATE TABLE own.t (a int)", "DROP SCHEMA own CASCADE")
    elsewhere = urlsplit(urls[0])._replace(path=urlsplit(urls[2]).path).geturl()
    with pytest.raises(Exception, match="permission denied for database"):
        execute_on_postgres(elsewhere, "SELECT 1")


def test_grafana_reads_records_and_warehouse_and_changes_nothing(deployment: LocalDeployment) -> None:
    """Its role sees tables that were made after it, can write none, even if it tries to, and cannot connect to MLflow's."""
    owner = deployment.variables["MLOPS_WAREHOUSE_URL"]
    execute_on_postgres(owner, "CREATE SCHEMA late", "CREATE TABLE late.t AS SELECT 7 AS a")
    passwords = [deployment.variables[f"POSTGRES_{name}_PASSWORD"] for name in ("WAREHOUSE", "GRAFANA")]
    reader = owner.replace(f"warehouse:{passwords[0]}", f"grafana:{passwords[1]}")
    assert execute_on_postgres(reader, "SELECT a FROM late.t") == [(7,)]
    assert execute_on_postgres(reader.replace("/warehouse", "/dagster"), "SELECT COUNT(*) FROM runs") == [(0,)]
    with pytest.raises(Exception, match="read-only transaction"):
        execute_on_postgres(reader, "INSERT INTO late.t VALUES (8)")
    with pytest.raises(Exception, match="permission denied for table t"):
        execute_on_postgres(reader, "SET default_transaction_read_only = off", "INSERT INTO late.t VALUES (8)")
    with pytest.raises(Exception, match="permission denied for database"):
        execute_on_postgres(reader.replace("/warehouse", "/mlflow"), "SELECT 1")
    execute_on_postgres(owner, "DROP SCHEMA late CASCADE")


def test_grafana_reads_the_warehouse_in_mysql_and_changes_nothing(mysql_server_url: str, deployment: LocalDeployment) -> None:
    """The script may run again, for another password of any characters; the user reads the one database, and can write nowhere."""
    server = urlsplit(mysql_server_url)
    execute_on_mysql(mysql_server_url, "CREATE DATABASE IF NOT EXISTS warehouse", "CREATE TABLE warehouse.t AS SELECT 7 AS a")
    root = {"MYSQL_HOST": server.hostname or "", "MYSQL_TCP_PORT": str(server.port), "MYSQL_ROOT_PASSWORD": server.password or ""}
    try:
        for password in (deployment.variables["MYSQL_GRAFANA_PASSWORD"], "it's \\;\"$HOME"):
            environment = {**os.environ, **root, "MYSQL_GRAFANA_PASSWORD": password}
            script = DOCKER / "mysql" / "10-reader.sh"
            done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            reader = server._replace(netloc=f"grafana:{quote(password)}@{server.hostname}:{server.port}").geturl()
            assert execute_on_mysql(reader, "SELECT a FROM warehouse.t") == [(7,)]
            with pytest.raises(Exception, match="INSERT command denied"):
                execute_on_mysql(reader, "INSERT INTO warehouse.t VALUES (8)")
            with pytest.raises(Exception, match="denied"):
                execute_on_mysql(reader, "SELECT user FROM mysql.user")
    finally:
        execute_on_mysql(mysql_server_url, "DROP DATABASE warehouse", "DROP USER IF EXISTS grafana")


def test_changed_password_is_taken_over(postgres: str, deployment: LocalDeployment) -> None:
    """The script may run again: it keeps databases and sets the passwords, whatever their characters are."""
    password, changed = deployment.variables["POSTGRES_WAREHOUSE_PASSWORD"], "it's;\"$HOME"
    url = deployment.variables["MLOPS_WAREHOUSE_URL"]
    execute_on_postgres(url, "CREATE TABLE kept (a int)")
    make_databases(postgres, {**deployment.variables, "POSTGRES_WAREHOUSE_PASSWORD": changed})
    assert execute_on_postgres(url.replace(password, quote(changed)), "SELECT count(*) FROM kept") == [(0,)]
    with pytest.raises(Exception, match="password authentication failed"):
        execute_on_postgres(url, "SELECT 1")
    make_databases(postgres, deployment.variables)
    execute_on_postgres(url, "DROP TABLE kept")


def test_run_is_recorded_in_postgresql_and_its_output_kept_in_s3(
    deployment: LocalDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docker/dagster.yaml gives an instance whose records and logs any other container can read."""
    for name, value in deployment.environment("daemon").items():
        monkeypatch.setenv(name, value)

    @dg.asset
    def greeting() -> None:
        print("hello from a step", flush=True)

    with dg.DagsterInstance.from_config(str(deployment.home)) as writer:
        run_id = dg.materialize([greeting], instance=writer).run_id
    with dg.DagsterInstance.from_config(str(deployment.home)) as reader:
        run = reader.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.SUCCESS
        [captured] = reader.all_logs(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)
        assert captured.dagster_event is not None
        log_key = [run_id, "compute_logs", captured.dagster_event.logs_captured_data.file_key]
        output = reader.compute_log_manager.get_log_data(log_key)
        assert output.stdout == b"hello from a step\n"
        assert reader.compute_log_manager.is_capture_complete(log_key)
    assert any(run_id in name for name in deployment.bucket("DAGSTER_LOGS_BUCKET").names("compute_logs/"))


def test_code_location_serves_the_definitions(code_location: int) -> None:
    """The image's command starts a server that answers the health check and lists the platform's definitions."""
    from dagster._api.list_repositories import sync_list_repositories_grpc
    from dagster._grpc.client import DagsterGrpcClient

    answer = sync_list_repositories_grpc(DagsterGrpcClient(host="127.0.0.1", port=code_location))
    assert [symbol.repository_name for symbol in answer.repository_symbols] == ["__repository__"]
    assert answer.entry_point is not None


def test_run_goes_from_webserver_by_daemon_and_code_location_into_the_lake(deployment: LocalDeployment, code_location: int) -> None:
    """All three start as in their containers and are healthy; a run that is launched in the UI writes into the bucket."""
    port = free_port()

    def ask(query: str, **variables: object) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    with deployment.serve("webserver", port), deployment.serve("daemon"):
        run_id = ask(LAUNCH, execution=POLICE_STATIONS)["launchPipelineExecution"]["run"]["runId"]
        deadline = time.monotonic() + 120
        while (status := ask(STATUS, run=run_id)["runOrError"]["status"]) not in ("SUCCESS", "FAILURE"):
            assert time.monotonic() < deadline, status
            time.sleep(0.5)
        assert deployment.is_healthy("daemon")
    assert status == "SUCCESS"
    assert list(deployment.bucket("LAKE_BUCKET").names("")) == ["chicago_crimes/police_stations/data.parquet"]


def test_mlflow_keeps_artifacts_in_s3_for_clients_without_credentials(deployment: LocalDeployment) -> None:
    """MLflow answers under its service's name, refuses foreign ones, and passes artifacts through to its bucket."""
    port = free_port()

    def ask(host: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Host": host}, method="PUT" if body else "GET")
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content

    with deployment.serve("mlflow", port):
        assert json.loads(ask("mlflow:5000", "/api/2.0/mlflow/experiments/get?experiment_id=0"))["experiment"]["name"] == "Default"
        ask("mlflow:5000", "/api/2.0/mlflow-artifacts/artifacts/0/model.txt", b"weights")
        assert ask("localhost:5001", "/api/2.0/mlflow-artifacts/artifacts/0/model.txt") == b"weights"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            ask("elsewhere:5000", "/api/2.0/mlflow/experiments/get?experiment_id=0")
    assert list(deployment.bucket("MLFLOW_BUCKET").names("")) == ["0/model.txt"]
    assert deployment.variables["POSTGRES_MLFLOW_PASSWORD"] not in deployment.log("mlflow").read_text()
