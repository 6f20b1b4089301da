"""Assets: the champion at work, and what each month looked like to it."""

from datetime import timedelta

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE
from mlops_assets.chicago_crimes.assets.model import arrest_champion, arrest_model
from mlops_assets.chicago_crimes.assets.policies import SCORE_CRIMES
from mlops_assets.chicago_crimes.model_contracts import ARREST_DRIFT, ARREST_PREDICTIONS
from mlops_assets.chicago_crimes.modelling.monitoring import (
    LIMITS,
    OUTCOMES_KNOWN_AFTER_DAYS,
    enrich_served,
    measure_month,
    score_crimes,
)
from mlops_assets.chicago_crimes.partitions import CRIME_MONTHS
from mlops_assets.ml.plots import plot_bars
from mlops_assets.months import Month
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.model_io import champion_before, version_metadata
from mlops_assets.orchestration.run_config import StepConfig
from mlops_assets.orchestration.served_predictions import ServedModel, served_assets
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.stores.registry import Stores


class DriftConfig(StepConfig):
    """When outcomes count as known."""

    outcomes_known_after_days: int = Field(default=OUTCOMES_KNOWN_AFTER_DAYS, ge=0)


@warehouse_asset(
    ARREST_PREDICTIONS,
    partitions_def=CRIME_MONTHS,
    deps=[arrest_champion],
    automation_condition=SCORE_CRIMES,
)
def arrest_predictions(
    context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores], raw_crimes: pd.DataFrame
) -> pd.DataFrame:
    month = Month.parse(context.partition_key)
    champion = champion_before(stores.models(), arrest_model.key, month.window(TIME_ZONE)[0])
    scores = score_crimes(champion.bundle, raw_crimes)
    context.add_asset_metadata(
        {
            **version_metadata(champion.version, stores.mlflow_ui_url),
            "predicted_arrest_share": float(scores["is_arrest_predicted"].mean()),
            "mean_probability": float(scores["arrest_probability"].mean()),
        }
    )
    return scores.assign(month=month.first_day, model_version=champion.version.version, model_run_id=champion.version.run_id)


@warehouse_asset(
    ARREST_DRIFT,
    partitions_def=CRIME_MONTHS,
    deps=[arrest_champion],
    automation_condition=SCORE_CRIMES,
)
def arrest_drift(
    context: dg.AssetExecutionContext,
    config: DriftConfig,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    enriched_crimes: pd.DataFrame,
) -> pd.DataFrame:
    month = Month.parse(context.partition_key)
    start, end = month.window(TIME_ZONE)
    champion = champion_before(stores.models(), arrest_model.key, start)
    outcomes_known = clock.now() >= end + timedelta(days=config.outcomes_known_after_days)
    drift = measure_month(champion.bundle, enriched_crimes, outcomes_known)
    columns = drift.table[drift.table["kind"] != "quality"]
    figures = {
        "psi": plot_bars(
            columns["feature"].tolist(), columns["psi"].to_numpy(), f"Distance of {month} from training", "PSI", limit=LIMITS.psi
        )
    }
    context.add_asset_metadata(
        {
            "is_retraining_due": drift.retraining.is_due,
            "reasons": " ".join(drift.retraining.reasons),
            **image_metadata(figures),
            **version_metadata(champion.version, stores.mlflow_ui_url),
            "outcomes_known": outcomes_known,
        }
    )
    return drift.table.assign(month=month.first_day, model_version=champion.version.version, model_run_id=champion.version.run_id)


SERVED_MODEL = ServedModel(DOMAIN, "arrest_model", "arrest_probability", LIMITS, enrich_served)

ASSETS = [arrest_predictions, arrest_drift, *served_assets(SERVED_MODEL)]
