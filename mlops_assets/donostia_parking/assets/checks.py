"""What must hold of this domain's assets, beyond their contracts, before anyone builds on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.contracts import EXPORT_FILES, HOURLY_FREE, READINGS, REJECTED_READINGS
from mlops_assets.donostia_parking.model_contracts import FORECAST_METRICS, FORECASTS, TRAINING_WINDOW
from mlops_assets.donostia_parking.modelling.promotion import failures_at_gate
from mlops_assets.donostia_parking.modelling.training_window import LONGEST_SILENCE, silence
from mlops_assets.donostia_parking.partitions import PARKING_DAYS
from mlops_assets.orchestration.check_outcomes import CheckOutcome
from mlops_assets.orchestration.checks import optional_values_check, rejects_checks
from mlops_assets.orchestration.export_accounts import export_files_check
from mlops_assets.orchestration.table_checks import TableCheck

if TYPE_CHECKING:
    import pandas as pd

_HARMLESS_REASONS = frozenset({"duplicate"})


def check_feed(hourly: pd.DataFrame, day: str) -> CheckOutcome:
    """Fail if hours of the day were read from a feed that had stood still."""
    total = hourly[hourly["is_city_total"].astype(bool)]
    stale, empty = int(total["is_stale"].sum()), int(total["free_spaces"].isna().sum())
    return CheckOutcome(
        passed=stale == 0,
        description=f"{day}: {stale} of {len(total)} hours from a stale feed, {empty} without a value",
        metadata={"stale_hours": stale, "empty_hours": empty},
    )


def check_end_of_window(window: pd.DataFrame, _day: str) -> CheckOutcome:
    """Fail if the newest trusted hour lies too far before the end of a training window."""
    age = silence(window)
    return CheckOutcome(
        passed=age is not None and age <= LONGEST_SILENCE,
        description="no trusted hour at all" if age is None else f"the newest trusted hour is {age} before the end of the window",
    )


def check_gate(metrics: pd.DataFrame, _day: str) -> CheckOutcome:
    """Fail with the limits of the quality gate that the measured version breaks."""
    failures = failures_at_gate(metrics, int(metrics["model_version"].iloc[0]))
    return CheckOutcome(not failures, " ".join(failures) or "All limits are kept.")


def check_forecasts(forecasts: pd.DataFrame, _day: str) -> CheckOutcome:
    """Fail if forecasts are about the past, or lie outside their intervals."""
    past = forecasts["hour_at"] < forecasts["created_at"]
    ends = ["low_95_spaces", "low_80_spaces", "forecast_spaces", "high_80_spaces", "high_95_spaces"]
    crossed = (forecasts[ends].diff(axis=1).iloc[:, 1:] < 0).any(axis=1)
    return CheckOutcome(
        passed=not (past.any() or crossed.any()), metadata={"past_count": int(past.sum()), "crossed_count": int(crossed.sum())}
    )


FEED_IS_NOT_STALE = TableCheck(
    HOURLY_FREE,
    "feed_is_not_stale",
    "No hour of the day was read from a feed that had stood still for hours.",
    check_feed,
    is_blocking=False,
)

FEED_IS_FRESH = TableCheck(
    TRAINING_WINDOW,
    "feed_is_fresh",
    "The feed was alive at the end of the training window: no model is trained on a feed that stands still.",
    check_end_of_window,
)

PASSES_QUALITY_GATE = TableCheck(
    FORECAST_METRICS,
    "passes_quality_gate",
    "The day's model does not forecast the city worse than repeating the day before.",
    check_gate,
)

SAYS_WHAT_IS_TO_COME = TableCheck(
    FORECASTS,
    "says_what_is_to_come",
    "Forecasts are about hours to come, and lie in their intervals, the narrow one in the wide one.",
    check_forecasts,
)

READS_OPTIONAL_VALUES = optional_values_check(READINGS)

CHECKS = [
    rejects_checks(
        READINGS,
        REJECTED_READINGS,
        PARKING_DAYS,
        entity="car_park_id",
        name="car_park_name",
        entity_word="car park",
        greatest_share=0.05,
        harmless_reasons=_HARMLESS_REASONS,
    ),
    export_files_check(EXPORT_FILES),
]
"""Checks that are steps of their own, because they look at other partitions or assets."""
