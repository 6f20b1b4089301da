"""Assets: the day's forecast model, its figures, the forecasts, and what became of them."""

from datetime import date, datetime, timedelta, timezone
from enum import Enum

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.donostia_parking import DOMAIN, recipe
from mlops_assets.donostia_parking.championship import FORECAST_CHAMPION, ForecastDecision, decide_champion, failures_at_gate
from mlops_assets.donostia_parking.checks import FEED_IS_ALIVE, PASSES_QUALITY_GATE, SAYS_WHAT_IS_TO_COME
from mlops_assets.donostia_parking.cities import City
from mlops_assets.donostia_parking.conditions import (
    AFTER_EACH_BACKTEST,
    COMPARE_WITH_FORECASTS,
    FORECAST_LATEST_DAYS,
    REPEAT_TRAINING,
    WITH_TRAINING,
)
from mlops_assets.donostia_parking.contracts import CITY_TOTAL_ID
from mlops_assets.donostia_parking.days import LocalDay
from mlops_assets.donostia_parking.forecast_contracts import FORECAST_ACCURACY, FORECAST_METRICS, FORECASTS, TRAINING_WINDOW
from mlops_assets.donostia_parking.partitions import DAY_BEFORE, HISTORY, PARKING_DAYS
from mlops_assets.donostia_parking.training_window import build_training_window
from mlops_assets.ml.training import TrainedModel
from mlops_assets.orchestration.asset_options import model
from mlops_assets.orchestration.failures import naming, retrying_transient_errors
from mlops_assets.orchestration.model_io import RegisteredModel, champion_before, model_name, version_metadata
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.orchestration.promotion import CandidatePair, champion_asset
from mlops_assets.orchestration.run_config import Seed, StepConfig
from mlops_assets.orchestration.table_assets import lake_asset, warehouse_asset
from mlops_assets.orchestration.tables import frame_metadata, image_metadata
from mlops_assets.partition import Partition
from mlops_assets.stores.catalog import Stores

_HISTORY_IN = dg.AssetIn(partition_mapping=HISTORY, metadata={"skip_missing_partitions": True})


@lake_asset(
    TRAINING_WINDOW,
    checks=(FEED_IS_ALIVE,),
    is_intermediate=True,
    partitions_def=PARKING_DAYS,
    ins={"hourly_free": _HISTORY_IN},
    automation_condition=REPEAT_TRAINING,
)
def training_window(
    context: dg.AssetExecutionContext, hourly_free: pd.DataFrame, parking_city: dg.ResourceParam[City]
) -> pd.DataFrame:
    day = parking_city.day(context.partition_key)
    with naming(f"{TRAINING_WINDOW.label}, day {day}"):
        window = build_training_window(hourly_free, issued_at(day, datetime.now(timezone.utc)))
    context.add_asset_metadata({"first_hour_at": str(window["hour_at"].min()), "last_hour_at": str(window["hour_at"].max())})
    return window


class Candidate(Enum):
    """Ways to forecast."""

    seasonal_naive = "seasonal_naive"
    weekly_naive = "weekly_naive"
    hour_of_day_mean = "hour_of_day_mean"
    seasonal_profile = "seasonal_profile"
    damped_seasonal_naive = "damped_seasonal_naive"
    damped_weekly_naive = "damped_weekly_naive"
    damped_hour_of_day_mean = "damped_hour_of_day_mean"
    profile_regression = "profile_regression"
    profile_boosting = "profile_boosting"
    sarimax = "sarimax"
    mean = "mean"
    weighted_mean = "weighted_mean"


class ForecastModelConfig(StepConfig):
    """What is tried: all candidates if none is named."""

    horizon_hours: int = Field(default=recipe.HORIZON_HOURS, ge=1, le=recipe.LONGEST_HORIZON_HOURS)
    candidates: list[Candidate] = []
    seed: Seed = recipe.SEED


def issued_at(day: LocalDay, now: datetime) -> datetime:
    """Return when forecasts of a day are made: at its end, or at the last full hour of a day that is not over."""
    return min(day.end, now.replace(minute=0, second=0, microsecond=0))


