"""What must hold of this domain's assets before anyone builds on them."""

import dagster as dg
import pandas as pd

from mlops_assets.donostia_parking.championship import failures_at_gate
from mlops_assets.donostia_parking.contracts import HOURLY_FREE, READINGS, REJECTED_READINGS
from mlops_assets.donostia_parking.forecast_contracts import FORECAST_METRICS, FORECASTS, TRAINING_WINDOW
from mlops_assets.donostia_parking.partitions import PARKING_DAYS
from mlops_assets.donostia_parking.training_window import LONGEST_SILENCE, silence
from mlops_assets.orchestration.asset_options import asset_key
from mlops_assets.orchestration.check_verdicts import Verdict, conclude
from mlops_assets.orchestration.checks import rejects_check
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames

_HARMLESS_REASONS = frozenset({"duplicate"})
_NOT_FROZEN = dg.AssetCheckKey(asset_key(HOURLY_FREE), "feed_is_not_frozen")


@dg.asset_check(
    asset=_NOT_FROZEN.asset_key,
    description="No hour of the day was read from a feed that had stood still for hours.",
    partitions_def=PARKING_DAYS,
)
def feed_is_not_frozen(context: dg.AssetCheckExecutionContext, table: PartitionedFrames) -> dg.AssetCheckResult:
    verdicts = {key: _judge_feed(key, hourly) for key, hourly in table.items()}
    return conclude(context, _NOT_FROZEN, verdicts, severity=dg.AssetCheckSeverity.WARN)


def _judge_feed(key: str, hourly: pd.DataFrame) -> Verdict:
    total = hourly[hourly["is_city_total"].astype(bool)]
    frozen, empty = int(total["is_frozen"].sum()), int(total["free_places"].isna().sum())
    return Verdict(
        passed=frozen == 0,
        description=f"{key}: {frozen} of {len(total)} hours from a frozen feed, {empty} without a value",
        metadata={"frozen_hours": frozen, "empty_hours": empty},
    )


@dg.asset_check(
    asset=asset_key(TRAINING_WINDOW),
    description="The feed was alive at the end of the training window: no model is trained on a feed that stands still.",
    blocking=True,
    partitions_def=PARKING_DAYS,
)
def feed_is_alive(training_window: pd.DataFrame) -> dg.AssetCheckResult:
    age = silence(training_window)
    return dg.AssetCheckResult(
        passed=age is not None and age <= LONGEST_SILENCE,
        description="no trusted hour at all" if age is None else f"the newest trusted hour is {age} before the end of the window",
    )


@dg.asset_check(
    asset=asset_key(FORECAST_METRICS),
    description="The day's model does not forecast the city worse than repeating the day before.",
    blocking=True,
    partitions_def=PARKING_DAYS,
)
def passes_quality_gate(forecast_metrics: pd.DataFrame) -> dg.AssetCheckResult:
    failures = failures_at_gate(forecast_metrics, int(forecast_metrics["model_version"].iloc[0]))
    return dg.AssetCheckResult(passed=not failures, description=" ".join(failures) or "All limits are kept.")


@dg.asset_check(
    asset=asset_key(FORECASTS),
    description="Forecasts are about hours to come, and lie in their intervals, the narrow one in the wide one.",
    blocking=True,
    partitions_def=PARKING_DAYS,
)
def says_what_is_to_come(forecasts: pd.DataFrame) -> dg.AssetCheckResult:
    past = forecasts["hour_at"] < forecasts["created_at"]
    ends = ["low_95_places", "low_80_places", "forecast_places", "high_80_places", "high_95_places"]
    crossed = (forecasts[ends].diff(axis=1).iloc[:, 1:] < 0).any(axis=1)
    return dg.AssetCheckResult(
        passed=not (past.any() or crossed.any()), metadata={"past_count": int(past.sum()), "crossed_count": int(crossed.sum())}
    )


CHECKS = [
    rejects_check(READINGS, REJECTED_READINGS, PARKING_DAYS, greatest_share=0.05, harmless_reasons=_HARMLESS_REASONS),
    feed_is_not_frozen,
    feed_is_alive,
    passes_quality_gate,
    says_what_is_to_come,
]
