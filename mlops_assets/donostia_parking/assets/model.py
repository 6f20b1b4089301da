"""Assets: the day's forecast model, its figures, and the decision whether it becomes champion."""

from datetime import date, timedelta
from enum import Enum

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.donostia_parking import DOMAIN, defaults
from mlops_assets.donostia_parking.assets.checks import FEED_IS_FRESH, PASSES_QUALITY_GATE
from mlops_assets.donostia_parking.assets.policies import (
    AFTER_EACH_BACKTEST,
    REPEAT_TRAINING,
    WITH_TRAINING,
)
from mlops_assets.donostia_parking.cities import City
from mlops_assets.donostia_parking.days import issued_at
from mlops_assets.donostia_parking.model_contracts import (
    FORECAST_CHAMPION,
    FORECAST_METRICS,
    TRAINING_WINDOW,
)
from mlops_assets.donostia_parking.modelling.promotion import decide_champion, failures_at_gate
from mlops_assets.donostia_parking.modelling.training_window import build_training_window
from mlops_assets.donostia_parking.partitions import HISTORY_IN, PARKING_DAYS
from mlops_assets.ml.promotion import PromotionDecision
from mlops_assets.ml.training import TrainedModel
from mlops_assets.orchestration.asset_specs import model
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import error_context
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.model_io import RegisteredModel, version_metadata
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.orchestration.promotion import CandidatePair, champion_asset
from mlops_assets.orchestration.run_config import Seed, StepConfig
from mlops_assets.orchestration.table_assets import lake_asset, warehouse_asset
from mlops_assets.partition import Partition
from mlops_assets.stores.registry import Stores


@lake_asset(
    TRAINING_WINDOW,
    checks=(FEED_IS_FRESH,),
    is_intermediate=True,
    partitions_def=PARKING_DAYS,
    ins={"hourly_free": HISTORY_IN},
    automation_condition=REPEAT_TRAINING,
)
def training_window(
    context: dg.AssetExecutionContext,
    clock: dg.ResourceParam[Clock],
    hourly_free: pd.DataFrame,
    parking_city: dg.ResourceParam[City],
) -> pd.DataFrame:
    day = parking_city.day(context.partition_key)
    with error_context(f"{TRAINING_WINDOW.label}, day {day}"):
        window = build_training_window(hourly_free, issued_at(day, clock.now()))
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

    horizon_hours: int = Field(default=defaults.HORIZON_HOURS, ge=1, le=defaults.LONGEST_HORIZON_HOURS)
    candidates: list[Candidate] = []
    seed: Seed = defaults.SEED


@dg.asset(
    **model(
        DOMAIN,
        "forecast_model",
        "The day's forecasts of free spaces for the next 24 hours, per car park and for the city: a weighted mean of seasonal "
        "profiles, damped naive forecasts, regression and boosted trees, or whatever was clearly better in rolling forecasts of "
        "the last eight weeks, as one bundle that takes recent hourly rows. Hours of a stale feed are never learned from. "
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
    from mlops_assets.donostia_parking.modelling.training import train_forecast_model

    with error_context(f"{DOMAIN}/forecast_model, day {context.partition_key}"):
        return train_forecast_model(
            training_window,
            time_zone=parking_city.time_zone,
            end_at=training_window["hour_at"].max() + timedelta(hours=1),
            horizon_hours=config.horizon_hours,
            seed=config.seed,
            names=[candidate.value for candidate in config.candidates],
        )


@warehouse_asset(
    FORECAST_METRICS,
    checks=(PASSES_QUALITY_GATE,),
    partitions_def=PARKING_DAYS,
    automation_condition=WITH_TRAINING,
)
def forecast_metrics(
    context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], forecast_model: RegisteredModel
) -> pd.DataFrame:
    from mlops_assets.donostia_parking.modelling.plots import plot_skill
    from mlops_assets.donostia_parking.modelling.training import metrics_table

    version = forecast_model.version
    metrics = metrics_table(forecast_model.bundle.predictor, version.created_at)
    context.add_asset_metadata(
        {
            **image_metadata({"skill_by_horizon": plot_skill(metrics)}),
            **version_metadata(version, stores.mlflow_ui_url),
            **{name: round(value, 3) for name, value in forecast_model.bundle.provenance.metrics.items() if value is not None},
        }
    )
    return metrics.assign(issue_date=_date(context.partition_key), model_version=version.version, model_run_id=version.run_id)


def decide_about(stores: Stores, pair: CandidatePair) -> PromotionDecision:
    """Apply the promotion rule to what the challenger's backtest says."""
    challenger = pair.challenger
    metrics = stores.warehouse(DOMAIN).read(FORECAST_METRICS, [_day(challenger.partition_key)])
    incumbent = None if pair.incumbent is None else pair.incumbent.version
    return decide_champion(metrics, challenger.version, incumbent, failures_at_gate(metrics, challenger.version))


forecast_champion = champion_asset(
    FORECAST_CHAMPION,
    forecast_model.key,
    decide_about,
    deps=[forecast_metrics],
    automation_condition=AFTER_EACH_BACKTEST,
)


def _date(key: str) -> date:
    return date.fromisoformat(key)


def _day(key: str) -> Partition:
    return partition_of(PARKING_DAYS, key)


ASSETS = [training_window, forecast_model, forecast_metrics, forecast_champion]
