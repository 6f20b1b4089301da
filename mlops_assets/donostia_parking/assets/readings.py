"""Assets: from what the feed said to car parks, readings and the hourly series."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from enum import Enum

import dagster as dg
import pandas as pd
from pydantic import Field, model_validator

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.assets.checks import FEED_IS_NOT_STALE, READS_OPTIONAL_VALUES
from mlops_assets.donostia_parking.assets.policies import FEED_FRESHNESS, FOLLOW_READINGS, FOLLOW_SIGHTINGS
from mlops_assets.donostia_parking.cities import City
from mlops_assets.donostia_parking.contracts import (
    CAR_PARK_SIGHTINGS,
    CAR_PARKS,
    EXPORT_FILES,
    HOURLY_FREE,
    READINGS,
    REJECTED_READINGS,
)
from mlops_assets.donostia_parking.partitions import DAY_AND_BEFORE, PARKING_DAYS
from mlops_assets.donostia_parking.readings.car_parks import build_car_parks
from mlops_assets.donostia_parking.readings.daily import DayOfReadings, build_readings
from mlops_assets.donostia_parking.readings.hourly import SOURCE_COLUMNS, build_hourly_free
from mlops_assets.donostia_parking.readings.plots import draw_feed_health
from mlops_assets.donostia_parking.sources.base import ParkingSource, Snapshot
from mlops_assets.donostia_parking.sources.landing import folders_of, landed_snapshot, names_for_day, snapshot_name
from mlops_assets.donostia_parking.sources.polling import poll, recorded
from mlops_assets.errors import MissingPartitionError
from mlops_assets.orchestration.asset_specs import lake_table, landing
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.export_accounts import export_files_asset
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.run_config import StepConfig
from mlops_assets.orchestration.table_assets import check_specs, lake_asset, validated
from mlops_assets.stores.landing.request_names import requested_at
from mlops_assets.stores.registry import Stores

SNAPSHOTS = "snapshots"


class SnapshotMode(Enum):
    """Whether the feed is asked now, or what it has recorded is read."""

    live = "live"
    replay = "replay"


class SnapshotConfig(StepConfig):
    """Which snapshots are landed: one of now, a poll of them, or those that the source has recorded."""

    poll_seconds: float = Field(default=0, ge=0)
    every_seconds: float = Field(default=15, gt=0)
    mode: SnapshotMode = SnapshotMode.live
    since: str | None = None
    until: str | None = None

    @model_validator(mode="after")
    def _is_a_span(self) -> "SnapshotConfig":
        since, until = _moment(self.since), _moment(self.until)
        if (since or until) and self.mode is SnapshotMode.live:
            raise ValueError("since and until are for mode: replay")
        if since and until and since >= until:
            raise ValueError(f"since {self.since} is not before until {self.until}")
        return self


@dg.asset(
    **landing(
        DOMAIN,
        SNAPSHOTS,
        "What the feed said, whole and as it came: one object per request, named by the moment of the request and the content. "
        "Nothing that landed is ever changed.",
    ),
    freshness_policy=FEED_FRESHNESS,
)
def snapshots(
    context: dg.AssetExecutionContext,
    config: SnapshotConfig,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    parking_source: dg.ResourceParam[ParkingSource],
    parking_city: dg.ResourceParam[City],
) -> dg.MaterializeResult:
    landed = stores.landing(DOMAIN, SNAPSHOTS)
    with retrying_transient_errors(), error_context(f"{DOMAIN}/{SNAPSHOTS}"):
        if config.mode is SnapshotMode.replay:
            history = recorded(parking_source, _moment(config.since), _moment(config.until))
            new, known = landed.land((snapshot_name(parking_city, snapshot), snapshot.body) for snapshot in history)
        else:
            new = known = 0
            # One by one: a poll that is killed keeps what it has.
            for snapshot in _ask(context, config, parking_source, clock):
                counts = landed.land([(snapshot_name(parking_city, snapshot), snapshot.body)])
                new, known = new + counts[0], known + counts[1]
    return dg.MaterializeResult(
        metadata={"source": parking_source.describe(), "new_count": new, "known_count": known, "dagster/uri": landed.uri}
    )


def _ask(context: dg.AssetExecutionContext, config: SnapshotConfig, source: ParkingSource, clock: Clock) -> Iterator[Snapshot]:
    return poll(
        source,
        lasting=timedelta(seconds=config.poll_seconds),
        every=timedelta(seconds=config.every_seconds),
        clock=clock.now,
        sleep=time.sleep,
        on_failure=lambda at, error: context.log.warning(f"no snapshot of {at.isoformat()}: {error}"),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a moment; write it like 2022-03-27 or 2022-03-27T01:30:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


@dg.multi_asset(
    outs={
        "readings": dg.AssetOut(**lake_table(READINGS), dagster_type=PartitionedFrames),
        "rejected_readings": dg.AssetOut(**lake_table(REJECTED_READINGS), dagster_type=PartitionedFrames),
        "car_park_sightings": dg.AssetOut(**lake_table(CAR_PARK_SIGHTINGS), dagster_type=PartitionedFrames),
    },
    deps=[snapshots],
    check_specs=check_specs(
        READINGS, REJECTED_READINGS, CAR_PARK_SIGHTINGS, partitions=PARKING_DAYS, checks=(READS_OPTIONAL_VALUES,)
    ),
    partitions_def=PARKING_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
@validated(READINGS, REJECTED_READINGS, CAR_PARK_SIGHTINGS, checks=(READS_OPTIONAL_VALUES,))
def readings(
    context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], parking_city: dg.ResourceParam[City]
) -> Iterator[dg.Output]:
    """Read each day's snapshots; keep its rejects and sightings until the readings of all days are written."""
    days: dict[str, DayOfReadings] = {}

    def read_day(key: str) -> pd.DataFrame:
        with retrying_transient_errors(), error_context(f"{READINGS.label}, day {key}"):
            day = build_readings(_landed(stores, parking_city, key), parking_city.day(key), parking_city)
        days[key] = DayOfReadings(day.readings.head(0), day.rejects, day.sightings)
        return day.readings

    keys = context.partition_keys
    yield dg.Output(PartitionedFrames(keys, read_day), "readings")
    yield dg.Output(PartitionedFrames(keys, lambda key: days[key].rejects), "rejected_readings")
    yield dg.Output(PartitionedFrames(keys, lambda key: days[key].sightings), "car_park_sightings")


