"""No password, key or token gets out: every output and every record is searched for canaries, whatever goes wrong."""

from __future__ import annotations

import io
import os
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from dagster._serdes import serialize_value
from rich.console import Console
from typer.testing import CliRunner

from mlops_assets.cli import app
from mlops_assets.cli.demo import say_what_is_next
from mlops_assets.cli.places import say_where
from mlops_assets.errors import PlatformError
from mlops_assets.orchestration import failures
from mlops_assets.orchestration.alerts import describe_failure
from mlops_assets.settings import Settings
from mlops_assets.stores.doctor import check_stores
from mlops_assets.stores.documents import open_documents
from mlops_assets.stores.events import open_event_log
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.registry import StoreKind, Stores
from mlops_assets.stores.warehouse import open_warehouse
from mlops_assets_tests.documents import MESSAGES
from mlops_assets_tests.orchestration.small_graph import SmallGraph, monthly_readings
from mlops_assets_tests.services.mlflow_server import mlflow_serving
from mlops_assets_tests.services.postgres import execute_on_postgres
from mlops_assets_tests.stores.registry_backends import save_trained
from mlops_assets_tests.tables import READINGS
from mlops_assets_tests.tiny_bundle import tiny_bundle

CANARY = "c4n4ry"
_NOWHERE = "127.0.0.1:1"
_WRONG = f"{CANARY}@w/r?n#g%"
"""What people forget to percent-encode."""

