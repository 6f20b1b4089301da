"""Jobs, schedules and sensors of this domain: the stream, the day's model, and when to train earlier."""

from datetime import datetime, timezone
from typing import Any

import dagster as dg

from mlops_assets.orchestration.automation import domain_conditions_sensor, schedule_status
from mlops_assets.orchestration.bootstrap import Bootstrap, bootstrap_sensor
from mlops_assets.orchestration.compaction import compaction_job, compaction_schedule
from mlops_assets.orchestration.promotion import jobs_by_hand
from mlops_assets.orchestration.retraining import Retraining, retraining_sensor
from mlops_assets.orchestration.served_predictions import served_job
from mlops_assets.orchestration.stream_sensor import stream_sensor
from mlops_assets.orchestration.streams import accept_loss_job, replay_job
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.assets import events, model, monitoring
from mlops_assets.song_popularity.assets.sample_events import send_sample_events
from mlops_assets.song_popularity.model_contracts import POPULARITY_CHAMPION
from mlops_assets.song_popularity.partitions import EVENT_DAYS

_TAGS = {"domain": DOMAIN}
_DAY = dg.AssetSelection.assets(events.events, events.spotify_events)
# It looks into every batch that has ever landed, and counts the rows of every day: far too much after a few messages.
_ACCOUNT = dg.AssetSelection.checks(events.ACCOUNT)
_PREDICTIONS = dg.AssetSelection.assets(*monitoring.PREDICTIONS)

FOLLOW_EVENTS = dg.define_asset_job(
    "follow_song_popularity",
    selection=(dg.AssetSelection.assets(events.event_batches) | _DAY | _PREDICTIONS) - _ACCOUNT,
    description="A micro-batch of the stream: land what is new, and read and predict the events of today with it.",
    tags=_TAGS,
)

REFRESH_EVENTS = dg.define_asset_job(
    "refresh_song_popularity",
    selection=_DAY | _PREDICTIONS,
    description="Read the events of a day, or of many, from what has landed, and predict them.",
    tags=_TAGS,
)

READ_EVENTS = dg.define_asset_job(
    "read_song_popularity",
    selection=(dg.AssetSelection.assets(events.event_batches, events.event_documents_asset) | _DAY) - _ACCOUNT,
    description="Land what is new, and make events, the original's table and documents of a day, or of many.",
    tags=_TAGS,
)

ACCOUNT_FOR_EVENTS = dg.define_asset_job(
    "account_for_song_popularity",
    selection=_ACCOUNT,
    description="Compare what has landed with what is in the tables, over all days.",
    tags=_TAGS,
)

LOOK_AT_STREAM = dg.define_asset_job(
    "look_at_song_popularity_stream",
    selection=dg.AssetSelection.assets(events.stream_health),
    description="Note how far landing is behind the log, and how many dead letters there are, for dashboards.",
    tags=_TAGS,
)

READ_HISTORY = dg.define_asset_job(
    "read_song_popularity_history",
    selection=dg.AssetSelection.assets(events.history),
    description="Read recorded files, or the beginning of the log, as history: a bounded batch. The configuration says which.",
    tags=_TAGS,
)

LIST_TRACKS = dg.define_asset_job(
    "list_song_popularity_tracks",
    selection=dg.AssetSelection.assets(events.tracks),
    description="Put together what is known of every track.",
    tags=_TAGS,
)

TRAIN_MODEL = dg.define_asset_job(
    "train_popularity_model",
    selection=dg.AssetSelection.assets(*model.ASSETS),
    description="Train the day's model from the ninety days before, evaluate it, and let it challenge the champion. Also by hand.",
    tags=_TAGS,
)

MONITOR = dg.define_asset_job(
    "monitor_song_popularity",
    selection=dg.AssetSelection.assets(monitoring.popularity_accuracy, monitoring.popularity_drift),
    description="Compare a day's predictions with the popularity seen later, and its events with the training tracks.",
    tags=_TAGS,
)

COMPACT = compaction_job(DOMAIN, [events.STREAM.name])


def build_schedules(*, automation_enabled: bool) -> list[Any]:
    """Return the schedules, started with the daemon if `automation_enabled`, else waiting for a person to switch them on."""
    return [
        _daily_model_schedule(automation_enabled=automation_enabled),
        dg.ScheduleDefinition(
            name="song_popularity_daily_account",
            job=ACCOUNT_FOR_EVENTS,
            cron_schedule="25 1 * * *",
            execution_timezone="UTC",
            default_status=schedule_status(automation_enabled),
            description="Accounts for every message that has landed, at twenty-five past one (UTC).",
        ),
        dg.ScheduleDefinition(
            name="song_popularity_stream_health",
            job=LOOK_AT_STREAM,
            cron_schedule="*/10 * * * *",
            execution_timezone="UTC",
            default_status=schedule_status(automation_enabled),
            description="Notes every ten minutes how far landing is behind the log.",
        ),
        compaction_schedule(COMPACT, automation_enabled=automation_enabled),
    ]


def _daily_model_schedule(*, automation_enabled: bool) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="song_popularity_daily_model",
        job=TRAIN_MODEL,
        cron_schedule="40 0 * * *",
        execution_timezone="UTC",
        default_status=schedule_status(automation_enabled),
        description="Trains the day's model from the days that are over, at twenty to one (UTC).",
    )
    def daily_model(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        key = context.scheduled_execution_time.astimezone(timezone.utc).strftime(EVENT_DAYS.fmt)
        return dg.RunRequest(run_key=key, partition_key=key)

    return daily_model


def build_sensors(bootstrap: Bootstrap, *, automation_enabled: bool) -> list[dg.SensorDefinition]:
    """Return the sensors, started with the daemon if `automation_enabled`, else waiting for a person to switch them on."""
    return [
        bootstrap_sensor(
            bootstrap, [READ_EVENTS, READ_HISTORY, TRAIN_MODEL, REFRESH_EVENTS], automation_enabled=automation_enabled
        ),
        stream_sensor(
            events.STREAM,
            follow_job=FOLLOW_EVENTS,
            day_job=REFRESH_EVENTS,
            day_keys=[key for asset in (events.events, events.spotify_events) for key in asset.keys],
            champion_key=model.popularity_champion.key,
            partitions=EVENT_DAYS,
            automation_enabled=automation_enabled,
        ),
        retraining_sensor(RETRAINING, automation_enabled=automation_enabled),
        domain_conditions_sensor(DOMAIN, automation_enabled=automation_enabled),
    ]


def _todays_model(_measured: str, now: datetime) -> str:
    return now.astimezone(timezone.utc).strftime(EVENT_DAYS.fmt)


RETRAINING = Retraining(
    name="song_popularity_retraining",
    description="Trains today's model again when a day's predictions were right less often than the settings ask for.",
    monitoring_key=monitoring.popularity_accuracy.key,
    data_key=dg.AssetKey([DOMAIN, "events"]),
    job=TRAIN_MODEL,
    outcome_key=model.spotify_model_metrics.key,
    model_partition=_todays_model,
    is_trained_anyway=True,
)


JOBS = [
    send_sample_events,
    FOLLOW_EVENTS,
    REFRESH_EVENTS,
    READ_EVENTS,
    ACCOUNT_FOR_EVENTS,
    LOOK_AT_STREAM,
    READ_HISTORY,
    LIST_TRACKS,
    TRAIN_MODEL,
    MONITOR,
    COMPACT,
    accept_loss_job(events.STREAM),
    replay_job(events.STREAM),
    served_job(monitoring.SERVED_MODEL),
    *jobs_by_hand(model.popularity_model.key, POPULARITY_CHAMPION),
]
