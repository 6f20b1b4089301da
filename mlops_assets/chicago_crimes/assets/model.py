"""Assets: the month's model, its figures, and the decision whether it becomes champion."""

from datetime import datetime, timezone
from typing import Any

import dagster as dg
import pandas as pd

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE, recipe
from mlops_assets.chicago_crimes.championship import decide_champion, failures_at_gate
from mlops_assets.chicago_crimes.conditions import AFTER_EACH_EVALUATION, FOLLOW_TRAINING
from mlops_assets.chicago_crimes.evaluation import draw_evaluation, evaluate_arrest_model, measure_importance
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_EVALUATION, TEST_SPLIT
from mlops_assets.chicago_crimes.partitions import MODEL_MONTHS
from mlops_assets.chicago_crimes.training import MODEL_NAME, TRAINING_ROWS, train_arrest_model
from mlops_assets.chicago_crimes.training_window import WINDOW_MONTHS
from mlops_assets.ml.promotion_record import promotion_record
from mlops_assets.ml.training import TrainedModel
from mlops_assets.months import Month
from mlops_assets.orchestration.asset_options import model
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.model_io import RegisteredModel, model_name, version_metadata
from mlops_assets.orchestration.promotion import apply_decision, decision_metadata, find_contest
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.orchestration.tables import image_metadata
from mlops_assets.stores.catalog import Stores


class SearchConfig(dg.Config):
    """How much is tried: all candidate families if none is named.

    The time budget is a ceiling; a search that it cuts short says so, and its result depends on the machine's speed.
    """

    trials_per_candidate: int = recipe.TRIALS_PER_CANDIDATE
    time_budget_seconds: float = recipe.TIME_BUDGET_SECONDS
    families: list[str] = []
    rows: list[str] = list(TRAINING_ROWS)
    seed: int = recipe.SEED


class EvaluationConfig(dg.Config):
    """How feature importance is measured."""

    seed: int = recipe.SEED


@dg.asset(
    **model(
        DOMAIN,
        MODEL_NAME,
        "The month's model of whether a crime leads to an arrest: of several kinds of model, on natural and on balanced rows, the "
        "one with the lowest log loss on validation rows, as one bundle that takes raw crime records. Registered in MLflow, with "
        "every configuration that was tried.",
    ),
    partitions_def=MODEL_MONTHS,
    automation_condition=FOLLOW_TRAINING,
)
def arrest_model(
    context: dg.AssetExecutionContext,
    config: SearchConfig,
    train_split: pd.DataFrame,
    scaled_train: pd.DataFrame,
    balanced_train: pd.DataFrame,
    selected_features: pd.DataFrame,
    preprocessing: Any,
    police_stations: pd.DataFrame,
) -> TrainedModel:
    month = Month.parse(context.partition_key)
    window = (month.plus(-WINDOW_MONTHS).window(TIME_ZONE)[0], month.window(TIME_ZONE)[0])
    return train_arrest_model(
        train_split,
        scaled_train,
        balanced_train,
        selected_features,
        preprocessing,
        police_stations,
        window=window,
        trials_per_candidate=config.trials_per_candidate,
        time_budget_seconds=config.time_budget_seconds,
        seed=config.seed,
        families=config.families,
        rows=config.rows,
        on_trial=lambda trial: context.log.info(
            f"{trial.family} on {trial.rows} rows: log loss {trial.score:.4f} in {trial.fit_seconds:.1f} s"
        ),
    )


@warehouse_asset(
    ARREST_EVALUATION,
    partitions_def=MODEL_MONTHS,
    ins={"train_split": dg.AssetIn(metadata={"columns": ["primary_type", "is_arrest", "is_validation"]})},
    automation_condition=FOLLOW_TRAINING,
)
def arrest_evaluation(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    stores: dg.ResourceParam[Stores],
    arrest_model: RegisteredModel,
    train_split: pd.DataFrame,
    test_split: pd.DataFrame,
    scaled_test: pd.DataFrame,
) -> pd.DataFrame:
    bundle, version = arrest_model.bundle, arrest_model.version
    evaluation = evaluate_arrest_model(bundle, train_split, test_split)
    importance = measure_importance(bundle, scaled_test, config.seed)
    figures = draw_evaluation(evaluation, test_split["is_arrest"].to_numpy(dtype=bool), importance)
    with retrying_transient_errors():
        stores.models().log_evaluation(version, evaluation.model.as_dict(), figures, now=datetime.now(timezone.utc))
    context.add_asset_metadata(
        {
            **{name: round(value, 4) for name, value in evaluation.model.as_dict().items() if value is not None},
            "type_rate_auc": round(evaluation.type_rate.auc or 0.0, 4),
            "gate": "passed" if not evaluation.failures else " ".join(evaluation.failures),
            **version_metadata(version, stores.mlflow_ui_url),
            **image_metadata(figures),
        }
    )
    month = Month.parse(context.partition_key).first_day
    return evaluation.table.assign(month=month, model_version=version.version, model_run_id=version.run_id)


@warehouse_asset(
    ARREST_CHAMPION,
    deps=[arrest_evaluation, dg.AssetKey([DOMAIN, "test_split"])],
    automation_condition=AFTER_EACH_EVALUATION,
)
def arrest_champion(context: dg.AssetExecutionContext, stores: dg.ResourceParam[Stores]) -> pd.DataFrame:
    """Not partitioned: there is one champion, and the challenger says to which month its test rows belong."""
    registry = stores.models()
    with retrying_transient_errors():
        contest = find_contest(registry, model_name(arrest_model.key))
        if contest is None:
            context.add_asset_metadata({"decision": "Nothing to decide: a rollback put this champion in charge."})
            return stores.warehouse(DOMAIN).read(ARREST_CHAMPION)
        challenger = contest.challenger
        month = Month.parse(challenger.version.partition)
        test = read_partition(stores.lake(DOMAIN), TEST_SPLIT, month.key)
        evaluation = stores.warehouse(DOMAIN).read(ARREST_EVALUATION, [month.first_day])
    objections = failures_at_gate(evaluation, challenger.version.version) + ([contest.objection] if contest.objection else [])
    champion = contest.champion
    decision = decide_champion(test, challenger.bundle, champion.bundle if champion else None, objections)
    with retrying_transient_errors():
        apply_decision(registry, contest, decision)
    context.add_asset_metadata(decision_metadata(decision, contest, stores.mlflow_ui_url))
    return promotion_record(decision, challenger.version.version, champion.version.version if champion else None)


ASSETS = [arrest_model, arrest_evaluation, arrest_champion]