LAKES = [
    f"s3://key:{CANARY}@bucket/lake",
    f"s3://key:{CANARY}/{CANARY}@bucket/lake",
    f"s3://bucket?access_key={CANARY}",
    f"s3://bucket?endpoint=http://me:{CANARY}%40{_NOWHERE}",
    f"s3://bucket?endpoint=http://me:{CANARY}@{_NOWHERE}",
    f"s3://bucket?endpoint=http://{_NOWHERE}&X-Amz-Signature={CANARY}",
    f"gs://me:{CANARY}@bucket",
    f"gs://bucket?key={CANARY}",
    f"file://me:{CANARY}@host/lake",
    f"file:lake?token={CANARY}",
]
WAREHOUSES = [
    *(
        f"{scheme}://me:{password}@{_NOWHERE}/db"
        for scheme in ("postgresql", "mysql")
        for password in (CANARY, _WRONG, f"[{CANARY}")
    ),
    f"postgresql://me@company.example:{CANARY}@{_NOWHERE}/db",
    f"postgresql://{_NOWHERE}/db?password={CANARY}&sslpassword={CANARY}&no_such={CANARY}",
    f"postgresql://me:{CANARY}@{_NOWHERE}:port/db",
    f"postgresql://me:{CANARY}@{_NOWHERE}/db?connect_timeout=long",
    f"host=127.0.0.1 user=me password={CANARY}",
    f"mysql://{_NOWHERE}/db?password={CANARY}",
    f"mysql://me:{CANARY}@{_NOWHERE}/db?ssl_key_password={CANARY}&read_timeout=long",
    f"bigquery://me:{CANARY}@project/dataset",
    f"bigquery://project/dataset?credentials={CANARY}",
    f"duckdb:w.duckdb?motherduck_token={CANARY}",
    f"oracle://me:{CANARY}@host/db",
]
DOCUMENTS = [
    *(f"mongodb://me:{password}@{_NOWHERE},127.0.0.2:1/chat?serverSelectionTimeoutMS=200" for password in (CANARY, _WRONG)),
    f"mongodb://{_NOWHERE}/chat?authMechanismProperties=AWS_SESSION_TOKEN:{CANARY}&serverSelectionTimeoutMS=200",
    f"mongodb://{_NOWHERE}/chat?tlsCertificateKeyFilePassword={CANARY}&tls=true&tlsCertificateKeyFile=/no/such/file",
    f"mongodb://me:{CANARY}@server:port/chat",
    f"mongodb+srv://me:{CANARY}@server.invalid/chat?no_such={CANARY}",
    f"sqlite:d.db?key={CANARY}",
]
EVENT_LOGS = [
    f"kafka://me:{CANARY}@{_NOWHERE}?security_protocol=SASL_PLAINTEXT&sasl_mechanism=PLAIN",
    f"kafka://me:{CANARY}@{_NOWHERE}?security_protocol=SASL_PLAINTEXT&sasl_mechanism=NONE",
    f"kafka://me:{CANARY}@{_NOWHERE}",
    f"kafka://me:{_WRONG}@{_NOWHERE}",
    f"kafka://{_NOWHERE}?sasl_password={CANARY}&sasl.password={CANARY}",
]
REGISTRIES = [
    f"http://me:{CANARY}@{_NOWHERE}",
    f"http://me:{_WRONG}@{_NOWHERE}",
    f"http://{_NOWHERE}?token={CANARY}",
    f"postgresql://me:{CANARY}@host/mlflow",
    f"sqlite:///m.db?key={CANARY}",
]
FEEDS = [
    f"http://me:{CANARY}@{_NOWHERE}/feed?apikey={CANARY}&page=1",
    f"ftp://me:{CANARY}@host/feed",
    f"http://me:{_WRONG}@host/feed",
]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody, and let every client find the canary where it looks for credentials."""
    monkeypatch.setattr(failures, "SECONDS_BETWEEN_RETRIES", 0)
    monkeypatch.setattr(failures, "MAX_RETRIES", 0)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{_NOWHERE}")


def assert_no_canary(where: str) -> None:
    """Fail with what is around the first canary."""
    place = where.find(CANARY)
    assert place < 0, where[max(0, place - 200) : place + 50]


def assert_no_canary_in_files(folder: Path) -> None:
    """Search all that is in a folder, whatever it is."""
    found = [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert not found


def open_all(kind: StoreKind) -> Callable[[str], Any]:
    """Return what opens a store and uses it for the first time."""
    if kind == "lake":
        return lambda url: open_object_storage(url).put("name", b"")
    if kind == "warehouse":
        return lambda url: open_warehouse(url).read(READINGS)
    if kind == "documents":
        return lambda url: list(open_documents(url).read(MESSAGES))
    return lambda url: open_event_log(url)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        *(("lake", url) for url in LAKES),
        *(("warehouse", url) for url in WAREHOUSES),
        *(("documents", url) for url in DOCUMENTS),
        *(("events", url) for url in EVENT_LOGS),
    ],
)
def test_error_of_a_store_holds_no_secret(kind: StoreKind, url: str) -> None:
    """Whether its URL cannot be read or nobody answers: neither the message nor anything that caused it quotes a secret."""
    try:
        open_all(kind)(url)
    except PlatformError as error:
        # Dagster keeps the whole chain of causes.
        assert_no_canary("".join(traceback.format_exception_only(error)))
        assert_no_canary("".join(str(cause) for cause in _causes(error)))
    else:
        assert kind == "events", "a client of Kafka connects later"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield cause
        yield from _causes(cause)


@pytest.mark.parametrize("uri", REGISTRIES)
def test_error_of_the_registry_holds_no_secret(uri: str, tmp_path: Path) -> None:
    """MLflow's client repeats the address in its errors; it is given one without credentials."""
    with pytest.raises(PlatformError) as caught:
        open_model_registry(uri, tmp_path).versions("model")
    assert_no_canary(str(caught.value) + "".join(str(cause) for cause in _causes(caught.value)))


def test_doctor_shows_no_secret(tmp_path: Path) -> None:
    """Neither where a store is nor why it cannot be used."""
    families = (LAKES, WAREHOUSES, DOCUMENTS, EVENT_LOGS[1:], REGISTRIES)
    for number in range(max(map(len, families))):
        lake, warehouse, documents, events, registry = (urls[number % len(urls)] for urls in families)
        urls: dict[StoreKind, str] = {"lake": lake, "warehouse": warehouse, "documents": documents, "events": events}
        for health in check_stores(Stores(urls, registry, "", tmp_path), []):
            assert health.error, health.url
            assert_no_canary(repr(health))