def _landed(stores: Stores, city: City, key: str) -> Iterator[Snapshot]:
    """Yield the landed snapshots that a day's readings are made from."""
    landed, day = stores.landing(DOMAIN, SNAPSHOTS), city.day(key)
    names = landed.names_in(folders_of(city, day))
    foreign = [name for name in names if requested_at(name) is None]
    if foreign:
        dg.get_dagster_logger().warning(f"passed over, for these are no snapshots of ours: {', '.join(foreign)} in {landed.uri}")
    for name, body in landed.read(names_for_day(names, day)):
        yield landed_snapshot(name, body)


@lake_asset(
    CAR_PARKS,
    ins={"car_park_sightings": dg.AssetIn(partition_mapping=dg.AllPartitionMapping(), metadata={"skip_missing_partitions": True})},
    automation_condition=FOLLOW_SIGHTINGS,
)
def car_parks(context: dg.AssetExecutionContext, car_park_sightings: pd.DataFrame) -> pd.DataFrame:
    versions = build_car_parks(car_park_sightings)
    context.add_asset_metadata({"car_park_count": int(versions["car_park_id"].nunique()), "version_count": len(versions)})
    return versions


@lake_asset(
    HOURLY_FREE,
    checks=(FEED_IS_NOT_STALE,),
    partitions_def=PARKING_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    ins={
        "readings": dg.AssetIn(
            partition_mapping=DAY_AND_BEFORE, metadata={"columns": SOURCE_COLUMNS, "skip_missing_partitions": True}
        )
    },
    automation_condition=FOLLOW_READINGS,
)
def hourly_free(
    context: dg.AssetExecutionContext,
    clock: dg.ResourceParam[Clock],
    readings: PartitionedFrames,
    parking_city: dg.ResourceParam[City],
) -> PartitionedFrames:
    now = clock.now()

    def build_day(key: str) -> pd.DataFrame:
        day = parking_city.day(key)
        if key not in readings.keys:
            raise MissingPartitionError(f"{HOURLY_FREE.label}, day {key} is made from the day's readings; materialize them first")
        known = [readings[other] for other in (day.plus(-1).key, key) if other in readings.keys]
        hourly = build_hourly_free(pd.concat(known, ignore_index=True), day, parking_city, until=now)
        if len(context.partition_keys) == 1:
            context.add_asset_metadata(image_metadata(draw_feed_health(hourly, parking_city)))
        return hourly

    return PartitionedFrames(context.partition_keys, build_day)


export_files = export_files_asset(EXPORT_FILES, READINGS, REJECTED_READINGS, PARKING_DAYS, source_key="parking_source")

ASSETS = [snapshots, readings, export_files, car_parks, hourly_free]
