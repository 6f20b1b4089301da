"""Jobs, schedules and sensors of this domain: the hourly reading, the nightly model, and when to train earlier."""

from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.assets import model, monitoring, readings
from mlops_assets.donostia_parking.cities import City
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.donostia_parking.model_contracts import FORECAST_CHAMPION
from mlops_assets.donostia_parking.partitions import PARKING_DAYS
from mlops_assets.orchestration.automation import domain_conditions_sensor, schedule_status
from mlops_assets.orchestration.bootstrap import Bootstrap, bootstrap_sensor
from mlops_assets.orchestration.compaction import compaction_job, compaction_schedule
from mlops_assets.orchestration.promotion import jobs_by_hand
from mlops_assets.orchestration.retraining import Retraining, retraining_sensor
from mlops_assets.orchestration.upstream_state import champion_scores_from

_TAGS = {"domain": DOMAIN}
_DATA = dg.AssetSelection.assets(*readings.ASSETS)
_FORECASTS = dg.AssetSelection.assets(*monitoring.ASSETS)
_POLL_SECONDS = 600

READ_PARKING = dg.define_asset_job(
    "read_donostia_parking",
    selection=_DATA,
    description="Land a snapshot, and make readings, car parks and the hourly series of a day, or of many, from what has landed.",
    tags=_TAGS,
)

TRAIN_MODEL = dg.define_asset_job(
    "train_forecast_model",
    selection=dg.AssetSelection.assets(*model.ASSETS),
    description="Train the day's forecast model, measure it, and let it take charge if it passes.",
    tags=_TAGS,
)

FORECAST_PARKING = dg.define_asset_job(
    "forecast_donostia_parking",
    selection=_FORECASTS,
    description="Forecast from a day on, and compare the forecasts of the day before with what happened.",
    tags=_TAGS,
)

FOLLOW_PARKING = dg.define_asset_job(
    "follow_donostia_parking",
    selection=_DATA | _FORECASTS,
    description="What every hour needs: a snapshot, the day's series with it, and forecasts from it.",
    tags=_TAGS,
)

POLL = dg.define_asset_job(
    "poll_donostia_parking",
    selection=dg.AssetSelection.assets(readings.snapshots),
    config={"ops": {"donostia_parking__snapshots": {"config": {"poll_seconds": _POLL_SECONDS, "every_seconds": 15}}}},
    description="Read the feed every 15 seconds for ten minutes; both numbers are configuration.",
    tags=_TAGS,
)

COMPACT = compaction_job(DOMAIN, [readings.SNAPSHOTS])


def days_to_follow(now: datetime, time_zone: str) -> list[LocalDay]:
    """Return the days that a reading of the feed belongs to: today, and in its first hour the day that has just ended."""
    today = LocalDay.of(now, time_zone)
    return [today.plus(-1), today] if now - today.start < timedelta(hours=1) else [today]


def build_schedules(*, automation_enabled: bool) -> list[Any]:
    """Return the schedules, started with the daemon if `automation_enabled`, else waiting for a person to switch them on."""
    return [
        _hourly_schedule(automation_enabled=automation_enabled),
        _nightly_schedule(automation_enabled=automation_enabled),
        compaction_schedule(COMPACT, automation_enabled=automation_enabled),
    ]


def _hourly_schedule(*, automation_enabled: bool) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="donostia_parking_every_hour",
        job=FOLLOW_PARKING,
        cron_schedule="7 * * * *",
        execution_timezone="UTC",
        default_status=schedule_status(automation_enabled),
        description="Seven minutes past every hour: reads the feed and forecasts from it. Without a champion there is no forecast.",
    )
    def every_hour(context: dg.ScheduleEvaluationContext, parking_city: dg.ResourceParam[City]) -> list[dg.RunRequest]:
        now = context.scheduled_execution_time
        # By Dagster's records: a registry that does not answer must not cost a reading, which cannot be made up for.
        champion_from = champion_scores_from(context.instance, model.forecast_champion.key)
        has_champion = champion_from is not None and champion_from <= now
        only = None if has_champion else [key for asset in readings.ASSETS for key in asset.keys]
        return [
            dg.RunRequest(run_key=f"{now.isoformat()}/{day}", partition_key=day.key, asset_selection=only)
            for day in days_to_follow(now, parking_city.time_zone)
        ]

    return every_hour


def _nightly_schedule(*, automation_enabled: bool) -> dg.ScheduleDefinition:
    # A schedule built from the job would take the day that has just begun, which is a partition, too.
    @dg.schedule(
        name="donostia_parking_nightly_model",
        job=TRAIN_MODEL,
        cron_schedule="30 0 * * *",
        execution_timezone=PARKING_DAYS.timezone,
        default_status=schedule_status(automation_enabled),
        description="Trains the model of the day that is over, at half past midnight.",
    )
    def nightly_model(context: dg.ScheduleEvaluationContext, parking_city: dg.ResourceParam[City]) -> dg.RunRequest:
        day = LocalDay.of(context.scheduled_execution_time, parking_city.time_zone).plus(-1)
        return dg.RunRequest(run_key=day.key, partition_key=day.key)

    return nightly_model


def build_sensors(bootstrap: Bootstrap, *, automation_enabled: bool) -> list[dg.SensorDefinition]:
    """Return the sensors, started with the daemon if `automation_enabled`, else waiting for a person to switch them on."""
    return [
        bootstrap_sensor(bootstrap, [READ_PARKING, TRAIN_MODEL, FORECAST_PARKING], automation_enabled=automation_enabled),
        retraining_sensor(RETRAINING, automation_enabled=automation_enabled),
        domain_conditions_sensor(DOMAIN, automation_enabled=automation_enabled),
    ]


RETRAINING = Retraining(
    name="donostia_parking_retraining",
    description="Trains a day's model when forecasts about the day were much worse than the backtest had promised.",
    monitoring_key=monitoring.forecast_accuracy.key,
    data_key=dg.AssetKey([DOMAIN, "hourly_free"]),
    job=TRAIN_MODEL,
    outcome_key=model.forecast_metrics.key,
    model_partition=lambda measured, _now: measured,
    # A day that is not over has no model yet.
    is_trained_anyway=False,
)


JOBS = [
    READ_PARKING,
    TRAIN_MODEL,
    FORECAST_PARKING,
    FOLLOW_PARKING,
    POLL,
    COMPACT,
    *jobs_by_hand(model.forecast_model.key, FORECAST_CHAMPION),
]
