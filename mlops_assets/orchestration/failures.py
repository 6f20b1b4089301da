"""Let Dagster retry what time may cure, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from mlops_assets.errors import PlatformError, TransientError
from mlops_assets.urls import redact_text

_FAILED_CHECK = "DagsterAssetCheckFailedError"

MAX_RETRIES = 3
SECONDS_BETWEEN_RETRIES = 30
"""Long enough for a throttled service or a restarted server to recover, short enough not to be taken for a hang."""


@contextmanager
def error_context(subject: str) -> Iterator[None]:
    """Put what is being made, an asset and its partition, before the message of an error that is raised inside the block.

    Sources and pure functions know files and columns; only the asset knows for whom they work.
    """
    try:
        yield
    except PlatformError as error:
        raise type(error)(f"{subject}: {error}") from error


@contextmanager
def retrying_transient_errors() -> Iterator[None]:
    """Turn a transient error inside the block into a retry of the step; every other error ends the step at once."""
    try:
        yield
    except TransientError as error:
        # The event of a retry does not say why; a line in the log of the run does. This logger finds the run by itself, also from
        # other threads of the step.
        dg.get_dagster_logger().warning(f"{error} (transient; up to {MAX_RETRIES} retries, {SECONDS_BETWEEN_RETRIES} s apart)")
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=SECONDS_BETWEEN_RETRIES) from error


def error_sentence(event: dg.DagsterEvent) -> str:
    """Return what our code raised, by the class and the message of the error, without credentials.

    Dagster wraps it in errors of its own that name only the step; after the last retry, one of them is the request for another.

    Args:
        event: the failure of a step or of a run.
    """
    error: Any = getattr(event.event_specific_data, "error", None)
    while error and error.cause and str(error.cls_name).startswith(("Dagster", "RetryRequested")):
        error = error.cause
    if error is None:
        return redact_text((event.message or "").strip() or "no error was recorded")
    # Dagster's text begins with the class and its module.
    _, named, message = error.message.partition(f"{error.cls_name}: ")
    text = message if named else error.message
    if error.cls_name == _FAILED_CHECK:
        # It lists asset and checks on lines of their own.
        text = " ".join(text.split())
    return redact_text(f"{error.cls_name}: {text.strip()}")