@pytest.mark.parametrize("number", range(max(map(len, (LAKES, WAREHOUSES)))))
def test_places_are_told_without_secrets(number: int, tmp_path: Path) -> None:
    """What commands begin with, and where the demonstration says that its tables are."""
    urls: dict[StoreKind, str] = {
        "lake": LAKES[number % len(LAKES)],
        "warehouse": WAREHOUSES[number % len(WAREHOUSES)],
        "documents": DOCUMENTS[number % len(DOCUMENTS)],
        "events": EVENT_LOGS[number % len(EVENT_LOGS)],
    }
    stores = Stores(urls, REGISTRIES[number % len(REGISTRIES)], "", tmp_path)
    console = Console(file=io.StringIO(), width=500)
    say_what_is_next(console, stores, "chicago_crimes")
    assert isinstance(console.file, io.StringIO)
    assert_no_canary(console.file.getvalue())
    assert_no_canary(repr(stores))


@pytest.mark.parametrize(
    "variable", ["MLOPS_LAKE_URL", "MLOPS_CHICAGO_CRIMES_WAREHOUSE_URL", "MLFLOW_TRACKING_URI", "MLOPS_MLFLOW_UI_URL"]
)
@pytest.mark.parametrize("url", [*LAKES, *WAREHOUSES, *DOCUMENTS, *EVENT_LOGS, *REGISTRIES])
def test_settings_show_no_secret(variable: str, url: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, and the error about one, may be printed by anybody."""
    monkeypatch.setenv(variable, url)
    monkeypatch.setenv("MLOPS_ALERT_WEBHOOK_URL", f"https://hooks.example.org/{CANARY}")
    monkeypatch.setenv("SOCRATA_APP_TOKEN", CANARY)
    try:
        settings = Settings()
    except PlatformError as error:
        assert_no_canary(str(error))
        return
    console = Console(file=io.StringIO(), width=500)
    say_where(console, settings)
    assert isinstance(console.file, io.StringIO)
    assert_no_canary(repr(settings) + console.file.getvalue())


def records_of(instance: dg.DagsterInstance) -> str:
    """Return all that Dagster keeps of all runs."""
    return "".join(
        serialize_value(run) + "".join(serialize_value(entry) for entry in instance.all_logs(run.run_id))
        for run in instance.get_runs()
    )


@pytest.mark.parametrize("url", [f"s3://bucket?endpoint=http://{_NOWHERE}", *LAKES])
def test_records_and_alerts_of_a_failed_run_hold_no_secret(
    url: str, tmp_path: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """The event log keeps errors with all their causes, and alerts go to a chat."""
    graph = SmallGraph(tmp_path, instance, READINGS)
    stores = Stores({**graph.stores.urls, "lake": url}, "", "", tmp_path)
    result = graph.run(monthly_readings, month="2024-01", raise_on_error=False, stores=stores)
    assert not result.success
    steps = [event for event in result.all_events if event.is_step_failure]
    (failure,) = [event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"]
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert_no_canary(records_of(instance))
    assert_no_canary(str(describe_failure(run, failure, steps).message))
    assert_no_canary("".join(capfd.readouterr()))
    assert_no_canary_in_files(tmp_path)


@pytest.fixture
def command(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Give a function that runs a command in this process and returns all that it printed; its settings hold canaries."""
    before = dict(os.environ)
    monkeypatch.setenv("MLOPS_ALERT_WEBHOOK_URL", f"http://{_NOWHERE}/{CANARY}")
    monkeypatch.setenv("MLOPS_CHICAGO_CRIMES_PORTAL_APP_TOKEN", CANARY)

    def run(*arguments: str, **settings: str) -> str:
        os.environ.update(settings)
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code != 0, done.output
        return done.stdout + done.stderr

    yield run
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("url", FEEDS)
def test_feed_that_fails_is_told_without_secrets(command: Callable[..., str], project: Path, url: str) -> None:
    """A live source may need a key: it stands neither on the screen, traceback included, nor in any file."""
    settings = {"MLOPS_DONOSTIA_PARKING_SOURCE": "live", "MLOPS_DONOSTIA_PARKING_FEED_URL": url}
    assert_no_canary(command("run", "read_donostia_parking", "--debug", **settings))
    assert_no_canary_in_files(project)


def test_portal_that_fails_is_told_without_secrets(command: Callable[..., str], project: Path) -> None:
    """The app token is sent as a header, and only there."""
    settings = {"MLOPS_CHICAGO_CRIMES_SOURCE": "live", "MLOPS_CHICAGO_CRIMES_PORTAL_URL": f"http://me:{CANARY}@{_NOWHERE}"}
    assert_no_canary(command("run", "read_chicago_crimes", "--debug", **settings))
    assert_no_canary_in_files(project)


def test_commands_tell_nothing_of_stores_that_fail(command: Callable[..., str], project: Path) -> None:
    """Doctor, prepare, copy, status and a job: on the screen and in all that is left in the data directory."""
    settings = {
        "MLOPS_LAKE_URL": f"s3://bucket?endpoint=http://{_NOWHERE}",
        "MLOPS_WAREHOUSE_URL": f"postgresql://me:{CANARY}@{_NOWHERE}/db?sslpassword={CANARY}",
        "MLOPS_DOCUMENTS_URL": DOCUMENTS[0],
        "MLOPS_EVENTS_URL": EVENT_LOGS[2],
        "MLFLOW_TRACKING_URI": f"http://me:{CANARY}@{_NOWHERE}",
    }
    assert_no_canary(command("doctor", **settings))
    assert_no_canary(command("prepare", "--debug"))
    assert_no_canary(command("copy", "chicago_crimes", "--warehouse", WAREHOUSES[0], "--lake", LAKES[0], "--debug"))
    config = project / "config.yaml"
    config.write_text("ops: {promote_arrest_model_by_hand: {config: {version: 1, reason: none}}}")
    assert_no_canary(command("run", "promote_chicago_crimes_arrest_model", "--config", str(config), "--debug"))
    assert_no_canary(command("run", "read_chicago_crimes", "--debug"))
    status = CliRunner().invoke(app, ["status"])
    assert "cannot be told" in status.stdout
    assert_no_canary(status.output)
    assert_no_canary_in_files(project)


@pytest.mark.services
def test_metadata_of_rows_in_a_server_hold_no_password(postgres_url: str, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """A run that succeeds says where its rows are, without user and password."""
    from mlops_assets_tests.orchestration.test_warehouse_io import monthly_readings as to_warehouse

    role = f"{CANARY}_{uuid.uuid4().hex}"
    execute_on_postgres(postgres_url, f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{_WRONG}'")
    address = postgres_url.rpartition("@")[2]
    url = f"postgresql://{role}:{quote(_WRONG, safe='')}@{address}"
    graph = SmallGraph(tmp_path, instance, READINGS)
    try:
        stores = Stores({**graph.stores.urls, "warehouse": url}, "", "", tmp_path)
        assert graph.run(to_warehouse, month="2024-01", stores=stores).success
    finally:
        execute_on_postgres(postgres_url, f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")
    assert_no_canary(records_of(instance))
    assert_no_canary_in_files(tmp_path)


def test_records_of_mlflow_hold_no_password(tmp_path: Path) -> None:
    """A training that is recorded on a server leaves no trace of how the client logged in."""
    with mlflow_serving(tmp_path, str(tmp_path / "artifacts")) as address:
        registry = open_model_registry(address.replace("http://", f"http://me:{CANARY}@"), tmp_path / "scratch")
        version = save_trained(registry, tiny_bundle(), "model", "domain/model", "2024-01")
        assert_no_canary(version.run_url(address) + repr(version))
    assert_no_canary_in_files(tmp_path)
