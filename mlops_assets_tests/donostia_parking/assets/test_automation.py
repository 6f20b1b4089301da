"""Schedules, sensors and jobs: what they ask for, and when."""

from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.build import build_definitions
from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.assets.automation import days_to_follow
from mlops_assets.donostia_parking.cities import DONOSTIA
from mlops_assets.orchestration.clock import Clock
from mlops_assets_tests.donostia_parking.snapshots import utc
from mlops_assets_tests.platforms import Platform, recorded_snapshots

HOURLY, NIGHTLY = "donostia_parking_every_hour", "donostia_parking_nightly_model"
SENSORS = ("donostia_parking_retraining", "donostia_parking_conditions")
ACCURACY, CHAMPION = dg.AssetKey([DOMAIN, "forecast_accuracy"]), dg.AssetKey([DOMAIN, "forecast_champion"])
DATA = {
    dg.AssetKey([DOMAIN, name])
    for name in ("snapshots", "export_files", "readings", "rejected_readings", "car_park_sightings", "car_parks", "hourly_free")
}


@pytest.mark.parametrize(
    ("now", "days"),
    [
        ("2022-04-01 10:07", ["2022-04-01"]),
        ("2022-04-01 21:59:59", ["2022-04-01"]),
        ("2022-04-01 22:00", ["2022-04-01", "2022-04-02"]),
        ("2022-04-01 22:59:59", ["2022-04-01", "2022-04-02"]),
        ("2022-04-01 23:00", ["2022-04-02"]),
        ("2022-01-10 22:07", ["2022-01-10"]),
        ("2022-01-10 23:07", ["2022-01-10", "2022-01-11"]),
        # Clocks go forward at 01:00 UTC, and back at 01:00 UTC.
        ("2022-03-26 23:07", ["2022-03-26", "2022-03-27"]),
        ("2022-03-27 01:07", ["2022-03-27"]),
        ("2022-03-27 22:07", ["2022-03-27", "2022-03-28"]),
        ("2022-10-29 22:07", ["2022-10-29", "2022-10-30"]),
        ("2022-10-30 01:07", ["2022-10-30"]),
        ("2022-10-30 22:07", ["2022-10-30"]),
        ("2022-10-30 23:07", ["2022-10-30", "2022-10-31"]),
    ],
)
def test_reading_belongs_to_today_and_in_its_first_hour_to_yesterday(now: str, days: list[str]) -> None:
    """The last snapshot of a day is known for good only when the day is over."""
    assert [day.key for day in days_to_follow(utc(now), DONOSTIA.time_zone)] == days


def tick(platform: Platform, schedule: str, at: datetime) -> list[dg.RunRequest]:
    """Return what a schedule asks for at a moment."""
    data = platform.definitions.resolve_schedule_def(schedule).evaluate_tick(
        dg.build_schedule_context(
            instance=platform.instance,
            scheduled_execution_time=at,
            repository_def=platform.definitions.get_repository_def(),
            resources={"parking_city": DONOSTIA},
        )
    )
    return list(data.run_requests or [])


def test_hourly_runs_forecast_as_soon_as_a_champion_may(tmp_path: Path) -> None:
    """Before there is one, and for a champion that has seen the hour, only data are read; each tick and day is asked for once.

    The tick asks Dagster's records and no registry: one that does not answer must not cost a reading.
    """
    midnight, hour_before = utc("2022-03-27 22:07"), utc("2022-03-27 21:07")
    with dg.instance_for_test() as instance:
        platform = Platform(tmp_path, instance)
        without = tick(platform, HOURLY, midnight)
        assert [request.partition_key for request in without] == ["2022-03-27", "2022-03-28"]
        assert [set(request.asset_selection or []) for request in without] == [DATA, DATA]
        assert len({request.run_key for request in without}) == 2
        champion = dg.AssetMaterialization(CHAMPION, metadata={"scores_from": utc("2022-03-27 22:00").isoformat()})
        instance.report_runless_asset_event(champion)
        assert [request.asset_selection for request in tick(platform, HOURLY, midnight)] == [None, None]
        assert [set(request.asset_selection or []) for request in tick(platform, HOURLY, hour_before)] == [DATA]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2022-04-01 22:30", "2022-04-01"),
        ("2022-03-26 23:30", "2022-03-26"),
        ("2022-03-27 22:30", "2022-03-27"),
        ("2022-10-30 23:30", "2022-10-30"),
    ],
)
def test_night_trains_the_model_of_the_day_that_is_over(
    tmp_path: Path, instance: dg.DagsterInstance, moment: str, day: str
) -> None:
    """Half past midnight in Donostia is an hour earlier by UTC in summer; the day just begun has no model yet."""
    platform = Platform(tmp_path, instance)
    schedule = platform.definitions.resolve_schedule_def(NIGHTLY)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 0 * * *", DONOSTIA.time_zone)
    assert [request.partition_key for request in tick(platform, NIGHTLY, utc(moment))] == [day]


