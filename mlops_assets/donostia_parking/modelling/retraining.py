"""When a forecast model is to be trained anew: its live errors are much larger than those of its backtest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.modelling.accuracy import summarize_accuracy
from mlops_assets.ml.retraining import RetrainingVerdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class AccuracyLimits:
    """From where on we act.

    Attributes:
        max_error_ratio: a car park's errors are large when their mean is more than this many times that of the backtest. Days
            differ: one in ten of the recorded days of 2022 has more than twice the usual error.
        min_hours: a car park with fewer compared hours is not judged.
        min_excess_places: nor is one whose mean error exceeds the expected one by less than this: twice very little is little.
        max_car_park_share: retraining is due when more than this share of the judged car parks has large errors, or the city has.
    """

    max_error_ratio: float = 2.0
    min_hours: int = 12
    min_excess_places: float = 5.0
    max_car_park_share: float = 0.3


def is_retraining_due(
    accuracy: pd.DataFrame, metrics: pd.DataFrame, limits: AccuracyLimits = AccuracyLimits()
) -> RetrainingVerdict:
    """Decide whether a model should be trained anew.

    Args:
        accuracy: rows of `forecast_accuracy`, best of one day.
        metrics: rows of `forecast_metrics` of the model that made the forecasts.
        limits: from where on we act.
    """
    rows = summarize_accuracy(accuracy, metrics)
    judged = rows[(rows["hour_count"] >= limits.min_hours) & rows["expected_mae_places"].notna()]
    is_large = (judged["error_ratio"] > limits.max_error_ratio) & (
        judged["mae_places"] - judged["expected_mae_places"] >= limits.min_excess_places
    )
    is_city = judged["is_city_total"].astype(bool)
    reasons = [
        f"over {row.hour_count} hours the city's mean error is {row.mae_places:.0f} places, against {row.expected_mae_places:.0f} "
        "in the backtest"
        for row in judged[is_large & is_city].itertuples()
    ]
    large, count = int((is_large & ~is_city).sum()), int((~is_city).sum())
    if large > limits.max_car_park_share * count:
        reasons.append(f"{large} of {count} car parks have mean errors over {limits.max_error_ratio:g} times those of the backtest")
    return RetrainingVerdict(bool(reasons), tuple(reasons))
