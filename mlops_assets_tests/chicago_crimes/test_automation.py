"""Schedules and sensors: what they ask for, and that what they ask for runs."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.automation import months_to_read, retraining_request
from mlops_assets.chicago_crimes.sample import SampleCrimeSource
from mlops_assets.months import Month
from mlops_assets_tests.platforms import Platform

JANUARY, FEBRUARY, MARCH, APRIL = (Month(2024, number) for number in range(1, 5))
SENSORS = ("chicago_crimes_changed_months", "chicago_crimes_retraining", "chicago_crimes_conditions")


def test_only_loaded_and_newer_months_are_read_again() -> None:
    """A change to a month that nobody loaded is left to a backfill; a month that is not over is no partition yet."""
    changed = [Month(2005, 3), JANUARY, MARCH, APRIL]
    assert months_to_read(changed, materialized=[JANUARY, FEBRUARY], available=[Month(2005, 3), JANUARY, FEBRUARY, MARCH]) == [
        JANUARY,
        MARCH,
    ]


def test_nothing_is_read_before_the_first_backfill() -> None:
    """Switching the sensor on does not load the portal's history."""
    assert months_to_read([JANUARY], materialized=[], available=[JANUARY]) == []


def test_drift_within_limits_asks_for_nothing() -> None:
    """No run is requested when the drift asset says that nothing is due."""
    assert retraining_request("2024-01", is_due=False, reasons="within limits", model_month="2024-03") is None


def test_drift_trains_the_current_model_once() -> None:
    """The run key is the same however often the month's drift is measured."""
    first, second = (retraining_request("2024-01", is_due=True, reasons="AUC fell", model_month="2024-03") for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.partition_key, first.run_key) == ("2024-03", second.run_key)


def tick(platform: Platform, source: Any, cursor: str | None) -> dg.SensorResult:
    """Evaluate the changed-months sensor against a source."""
    sensor = platform.definitions.resolve_sensor_def("chicago_crimes_changed_months")
    context = dg.build_sensor_context(
        instance=platform.instance, cursor=cursor, definitions=platform.definitions, resources={"crime_source": source}
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_late_arrests_read_exactly_the_months_that_changed(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """The portal hears of arrests in months already read; exactly these are requested, and reading them again shows the arrests."""
    platform = Platform(tmp_path, instance, sample_as_of=datetime(2024, 4, 9, tzinfo=timezone.utc))
    platform.run("read_chicago_crimes", months=("2023-12", "2024-04"))
    loaded = {Month(2023, 12), JANUARY, FEBRUARY, MARCH, APRIL}
    before = SampleCrimeSource(20240101, 24_000, as_of=datetime(2024, 4, 9, tzinfo=timezone.utc))
    after = SampleCrimeSource(20240101, 24_000, as_of=datetime(2024, 4, 12, tzinfo=timezone.utc))
    first = tick(platform, before, None)
    assert first.run_requests == []
    assert first.cursor is not None
    second = tick(platform, after, first.cursor)
    changed = {month for month in loaded if differs(before, after, month)}
    assert {Month.parse(request.partition_key or "") for request in second.run_requests or []} == changed
    assert changed
    assert tick(platform, after, second.cursor).run_requests == []


def differs(before: SampleCrimeSource, after: SampleCrimeSource, month: Month) -> bool:
    return not before.read_month(month).table.equals(after.read_month(month).table)


def test_unreadable_cursor_starts_over(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """A cursor of another source, as after a change of settings, counts as none."""
    source = SampleCrimeSource(1, 24_000, as_of=datetime(2024, 4, 9, tzinfo=timezone.utc))
    result = tick(Platform(tmp_path, instance), source, '{"export": {}}')
    assert result.run_requests == []


def test_schedule_reads_the_month_that_is_over(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """On 9 February the run is January's."""
    definitions = Platform(tmp_path, instance).definitions
    schedule = definitions.resolve_schedule_def("chicago_crimes_new_month")
    data = schedule.evaluate_tick(
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2024, 2, 9, 12, tzinfo=timezone.utc),
            repository_def=definitions.get_repository_def(),
        )
    )
    assert [request.partition_key for request in data.run_requests or []] == ["2024-01"]


@pytest.mark.parametrize("automation", ["on", "off"])
def test_one_setting_starts_everything(tmp_path: Path, instance: dg.DagsterInstance, automation: str) -> None:
    """Automation waits for a person unless the setting says otherwise; alerts are always on."""
    platform = Platform(tmp_path, instance)
    platform.settings.automation = automation  # type: ignore[assignment]
    from mlops_assets.build import build_definitions

    definitions = build_definitions(platform.settings)
    expected = dg.DefaultSensorStatus.RUNNING if automation == "on" else dg.DefaultSensorStatus.STOPPED
    assert {definitions.resolve_sensor_def(name).default_status for name in SENSORS} == {expected}
    assert definitions.resolve_sensor_def("run_failure_alerts").default_status == dg.DefaultSensorStatus.RUNNING


@pytest.mark.parametrize("months", [("2023-11", "2023-11"), ("2023-11", "2023-12")])
def test_changed_crimes_are_enriched_by_themselves(tmp_path: Path, instance: dg.DagsterInstance, months: tuple[str, str]) -> None:
    """When old months of raw crimes are read again, alone or as a range in one run, exactly their enrichment is requested."""
    platform = Platform(tmp_path, instance)
    platform.run("read_chicago_crimes", months=("2023-11", "2024-01"))
    first = dg.evaluate_automation_conditions(platform.definitions, instance)
    platform.materialize("raw_crimes", "rejected_crimes", months=months)
    second = dg.evaluate_automation_conditions(platform.definitions, instance, cursor=first.cursor)
    assert set(second.get_requested_partitions(dg.AssetKey([DOMAIN, "enriched_crimes"]))) == set(months)
