"""What became of forecasts: each beside what happened, and how large the errors are compared with those of the past."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY
from mlops_assets.donostia_parking.modelling.backtesting import trusted_places
from mlops_assets.ml.forecasting.evaluation import ALL_HORIZONS


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
        actual_places=trusted_places(hourly).astype("float64")
    )
    keys = ["city_code", "car_park_id", "hour_at"]
    rows = forecasts.merge(happened, on=keys, how="inner", validate="many_to_one")
    actual = rows["actual_places"]
    rows = rows.assign(
        error_places=rows["forecast_places"] - actual, seasonal_naive_error_places=rows["seasonal_naive_places"] - actual
    )
    for level in (80, 95):
        low, high = rows[f"low_{level}_places"], rows[f"high_{level}_places"]
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
        One row per car park with compared hours: `car_park_id`, `is_city_total`, `hour_count`, `mae_places`, `bias_places`
        (positive if too much was forecast), `seasonal_naive_mae_places`, `coverage_80`, `coverage_95`, `expected_mae_places` (of
        the rolling forecasts of the past; NaN if not known) and `error_ratio`, the one over the other (infinite where none was
        expected; NaN if not known).
    """
    compared = accuracy[accuracy["error_places"].notna()]
    rows = (
        compared.assign(absolute=compared["error_places"].abs(), naive_absolute=compared["seasonal_naive_error_places"].abs())
        .groupby(["car_park_id", "is_city_total"], as_index=False)
        .agg(
            hour_count=("error_places", "size"),
            mae_places=("absolute", "mean"),
            bias_places=("error_places", "mean"),
            seasonal_naive_mae_places=("naive_absolute", "mean"),
            coverage_80=("is_within_80", "mean"),
            coverage_95=("is_within_95", "mean"),
        )
    )
    overall = metrics[metrics["horizon_hours"] == ALL_HORIZONS].set_index("car_park_id")["mae_places"].astype("float64")
    expected = rows["car_park_id"].map(overall).astype("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rows["mae_places"].to_numpy(dtype="float64") / expected.to_numpy()
    return rows.assign(expected_mae_places=expected, error_ratio=np.where(rows["mae_places"] == 0, 0.0, ratio))
