"""The job and the schedule that compact what has landed in a domain."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.orchestration.compaction import compaction_job, compaction_schedule
from mlops_assets.settings import Settings
from mlops_assets.stores.landing.request_names import RequestNames
from mlops_assets_tests.platforms import StoppedClock

NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


def test_job_compacts_every_landing_and_says_how_many_objects(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Closed days of each landing; the step's output says what was moved, and a second run moves nothing."""
    stores = Settings(data_dir=tmp_path, _env_file=None).build_stores()
    for name, days in (("snapshots", 1), ("reports", 2)):
        for day in range(days + 1):
            moments = [NOON - timedelta(days=day, minutes=minute) for minute in range(3)]
            stores.landing("weather", name).land((RequestNames().name(moment, b"1", "json"), b"1") for moment in moments)
    job = compaction_job("weather", ["snapshots", "reports"])
    for expected in ({"snapshots_count": 3, "reports_count": 6}, {"snapshots_count": 0, "reports_count": 0}):
        result = job.execute_in_process(instance=instance, resources={"stores": stores, "clock": StoppedClock(NOON)})
        [output] = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
        assert {name: value.value for name, value in output.metadata.items()} == expected
    assert len(list(stores.landing("weather", "reports").single_names())) == 3


@pytest.mark.parametrize(("automation_enabled", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_schedule_starts_with_the_automation(automation_enabled: bool, status: str) -> None:
    """As every other schedule, it waits for a person unless automation is on."""
    schedule = compaction_schedule(compaction_job("weather", ["snapshots"]), automation_enabled=automation_enabled)
    assert (schedule.name, schedule.default_status.value) == ("compact_weather_weekly", status)
