"""Say in one sentence that a run failed: in the log of the sensor always, and to a webhook if one is set.

What belongs here: the sensor and the sentence. Why a step failed belongs to the run's own log; who is told belongs to the webhook.
"""

import html
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg

from mlops_assets.orchestration.failures import error_sentence
from mlops_assets.orchestration.partitions import partition_label

WEBHOOK_TIMEOUT_S = 10
"""Five failed runs in one tick and a dead webhook stay below the 60 s that a tick may take."""
_ERROR_CHARACTERS = 300

_RETRY_TAG = "dagster/will_retry"


@dataclass(frozen=True)
class FailureAlert:
    """What a person has to know of a failed run to decide whether to look at it now.

    Attributes:
        job: name of the job.
        run_id: the failed run.
        partition: partition key, or `first...last` of a range; missing for unpartitioned runs.
        failed_steps: steps that failed, in order; empty if the run died outside its steps.
        error: first line of the first error, without credentials.
        will_retry: whether the daemon starts the run again by itself.
    """

    job: str
    run_id: str
    partition: str | None
    failed_steps: tuple[str, ...]
    error: str
    will_retry: bool

    @property
    def sentence(self) -> str:
        """The alert for people."""
        partition = f" for partition {self.partition}" if self.partition else ""
        steps = f" in {', '.join(self.failed_steps)}" if self.failed_steps else ""
        retry = " It will be retried." if self.will_retry else ""
        return f"Run {self.run_id} of {self.job}{partition} failed{steps}: {self.error}{retry}"

    @property
    def message(self) -> dict[str, Any]:
        """The alert for machines: Slack reads `text`, in which three characters are markup; everything else reads the fields."""
        return {"text": html.escape(self.sentence, quote=False), **asdict(self)}


def describe_failure(run: dg.DagsterRun, failure: dg.DagsterEvent, step_failures: Sequence[dg.DagsterEvent]) -> FailureAlert:
    """Gather what the alert says from the failed run, its failure event and the failure events of its steps."""
    first_event = step_failures[0] if step_failures else failure
    return FailureAlert(
        job=run.job_name,
        run_id=run.run_id,
        partition=partition_label(run.tags),
        failed_steps=tuple(event.step_key for event in step_failures if event.step_key),
        error=_shortened(error_sentence(first_event).partition("\n")[0]),
        # The tag alone is on every run that died; the daemon cannot start again what did not come from a code location.
        will_retry=run.tags.get(_RETRY_TAG) == "true" and run.remote_job_origin is not None,
    )


def run_failure_alerts(webhook_url: str | None) -> dg.SensorDefinition:
    """Return the sensor that reports every failed run of this code location.

    Runs that a person starts in process, such as those of the command line, belong to no code location: that person sees the error.

    Args:
        webhook_url: gets each alert as a JSON POST; may contain a secret and is therefore never logged. None logs only.
    """

    @dg.run_failure_sensor(
        name="run_failure_alerts",
        description="Logs every failed run in one sentence, and sends it to the webhook in MLOPS_ALERT_WEBHOOK_URL if that is set.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
    )
    def _report_failure(context: dg.RunFailureSensorContext) -> None:
        alert = describe_failure(context.dagster_run, context.failure_event, context.get_step_failure_events())
        context.log.error(alert.sentence)
        if webhook_url:
            send_alert(alert, webhook_url, context.log)

    return _report_failure


def send_alert(alert: FailureAlert, webhook_url: str, log: logging.Logger) -> None:
    """POST an alert, once. A webhook that fails is logged without its URL: alerting must not raise alarms about itself.

    It is not repeated, for the waits of several alerts would outlast the sensor's tick. Of the answer the status is read, no more.
    """
    import requests

    try:
        with requests.post(
            webhook_url, json=alert.message, timeout=WEBHOOK_TIMEOUT_S, allow_redirects=False, stream=True
        ) as response:
            status = response.status_code
    except (requests.RequestException, ValueError) as error:
        # The text of these errors contains the URL; their class does not.
        problem = type(error).__name__
    else:
        if 200 <= status < 300:
            return
        problem = f"HTTP status {status}"
    log.warning(f"The alert about run {alert.run_id} did not reach the webhook in MLOPS_ALERT_WEBHOOK_URL: {problem}")


def _shortened(text: str) -> str:
    return text if len(text) <= _ERROR_CHARACTERS else f"{text[: _ERROR_CHARACTERS - 1]}…"
