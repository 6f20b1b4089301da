"""A busy store is tried again; bad data is not."""

import logging
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.errors import PermanentError, StoreUnavailableError, TransientError
from mlops_assets.orchestration import failures
from mlops_assets.orchestration.asset_specs import lake_table
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import months_before
from mlops_assets.stores.lake import Lake
from mlops_assets.stores.objects.files import FileStorage
from mlops_assets_tests.orchestration.small_graph import MONTHS, SmallGraph, monthly_readings
from mlops_assets_tests.tables import JANUARY, READINGS, readings

COPY = READINGS.derive("copy", "A copy.")


class FailingStorage(FileStorage):
    """Files that fail the first times they are read or written."""

    def __init__(self, folder: Path, error: Exception, failures: int) -> None:
        super().__init__(folder)
        self.error, self.failures, self.calls = error, failures, 0

    def put(self, name: str, data: Any) -> None:
        self._call()
        super().put(name, data)

    def open(self, name: str) -> Any:
        self._call()
        return super().open(name)

    def _call(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error


class OneLake:
    """Stores with one lake."""

    def __init__(self, storage: FileStorage) -> None:
        self.storage = storage

    def lake(self, _domain: str) -> Lake:
        return Lake(self.storage)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "SECONDS_BETWEEN_RETRIES", 0)


@pytest.fixture
def graph(tmp_path: Path, instance: dg.DagsterInstance) -> SmallGraph:
    return SmallGraph(tmp_path, instance, READINGS, COPY)


def run_over(graph: SmallGraph, storage: FileStorage, *assets: dg.AssetsDefinition, **options: Any) -> dg.ExecuteInProcessResult:
    """Run assets over a lake that fails; the result says how often steps were started again."""
    return graph.run(*assets, stores=OneLake(storage), raise_on_error=False, **options)


def retries(result: dg.ExecuteInProcessResult) -> int:
    return len(result.filter_events(lambda event: event.is_step_restarted))


def test_transient_error_of_a_write_is_retried(graph: SmallGraph, tmp_path: Path) -> None:
    """A store that is busy twice gets what the asset returned at the third attempt."""
    storage = FailingStorage(tmp_path / "lake", TransientError("busy"), failures=2)
    result = run_over(graph, storage, monthly_readings, month="2024-01")
    assert result.success
    assert retries(result) == 2
    assert list(graph.lake.partitions(("weather", "readings"))) == ["2024-01"]


@pytest.mark.parametrize("input_type", [pd.DataFrame, PartitionedFrames])
def test_transient_error_of_a_read_is_retried(graph: SmallGraph, tmp_path: Path, input_type: type) -> None:
    """Whether rows are loaded before the asset or while it looks at them."""
    graph.run(monthly_readings, month="2024-01")

    @dg.asset(**lake_table(COPY), partitions_def=MONTHS, ins={"readings": dg.AssetIn(dagster_type=input_type)})
    def copy(readings: Any) -> pd.DataFrame:
        return readings["2024-01"] if isinstance(readings, PartitionedFrames) else readings

    storage = FailingStorage(tmp_path / "lake", TransientError("busy"), failures=1)
    result = run_over(graph, storage, monthly_readings, copy, only=[copy], month="2024-01")
    assert result.success
    assert retries(result) == 1


def warnings_of(graph: SmallGraph, result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the warnings in the log of a run, as the UI lists them."""
    return [entry.user_message for entry in graph.instance.all_logs(result.run_id) if entry.level == logging.WARNING]


def test_log_of_the_run_says_why_it_is_retried(graph: SmallGraph, tmp_path: Path) -> None:
    """Each attempt that fails is a warning that names the partition and the reason, of a write as of a read."""
    busy = StoreUnavailableError("s3://lake/object: 503 SlowDown")
    result = run_over(graph, FailingStorage(tmp_path / "lake", busy, failures=2), monthly_readings, month="2024-01")
    assert (
        warnings_of(graph, result)
        == ["cannot write weather/readings, month 2024-01: s3://lake/object: 503 SlowDown (transient; up to 3 retries, 0 s apart)"]
        * 2
    )

    @dg.asset(**lake_table(COPY), partitions_def=MONTHS)
    def copy(readings: pd.DataFrame) -> pd.DataFrame:
        return readings

    storage = FailingStorage(tmp_path / "lake", busy, failures=1)
    result = run_over(graph, storage, monthly_readings, copy, only=[copy], month="2024-01")
    assert warnings_of(graph, result) == [
        "cannot read weather/readings, month 2024-01: s3://lake/object: 503 SlowDown (transient; up to 3 retries, 0 s apart)"
    ]


def test_retry_of_a_window_is_seen_from_its_threads(graph: SmallGraph, tmp_path: Path) -> None:
    """Months that are loaded side by side are retried and logged like one that is loaded alone."""
    graph.run(monthly_readings, months=("2024-01", "2024-02"))

    @dg.asset(
        **lake_table(COPY),
        partitions_def=MONTHS,
        ins={"readings": dg.AssetIn(partition_mapping=months_before(2), dagster_type=pd.DataFrame)},
    )
    def copy(readings: pd.DataFrame) -> pd.DataFrame:
        return readings

    storage = FailingStorage(tmp_path / "lake", StoreUnavailableError("busy"), failures=1)
    result = run_over(graph, storage, monthly_readings, copy, only=[copy], month="2024-03")
    assert result.success
    (warning,) = warnings_of(graph, result)
    assert re.match(r"cannot read weather/readings, month 2024-0[12]: busy", warning)


def test_patience_ends(graph: SmallGraph, tmp_path: Path) -> None:
    """A store that stays busy fails the run after the last retry."""
    storage = FailingStorage(tmp_path / "lake", TransientError("busy"), failures=99)
    result = run_over(graph, storage, monthly_readings, month="2024-01")
    assert not result.success
    assert retries(result) == failures.MAX_RETRIES
    assert storage.calls == failures.MAX_RETRIES + 1


@pytest.mark.parametrize("error", [PermanentError("no such bucket"), OSError("disk full")])
def test_permanent_and_unknown_errors_fail_at_once(graph: SmallGraph, tmp_path: Path, error: Exception) -> None:
    """What time cannot cure, or what nobody has thought of, is not tried again."""
    storage = FailingStorage(tmp_path / "lake", error, failures=1)
    result = run_over(graph, storage, monthly_readings, month="2024-01")
    assert not result.success
    assert storage.calls == 1


@pytest.mark.parametrize(("error", "attempts"), [(TransientError("throttled"), 2), (PermanentError("HTML"), 1)])
def test_asset_body_may_use_the_same_rule(graph: SmallGraph, error: Exception, attempts: int) -> None:
    """An asset that asks a service wraps the call; Dagster does the rest."""
    calls = []

    @dg.asset(**lake_table(READINGS), partitions_def=MONTHS)
    def asks() -> pd.DataFrame:
        with failures.retrying_transient_errors():
            calls.append(1)
            if len(calls) == 1:
                raise error
        return readings(JANUARY, 1.0)

    result = graph.run(asks, month="2024-01", raise_on_error=False)
    assert result.success == isinstance(error, TransientError)
    assert len(calls) == attempts
