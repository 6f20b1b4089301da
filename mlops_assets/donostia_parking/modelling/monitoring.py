"""What became of forecasts: each beside what happened, and whether errors so much larger than in the past call for retraining."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY
from mlops_assets.donostia_parking.modelling.backtesting import trusted_spaces
from mlops_assets.ml.forecasting.evaluation import ALL_HORIZONS
from mlops_assets.ml.metric_set import Metric
from mlops_assets.ml.retraining import DropLimit, RetrainingDecision

ERROR_LIMIT = DropLimit(Metric("mae_spaces", greater_is_better=False), max_drop=5.0, max_ratio=2.0)
"""A car park's errors are large when their mean is more than twice that of the backtest, and not by a few places only: twice very
little is little. Days differ: one in ten of the recorded days of 2022 has more than twice the usual error."""

MIN_HOURS = 12
"""A car park with fewer compared hours says too little."""

MAX_CAR_PARK_SHARE = 0.3
"""Retraining is due when more than this share of the car parks has large errors, or the city has."""


def compare_with_actual(forecasts: pd.DataFrame, hourly: pd.DataFrame) -> pd.DataFrame:
    """Put what happened beside the forecasts about the hours of some days.

    Hours without a trusted reading stay, without an error.

    Args:
        forecasts: rows of `forecasts`; those about other hours than the given ones are left out.
        hourly: rows of `hourly_free` of the days.

    Returns:
        Rows of the contract `FORECAST_ACCURACY`, by car park, hour and issue.
    """
    happened = hourly[["city_code", "car_park_id", "hour_at", "local_date"]].assign(
        actual_spaces=trusted_spaces(hourly).astype("float64")
    )
    keys = ["city_code", "car_park_id", "hour_at"]
    rows = forecasts.merge(happened, on=keys, how="inner", validate="many_to_one")
    actual = rows["actual_spaces"]
    rows = rows.assign(
        error_spaces=rows["forecast_spaces"] - actual, seasonal_naive_error_spaces=rows["seasonal_naive_spaces"] - actual
    )
    for level in (80, 95):
        low, high = rows[f"low_{level}_spaces"], rows[f"high_{level}_spaces"]
        is_within = ((actual >= low) & (actual <= high)).astype("boolean")
        rows[f"is_within_{level}"] = is_within.mask(actual.isna() | low.isna() | high.isna())
    rows = rows.sort_values(["car_park_id", "hour_at", "issue_date"], kind="stable", ignore_index=True)
    return rows[FORECAST_ACCURACY.column_names]


def summarize_accuracy(accuracy: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """Compare live errors with those that were to be expected, by car park.

    Args:
        accuracy: rows of `forecast_accuracy`.
        metrics: rows of `forecast_metrics` of the model, of one issue.

    Returns:
        One row per car park with compared hours: `car_park_id`, `is_city_total`, `hour_count`, `mae_spaces`, `bias_spaces`
        (positive if too much was forecast), `seasonal_naive_mae_spaces`, `coverage_80`, `coverage_95`, `expected_mae_spaces` (of
        the rolling forecasts of the past; NaN if not known) and `error_ratio`, the one over the other (infinite where none was
        expected; NaN if not known).
    """
    compared = accuracy[accuracy["error_spaces"].notna()]
    rows = (
        compared.assign(absolute=compared["error_spaces"].abs(), naive_absolute=compared["seasonal_naive_error_spaces"].abs())
        .groupby(["car_park_id", "is_city_total"], as_index=False)
        .agg(
            hour_count=("error_spaces", "size"),
            mae_spaces=("absolute", "mean"),
            bias_spaces=("error_spaces", "mean"),
            seasonal_naive_mae_spaces=("naive_absolute", "mean"),
            coverage_80=("is_within_80", "mean"),
            coverage_95=("is_within_95", "mean"),
        )
    )
    overall = metrics[metrics["horizon_hours"] == ALL_HORIZONS].set_index("car_park_id")["mae_spaces"].astype("float64")
    expected = rows["car_park_id"].map(overall).astype("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rows["mae_spaces"].to_numpy(dtype="float64") / expected.to_numpy()
    return rows.assign(expected_mae_spaces=expected, error_ratio=np.where(rows["mae_spaces"] == 0, 0.0, ratio))


def decide_retraining(
    accuracy: pd.DataFrame, metrics: pd.DataFrame, *, max_car_park_share: float = MAX_CAR_PARK_SHARE
) -> RetrainingDecision:
    """Decide whether a model should be retrained: its live errors are much larger than those of its backtest.

    Args:
        accuracy: rows of `forecast_accuracy`, best of one day.
        metrics: rows of `forecast_metrics` of the model that made the forecasts.
        max_car_park_share: how many car parks may have large errors.
    """
    rows = summarize_accuracy(accuracy, metrics)
    rows = rows[(rows["hour_count"] >= MIN_HOURS) & rows["expected_mae_spaces"].notna()]
    name = ERROR_LIMIT.metric.name
    errors = zip(rows[f"expected_{name}"], rows[name], strict=True)
    is_large = np.array([ERROR_LIMIT.is_exceeded({name: expected}, {name: live}) for expected, live in errors], dtype=np.bool_)
    is_city = rows["is_city_total"].to_numpy(dtype=bool)
    reasons = [
        f"over {row.hour_count} hours the city's mean error is {row.mae_spaces:.0f} spaces, against {row.expected_mae_spaces:.0f} "
        "in the backtest"
        for row in rows[is_large & is_city].itertuples()
    ]
    large, count = int((is_large & ~is_city).sum()), int((~is_city).sum())
    if large > max_car_park_share * count:
        reasons.append(f"{large} of {count} car parks have mean errors over {ERROR_LIMIT.max_ratio:g} times those of the backtest")
    return RetrainingDecision(bool(reasons), tuple(reasons))