@dg.asset(
    **model(
        DOMAIN,
        "forecast_model",
        "The day's forecasts of free places for the next 24 hours, per car park and for the city: a weighted mean of seasonal "
        "profiles, damped naive forecasts, regression and boosted trees, or whatever was clearly better in rolling forecasts of "
        "the last eight weeks, as one bundle that takes recent hourly rows. Hours of a frozen feed are never learned from. "
        "Registered in MLflow.",
    ),
    partitions_def=PARKING_DAYS,
    automation_condition=WITH_TRAINING,
)
def forecast_model(
    context: dg.AssetExecutionContext,
    config: ForecastModelConfig,
    training_window: pd.DataFrame,
    parking_city: dg.ResourceParam[City],
) -> TrainedModel:
    from mlops_assets.donostia_parking.forecasting import train_forecast_model
    from mlops_assets.donostia_parking.registering import as_trained_model

    with naming(f"{DOMAIN}/forecast_model, day {context.partition_key}"):
        trained = train_forecast_model(
            training_window,
            time_zone=parking_city.time_zone,
            end_at=training_window["hour_at"].max() + timedelta(hours=1),
            horizon_hours=config.horizon_hours,
            seed=config.seed,
            names=[candidate.value for candidate in config.candidates],
        )
    return as_trained_model(trained)


@warehouse_asset(
    FORECAST_METRICS,
    checks=(PASSES_QUALITY_GATE,),
    partitions_def=PARKING_DAYS,
    automation_condition=WITH_TRAINING,
)
def forecast_metrics(
    context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], forecast_model: RegisteredModel
) -> pd.DataFrame:
    from mlops_assets.donostia_parking.forecast_plots import plot_skill
    from mlops_assets.donostia_parking.forecasting import metrics_table

    version = forecast_model.version
    metrics = metrics_table(forecast_model.bundle.pipeline, version.created_at)
    context.add_asset_metadata(
        {
            **image_metadata({"skill_by_horizon": plot_skill(metrics)}),
            **version_metadata(version, stores.mlflow_ui_url),
            **{name: round(value, 3) for name, value in forecast_model.bundle.metrics.items() if value is not None},
        }
    )
    return metrics.assign(issue_date=_date(context.partition_key), model_version=version.version, model_run_id=version.run_id)


def decide_about(stores: Stores, pair: CandidatePair) -> ForecastDecision:
    """Apply the promotion rule to what the challenger's backtest says."""
    challenger = pair.challenger
    metrics = stores.warehouse(DOMAIN).read(FORECAST_METRICS, [_day(challenger.partition)])
    incumbent = None if pair.incumbent is None else pair.incumbent.version
    return decide_champion(metrics, challenger.version, incumbent, failures_at_gate(metrics, challenger.version))


forecast_champion = champion_asset(
    FORECAST_CHAMPION,
    forecast_model.key,
    decide_about,
    deps=[forecast_metrics],
    automation_condition=AFTER_EACH_BACKTEST,
)


@warehouse_asset(
    FORECASTS,
    checks=(SAYS_WHAT_IS_TO_COME,),
    partitions_def=PARKING_DAYS,
    ins={"hourly_free": _HISTORY_IN},
    deps=[forecast_champion],
    automation_condition=FORECAST_LATEST_DAYS,
)
def forecasts(
    context: dg.AssetExecutionContext,
    stores: dg.ResourceParam[Stores],
    hourly_free: pd.DataFrame,
    parking_city: dg.ResourceParam[City],
) -> pd.DataFrame:
    from mlops_assets.donostia_parking.forecast_plots import plot_forecast

    day = parking_city.day(context.partition_key)
    created_at = issued_at(day, datetime.now(timezone.utc))
    champion = champion_before(stores.models(), forecast_model.key, created_at)
    with naming(f"{FORECASTS.label}, day {day}"):
        rows = champion.bundle.pipeline.predict(hourly_free, created_at)
    figure = plot_forecast(hourly_free, rows, CITY_TOTAL_ID, f"Free places in {parking_city.name}")
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
    from mlops_assets.donostia_parking.accuracy import compare_with_actual, summarize_accuracy
    from mlops_assets.donostia_parking.retraining import is_retraining_due

    accuracy = compare_with_actual(forecasts, hourly_free)
    metrics = _metrics_behind(stores, forecasts)
    verdict = is_retraining_due(accuracy, metrics)
    context.add_asset_metadata(
        {
            "is_retraining_due": verdict.is_due,
            "reasons": " ".join(verdict.reasons),
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
        metrics = stores.warehouse(DOMAIN).read(FORECAST_METRICS, [_day(version.partition)])
    return metrics[metrics["model_version"] == version.version]


def _date(key: str) -> date:
    return date.fromisoformat(key)


def _day(key: str) -> Partition:
    return partition_of(PARKING_DAYS, key)


ASSETS = [training_window, forecast_model, forecast_metrics, forecast_champion, forecasts, forecast_accuracy]
