"""A failed run is reported in one sentence, without secrets, and a broken webhook harms nobody."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster_shared.record import copy

from mlops_assets.errors import StoreUnavailableError
from mlops_assets.orchestration.alerts import describe_failure, run_failure_alerts
from mlops_assets.orchestration.failures import error_sentence

HIDDEN = "T0P-HIDDEN"


@dg.op
def read_export() -> None:
    """Fail as our own code does: with a reason that spans lines, a cause, and a URL with a password."""
    try:
        int("x")
    except ValueError as error:
        raise RuntimeError("cannot read postgresql://crime:hunter2@db/x?api_key=abc&page=2\nsecond line") from error


@dg.job(name="arrest_training")
def failing_job() -> None:
    """Fail in its only step."""
    read_export()


@contextmanager
def webhook(status: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve a webhook that answers with a status; yields its URL, secret included, and the messages received."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            # A body that never comes: whoever waits for it loses an alert that arrived.
            self.send_header("Content-Length", "1000")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hooks/{HIDDEN}", received
        finally:
            server.shutdown()
            thread.join()


def alert_of_failed_run(instance: dg.DagsterInstance, webhook_url: str | None, tags: dict[str, str]) -> tuple[str, str]:
    """Fail a run, evaluate the sensor on it and return the run's id and what the sensor logged."""
    result = failing_job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failure_alerts",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.levelname} {record.getMessage()}")

    context.log.addHandler(Collector())
    run_failure_alerts(webhook_url)(context)
    return result.run_id, "\n".join(lines)


def test_failed_run_is_logged_and_posted_in_one_sentence(instance: dg.DagsterInstance) -> None:
    """Log and webhook name job, run, partition, step and the first line of what our code raised."""
    with webhook(status=200) as (url, received):
        run_id, log = alert_of_failed_run(instance, url, {"dagster/partition": "2024-01"})
    error = "RuntimeError: cannot read postgresql://***@db/x?api_key=***&page=2"
    sentence = f"Run {run_id} of arrest_training for partition 2024-01 failed in read_export: {error}"
    assert log == f"ERROR {sentence}"
    assert received == [
        {
            "text": sentence.replace("&", "&amp;"),
            "job": "arrest_training",
            "run_id": run_id,
            "partition": "2024-01",
            "failed_steps": ["read_export"],
            "error": error,
            "will_retry": False,
        }
    ]


@pytest.mark.parametrize(("status", "problem"), [(500, "HTTP status 500"), (302, "HTTP status 302")])
def test_refused_alert_is_logged_without_the_url(instance: dg.DagsterInstance, status: int, problem: str) -> None:
    """A webhook that answers with an error, or sends the alert elsewhere, gets one line that keeps its secret."""
    with webhook(status) as (url, received):
        run_id, log = alert_of_failed_run(instance, url, {})
    assert len(received) == 1
    assert log.splitlines()[1] == (
        f"WARNING The alert about run {run_id} did not reach the webhook in MLOPS_ALERT_WEBHOOK_URL: {problem}"
    )
    assert HIDDEN not in log


@pytest.mark.parametrize("url", [f"http://127.0.0.1:1/{HIDDEN}", f"hooks.example.org/{HIDDEN}", f"http://{HIDDEN * 20}..x/"])
def test_unreachable_webhook_is_logged_without_the_url(instance: dg.DagsterInstance, url: str) -> None:
    """A URL that nobody listens on, or that is no URL, neither raises nor shows itself."""
    _, log = alert_of_failed_run(instance, url, {})
    assert "did not reach the webhook" in log
    assert HIDDEN not in log


def test_last_retry_is_not_taken_for_the_reason(instance: dg.DagsterInstance) -> None:
    """After all retries people read what could not be reached, and not that retrying has come to an end."""

    @dg.op
    def read_bucket() -> None:
        try:
            raise StoreUnavailableError("s3://lake: nobody answers")
        except StoreUnavailableError as error:
            raise dg.RetryRequested(max_retries=0) from error

    @dg.job(name="reading")
    def reading() -> None:
        read_bucket()

    result = reading.execute_in_process(instance=instance, raise_on_error=False)
    (step,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    (failure,) = [event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"]
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert "s3://lake: nobody answers" in describe_failure(run, failure, [step]).sentence


def test_failed_check_is_named(instance: dg.DagsterInstance) -> None:
    """The alert about a blocking check says which check of which asset did not pass."""

    @dg.asset
    def crimes() -> None:
        """Be an asset."""

    @dg.asset_check(asset=crimes, blocking=True)
    def has_rows() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    result = dg.materialize([crimes, has_rows], instance=instance, raise_on_error=False)
    (step,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert error_sentence(step) == (
        "DagsterAssetCheckFailedError: 1 blocking asset check failed with ERROR severity: crimes: has_rows"
    )


def test_without_webhook_the_log_is_enough(instance: dg.DagsterInstance) -> None:
    """No webhook, no partition: the sentence is logged and nothing is sent."""
    run_id, log = alert_of_failed_run(instance, None, {})
    assert log.startswith(f"ERROR Run {run_id} of arrest_training failed in read_export: RuntimeError:")


def test_run_that_died_outside_its_steps_is_described(instance: dg.DagsterInstance) -> None:
    """A killed run has no failed step; its message, its partition range and the coming retry are told."""
    run = instance.create_run_for_job(
        failing_job, tags={f"dagster/asset_partition_range_{end}": f"2024-0{month}" for end, month in (("start", 1), ("end", 3))}
    )
    event = instance.report_run_failed(run, "Run worker died.\nDetails")
    instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    reloaded = instance.get_run_by_id(run.run_id)
    assert reloaded is not None
    sentence = f"Run {run.run_id} of arrest_training for partition 2024-01...2024-03 failed: Run worker died."
    assert describe_failure(reloaded, event, []).sentence == sentence, "nobody can start again what came from no code location"
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__"), "arrest_training")
    from_ui = describe_failure(copy(reloaded, remote_job_origin=origin), event, [])
    assert from_ui.sentence == f"{sentence} It will be retried."


def test_sensor_watches_from_the_start() -> None:
    """Nobody has to switch the alerts on."""
    assert run_failure_alerts(None).default_status is dg.DefaultSensorStatus.RUNNING
