"""Assets: the champion's forecasts, and how accurate they were."""

import dagster as dg
import pandas as pd

from mlops_assets.donostia_parking import DOMAIN
from mlops_assets.donostia_parking.assets.checks import SAYS_WHAT_IS_TO_COME
from mlops_assets.donostia_parking.assets.model import forecast_champion, forecast_metrics, forecast_model
from mlops_assets.donostia_parking.assets.policies import (
    COMPARE_WITH_FORECASTS,
    FORECAST_LATEST_DAYS,
)
from mlops_assets.donostia_parking.cities import City
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.days import issued_at
from mlops_assets.donostia_parking.model_contracts import FORECAST_ACCURACY, FORECAST_METRICS, FORECASTS
from mlops_assets.donostia_parking.partitions import DAY_BEFORE, HISTORY_IN, PARKING_DAYS
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.metadata import frame_metadata, image_metadata
from mlops_assets.orchestration.model_io import champion_before, model_name, version_metadata
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.stores.registry import Stores


@warehouse_asset(
    FORECASTS,
    checks=(SAYS_WHAT_IS_TO_COME,),
    partitions_def=PARKING_DAYS,
    ins={"hourly_free": HISTORY_IN},
    deps=[forecast_champion],
    automation_condition=FORECAST_LATEST_DAYS,
)
def forecasts(
    context: dg.AssetExecutionContext,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    hourly_free: pd.DataFrame,
    parking_city: dg.ResourceParam[City],
) -> pd.DataFrame:
    from mlops_assets.donostia_parking.modelling.plots import plot_forecast

    day = parking_city.day(context.partition_key)
    created_at = issued_at(day, clock.now())
    champion = champion_before(stores.models(), forecast_model.key, created_at)
    with error_context(f"{FORECASTS.label}, day {day}"):
        rows = champion.bundle.predict(hourly_free, created_at=created_at)
    figure = plot_forecast(hourly_free, rows, CITY_TOTAL_ID, f"Free spaces in {parking_city.name}")
    context.add_asset_metadata(
        {
            **image_metadata({"city_forecast": figure}),
            **version_metadata(champion.version, stores.mlflow_ui_url),
            "created_at": created_at.isoformat(),
            "methods": frame_metadata(rows.groupby("method").size().rename("hours").reset_index()),
        }
    )
    version = champion.version
    return rows.assign(issue_date=day.date, model_version=version.version, model_run_id=version.run_id)


@warehouse_asset(
    FORECAST_ACCURACY,
    partitions_def=PARKING_DAYS,
    ins={"forecasts": dg.AssetIn(partition_mapping=DAY_BEFORE)},
    # The forecasts say which model made them; it may be of any day before.
    deps=[dg.AssetDep(looked_up, partition_mapping=dg.AllPartitionMapping()) for looked_up in (forecast_model, forecast_metrics)],
    automation_condition=COMPARE_WITH_FORECASTS,
)
def forecast_accuracy(
    context: dg.AssetExecutionContext,
    stores: dg.ResourceParam[Stores],
    forecasts: pd.DataFrame,
    hourly_free: pd.DataFrame,
) -> pd.DataFrame:
    """Yesterday's forecasts beside today's hours, and whether their errors call for a new model."""
    from mlops_assets.donostia_parking.modelling.monitoring import compare_with_actual, decide_retraining, summarize_accuracy

    accuracy = compare_with_actual(forecasts, hourly_free)
    metrics = _metrics_behind(stores, forecasts)
    retraining = decide_retraining(accuracy, metrics)
    context.add_asset_metadata(
        {
            "is_retraining_due": retraining.is_due,
            "reasons": " ".join(retraining.reasons),
            "by_car_park": frame_metadata(summarize_accuracy(accuracy, metrics)),
        }
    )
    return accuracy


def _metrics_behind(stores: Stores, forecasts: pd.DataFrame) -> pd.DataFrame:
    """Return what was to be expected of the model that made some forecasts: its rows of `forecast_metrics`."""
    metrics = stores.warehouse(DOMAIN).read(FORECAST_METRICS, [])
    if forecasts.empty:
        return metrics
    with retrying_transient_errors():
        version = stores.models().version(model_name(forecast_model.key), int(forecasts["model_version"].iloc[0]))
        metrics = stores.warehouse(DOMAIN).read(FORECAST_METRICS, [partition_of(PARKING_DAYS, version.partition_key)])
    return metrics[metrics["model_version"] == version.version]


ASSETS = [forecasts, forecast_accuracy]