def test_retraining_sensor_trains_the_day_that_was_far_off(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """It reads what the accuracy's materialization says, and gives the reason to the run."""
    platform = Platform(tmp_path, instance)
    sensor = platform.definitions.resolve_sensor_def("donostia_parking_retraining")

    def look(cursor: str | None, due: bool, day: str) -> Any:
        said: dict[str, Any] = {"is_retraining_due": due, "reasons": "the city's mean error is 700 spaces"}
        instance.report_runless_asset_event(dg.AssetMaterialization(ACCURACY, partition=day, metadata=said))
        context = dg.build_sensor_context(
            instance=instance, definitions=platform.definitions, cursor=cursor, resources={"clock": Clock()}
        )
        return sensor.evaluate_tick(context)

    quiet = look(None, due=False, day="2022-04-02")
    assert not quiet.run_requests
    [request] = look(quiet.cursor, due=True, day="2022-04-03").run_requests
    assert (request.partition_key, request.tags["reason"]) == ("2022-04-03", "the city's mean error is 700 spaces")
    assert sensor.job_name == "train_forecast_model"


def test_burst_reads_every_15_seconds_for_ten_minutes(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """The job comes with its configuration, which Dagster accepts."""
    job = Platform(tmp_path, instance).definitions.resolve_job_def("poll_donostia_parking")
    assert job.run_config == {"ops": {"donostia_parking__snapshots": {"config": {"poll_seconds": 600, "every_seconds": 15}}}}
    config = dg.validate_run_config(job, dict(job.run_config))["ops"]["donostia_parking__snapshots"]["config"]
    assert (config["poll_seconds"], config["every_seconds"], config["mode"]) == (600, 15, "live")


@pytest.mark.parametrize("automation", ["on", "off"])
def test_one_setting_starts_everything(tmp_path: Path, instance: dg.DagsterInstance, automation: str) -> None:
    """Automation waits for a person unless the setting says otherwise."""
    settings = Platform(tmp_path, instance).settings.model_copy(update={"automation": automation})
    definitions = build_definitions(settings)
    assert {definitions.resolve_sensor_def(name).default_status.value == "RUNNING" for name in SENSORS} == {automation == "on"}
    schedules = {definitions.resolve_schedule_def(name).default_status.value == "RUNNING" for name in (HOURLY, NIGHTLY)}
    assert schedules == {automation == "on"}


def test_changed_readings_are_followed_by_themselves(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """A day read again changes its hours and the morning of the next day, and may change the car parks."""
    platform = Platform(tmp_path, instance)
    platform.run("read_donostia_parking", days=("2022-03-01", "2022-03-04"), ops=recorded_snapshots("2022-03-01", "2022-03-02"))
    first = dg.evaluate_automation_conditions(platform.definitions, instance)
    platform.materialize("readings", "rejected_readings", "car_park_sightings", domain=DOMAIN, day="2022-03-02")
    second = dg.evaluate_automation_conditions(platform.definitions, instance, cursor=first.cursor)
    assert set(second.get_requested_partitions(dg.AssetKey([DOMAIN, "hourly_free"]))) == {"2022-03-02", "2022-03-03"}
    assert second.get_num_requested(dg.AssetKey([DOMAIN, "car_parks"])) == 1
    for model in ("training_window", "forecast_model", "forecasts"):
        assert second.get_num_requested(dg.AssetKey([DOMAIN, model])) == 0
