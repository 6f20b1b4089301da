"""Jobs, schedules and sensors of this domain: the first year, the month's schedule, late arrests, and when to train again."""

from typing import Any

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.chicago_crimes.assets import features, model, monitoring
from mlops_assets.chicago_crimes.assets.bootstrap import is_published
from mlops_assets.chicago_crimes.assets.crimes import enriched_crimes, export_files, police_stations, raw_crimes
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION
from mlops_assets.chicago_crimes.sources.base import CrimeSource
from mlops_assets.chicago_crimes.sources.changed_months import OpenMonths, months_to_read
from mlops_assets.months import Month
from mlops_assets.orchestration.automation import domain_conditions_sensor, schedule_status, sensor_status
from mlops_assets.orchestration.bootstrap import Bootstrap, bootstrap_sensor
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.compaction import compaction_job
from mlops_assets.orchestration.partitions import holds_partition
from mlops_assets.orchestration.promotion import jobs_by_hand
from mlops_assets.orchestration.requests import Work, ask_for_all, runs_holding, was_made
from mlops_assets.orchestration.retraining import Retraining, retraining_sensor
from mlops_assets.orchestration.served_predictions import served_job

PORTAL_PAGES = "portal_pages"
"""What the pages of the live portal are kept under in the lake. No asset: `raw_crimes` lands them and reads them in one step."""

RAW_CRIMES_KEY = dg.AssetKey([DOMAIN, "raw_crimes"])

_ASKED_EVERY_S = 3_600
"""How often the source is asked for changes."""

READ_CRIMES = dg.define_asset_job(
    "read_chicago_crimes",
    selection=dg.AssetSelection.assets(police_stations, raw_crimes, export_files, enriched_crimes),
    description="Read the police stations and a month of crimes, again or for the first time, and enrich them.",
    tags={"domain": DOMAIN},
)

TRAIN_MODEL = dg.define_asset_job(
    "train_arrest_model",
    selection=dg.AssetSelection.assets(*features.ASSETS, *model.ASSETS),
    description="Train the month's model from its training window, evaluate it, and let it challenge the champion.",
    tags={"domain": DOMAIN},
)

SCORE_MONTH = dg.define_asset_job(
    "score_chicago_crimes",
    selection=dg.AssetSelection.assets(monitoring.arrest_predictions, monitoring.arrest_drift),
    description="Score a month by the champion that knew only earlier months, and measure its drift.",
    tags={"domain": DOMAIN},
)

COMPACT = compaction_job(DOMAIN, [PORTAL_PAGES])


def build_schedules(*, automation_enabled: bool) -> list[Any]:
    """Return the schedules, started with the daemon if `automation_enabled`, else waiting for a person to switch them on."""
    return [
        dg.build_schedule_from_partitioned_job(
            READ_CRIMES,
            name="chicago_crimes_new_month",
            description="Reads the month that is over on the 9th, when the portal has published it.",
            day_of_month=9,
            hour_of_day=6,
            default_status=schedule_status(automation_enabled),
        ),
    ]


def build_sensors(bootstrap: Bootstrap, *, automation_enabled: bool) -> list[dg.SensorDefinition]:
    """Return the sensors, started with the daemon if `automation_enabled`, else waiting for a person to switch them on."""
    return [
        bootstrap_sensor(bootstrap, [READ_CRIMES, TRAIN_MODEL, SCORE_MONTH], automation_enabled=automation_enabled),
        _changed_months_sensor(automation_enabled=automation_enabled),
        retraining_sensor(RETRAINING, automation_enabled=automation_enabled),
        domain_conditions_sensor(DOMAIN, automation_enabled=automation_enabled),
    ]


def _changed_months_sensor(*, automation_enabled: bool) -> dg.SensorDefinition:
    @dg.sensor(
        name="chicago_crimes_changed_months",
        job=READ_CRIMES,
        minimum_interval_seconds=_ASKED_EVERY_S,
        default_status=sensor_status(automation_enabled),
        description="Asks the source which months changed since it last asked (arrests are recorded late) and reads those again.",
    )
    def changed_months(
        context: dg.SensorEvaluationContext, crime_source: dg.ResourceParam[CrimeSource], clock: dg.ResourceParam[Clock]
    ) -> dg.SensorResult:
        now, instance = clock.now(), context.instance
        state = OpenMonths.parse(context.cursor)
        changes = crime_source.changed_months(state.source_cursor)
        # A run that is at work may have read a month before it changed. Of one that ends in this moment, the month is there.
        reading = runs_holding(instance, RAW_CRIMES_KEY, READ_CRIMES.name)
        materialized = {Month.parse(key) for key in instance.get_materialized_partitions(RAW_CRIMES_KEY)}
        being_read = {month for month in changes.months if any(holds_partition(run.tags, month.key) for run in reading)}
        read_again = months_to_read(changes.months, materialized | being_read)
        state.source_cursor = changes.cursor
        state.since |= {month.key: now.timestamp() for month in read_again}
        state.since = {key: at for key, at in state.since.items() if not was_made(instance, RAW_CRIMES_KEY, key, at)}
        ready = [key for key in sorted(state.since) if is_published(Month.parse(key), now) or Month.parse(key) in materialized]
        work = [Work(f"{key} changed {state.since[key]:.0f}", key, state.since[key]) for key in ready]
        requests, waiting = ask_for_all(instance, READ_CRIMES.name, work, now)
        skipped = [str(month) for month in changes.months if month not in read_again]
        waiting += [f"{key} is not published yet" for key in sorted(set(state.since) - set(ready))]
        waiting += [f"Changed but not loaded here: {', '.join(skipped)}"] if skipped else []
        return dg.SensorResult(
            run_requests=requests,
            cursor=state.dump(),
            skip_reason=None if requests else "; ".join(waiting) or "No month that is loaded here has changed.",
        )

    return changed_months


RETRAINING = Retraining(
    name="chicago_crimes_retraining",
    description="Trains the current month's model again when drift or observed performance crossed its limit.",
    monitoring_key=monitoring.arrest_drift.key,
    data_key=enriched_crimes.key,
    job=TRAIN_MODEL,
    outcome_key=model.arrest_evaluation.key,
    # The current month's model is the one that learns from the months before it.
    model_partition=lambda _measured, now: Month.of(now, TIME_ZONE).key,
    is_trained_anyway=True,
)


JOBS = [
    READ_CRIMES,
    TRAIN_MODEL,
    SCORE_MONTH,
    COMPACT,
    served_job(monitoring.SERVED_MODEL),
    *jobs_by_hand(model.arrest_model.key, ARREST_CHAMPION),
]
