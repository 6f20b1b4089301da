"""Fixtures that every test may use."""

from collections.abc import Iterator

import dagster as dg
import pytest

# Console logging of every event at DEBUG costs more than most of the tests, and hides their failures.
_QUIET = {"python_logs": {"python_log_level": "WARNING"}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Give a fresh Dagster instance that lives in memory and logs warnings only."""
    with dg.DagsterInstance.ephemeral(settings=_QUIET) as fresh_instance:
        yield fresh_instance
