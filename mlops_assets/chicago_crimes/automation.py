"""Jobs, schedules and sensors of this domain: the month's schedule, late arrests, and when to train again."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.assets import features, model, monitoring
from mlops_assets.chicago_crimes.assets.crimes import enriched_crimes, police_stations, raw_crimes
from mlops_assets.chicago_crimes.partitions import CRIME_MONTHS, MODEL_MONTHS
from mlops_assets.chicago_crimes.source import CrimeSource
from mlops_assets.months import Month
from mlops_assets.orchestration.automation import domain_conditions_sensor, schedule_status, sensor_status
from mlops_assets.orchestration.promotion import rollback_job

RAW_CRIMES_KEY = dg.AssetKey([DOMAIN, "raw_crimes"])
DRIFT_KEY = monitoring.arrest_drift.key

READ_CRIMES = dg.define_asset_job(
    "read_chicago_crimes",
    selection=dg.AssetSelection.assets(police_stations, raw_crimes, enriched_crimes),
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
    selection=dg.AssetSelection.assets(*monitoring.ASSETS),
    description="Score a month by the champion that knew only earlier months, and measure its drift.",
    tags={"domain": DOMAIN},
)


def months_to_read(changed: Sequence[Month], materialized: Sequence[Month], available: Sequence[Month]) -> list[Month]:
    """Return the changed months that are worth reading: those read before, and new ones after the latest of them.

    A change to a year that nobody has loaded is no reason to load that year; a backfill does that.

    Args:
        changed: what the source says.
        materialized: months of `raw_crimes` that exist.
        available: months that are partitions by now; the current month is not.
    """
    if not materialized:
        return []
    known, latest, legal = set(materialized), max(materialized), set(available)
    return [month for month in changed if month in legal and (month in known or month > latest)]


def retraining_request(drifted_month: str, is_due: bool, reasons: str, model_month: str) -> dg.RunRequest | None:
    """Return the run that trains the model of `model_month` because `drifted_month` drifted; None if nothing is due.

    The run key makes one month's drift train one month's model once, however often it is measured.
    """
    if not is_due:
        return None
    return dg.RunRequest(
        run_key=f"{drifted_month}->{model_month}",
        partition_key=model_month,
        tags={"reason": reasons[:200], "drifted_month": drifted_month},
    )


def build_schedules(*, is_running: bool) -> list[Any]:
    """Return the schedules, started with the daemon if `is_running`, else waiting for a person to switch them on."""
    return [
        dg.build_schedule_from_partitioned_job(
            READ_CRIMES,
            name="chicago_crimes_new_month",
            description="Reads the month that is over on the 9th, when the portal has published it.",
            day_of_month=9,
            hour_of_day=6,
            default_status=schedule_status(is_running),
        )
    ]


def build_sensors(*, is_running: bool) -> list[dg.SensorDefinition]:
    """Return the sensors, started with the daemon if `is_running`, else waiting for a person to switch them on."""
    return [
        _changed_months_sensor(is_running=is_running),
        _retraining_sensor(is_running=is_running),
        domain_conditions_sensor(DOMAIN, is_running=is_running),
    ]


def _changed_months_sensor(*, is_running: bool) -> dg.SensorDefinition:
    @dg.sensor(
        name="chicago_crimes_changed_months",
        job=READ_CRIMES,
        minimum_interval_seconds=6 * 3600,
        default_status=sensor_status(is_running),
        description="Asks the source which months changed since it last asked (arrests are recorded late) and reads those again.",
    )
    def changed_months(context: dg.SensorEvaluationContext, crime_source: dg.ResourceParam[CrimeSource]) -> dg.SensorResult:
        changes = crime_source.changed_months(context.cursor)
        materialized = [Month.parse(key) for key in sorted(context.instance.get_materialized_partitions(RAW_CRIMES_KEY))]
        available = [Month.parse(key) for key in CRIME_MONTHS.get_partition_keys()]
        months = months_to_read(changes.months, materialized, available)
        skipped = [str(month) for month in changes.months if month not in months]
        return dg.SensorResult(
            run_requests=[dg.RunRequest(partition_key=month.key, run_key=f"{month}@{changes.cursor}") for month in months],
            cursor=changes.cursor,
            skip_reason=f"Changed but not loaded here: {', '.join(skipped)}" if skipped and not months else None,
        )

    return changed_months


def _retraining_sensor(*, is_running: bool) -> dg.SensorDefinition:
    @dg.asset_sensor(
        asset_key=DRIFT_KEY,
        name="chicago_crimes_retraining",
        job=TRAIN_MODEL,
        default_status=sensor_status(is_running),
        description="Trains the current month's model when drift or realised quality crossed its limit.",
    )
    def retraining(context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry) -> dg.RunRequest | dg.SkipReason:
        materialization = asset_event.asset_materialization
        assert materialization is not None
        metadata = materialization.metadata
        request = retraining_request(
            drifted_month=materialization.partition or "",
            is_due=bool(metadata["is_retraining_due"].value),
            reasons=str(metadata["reasons"].value),
            model_month=MODEL_MONTHS.get_partition_keys()[-1],
        )
        return request or dg.SkipReason(str(metadata["reasons"].value))

    return retraining


JOBS = [READ_CRIMES, TRAIN_MODEL, SCORE_MONTH, rollback_job(model.arrest_model.key, model.arrest_champion.key)]
