"""Let Dagster retry what time may cure, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from mlops_assets.errors import TransientError

MAX_RETRIES = 3
SECONDS_BETWEEN_RETRIES = 30
"""Long enough for a throttled service or a restarted server to recover, short enough not to be taken for a hang."""


@contextmanager
def retrying_transient_errors() -> Iterator[None]:
    """Turn a transient error inside the block into a retry of the step; every other error ends the step at once."""
    try:
        yield
    except TransientError as error:
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=SECONDS_BETWEEN_RETRIES) from error
