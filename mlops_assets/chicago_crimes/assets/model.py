"""Assets: the month's model, its figures, and the decision whether it becomes champion."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field, field_validator, model_validator

from mlops_assets.chicago_crimes import DOMAIN, TIME_ZONE, defaults
from mlops_assets.chicago_crimes.assets.checks import PASSES_QUALITY_GATE, SERVES_TRAINING_FEATURES, check_features
from mlops_assets.chicago_crimes.assets.policies import AFTER_EACH_EVALUATION, WITH_TRAINING
from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_EVALUATION, TEST_SPLIT
from mlops_assets.chicago_crimes.modelling.candidates import installed_families, require_candidate
from mlops_assets.chicago_crimes.modelling.evaluation import (
    draw_evaluation,
    evaluate_arrest_model,
    largest_feature_difference,
    measure_importance,
)
from mlops_assets.chicago_crimes.modelling.promotion import decide_champion, failures_at_gate
from mlops_assets.chicago_crimes.modelling.resampling import ClassBalance
from mlops_assets.chicago_crimes.modelling.training import MODEL_NAME, train_arrest_model
from mlops_assets.chicago_crimes.modelling.training_window import WINDOW_MONTHS
from mlops_assets.chicago_crimes.partitions import MODEL_MONTHS
from mlops_assets.ml.promotion import PromotionDecision
from mlops_assets.ml.training import TrainedModel
from mlops_assets.months import Month
from mlops_assets.orchestration.asset_specs import asset_key, model
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.model_io import RegisteredModel, evaluation_metadata, log_trial
from mlops_assets.orchestration.promotion import CandidatePair, champion_asset
from mlops_assets.orchestration.run_config import Seed, StepConfig
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.stores.registry import Stores

_COMPARED_ROWS = 2_000
"""Test rows whose features are made twice, from raw and from enriched columns."""


class Family(Enum):
    """Kinds of model."""

    logistic_regression = "logistic_regression"
    random_forest = "random_forest"
    hist_gradient_boosting = "hist_gradient_boosting"
    xgboost = "xgboost"


class FeatureSet(Enum):
    """Ways to make features of columns."""

    encoded = "encoded"
    native = "native"


class Resampling(Enum):
    """What is done to the classes of training rows."""

    none = "none"
    smote = "smote"


class SearchConfig(StepConfig):
    """What is tried: all families that are installed, and all sets of features, if none is named.

    The time budget is a ceiling; a search that it cuts short says so, and its result depends on the machine's speed. The ratios and
    their seed are SMOTE's, which is tried only if named among the resamplings.
    """

    tuning_trials: int = Field(default=defaults.TUNING_TRIALS, ge=0)
    time_budget_seconds: float = Field(default=defaults.TIME_BUDGET_SECONDS, gt=0)
    families: list[Family] = []
    feature_sets: list[FeatureSet] = []
    resamplings: list[Resampling] = []
    oversampled_ratio: float = Field(default=defaults.OVERSAMPLED_RATIO, gt=0, le=1)
    undersampled_ratio: float = Field(default=defaults.UNDERSAMPLED_RATIO, gt=0, le=1)
    balance_seed: Seed = defaults.BALANCE_SEED
    seed: Seed = defaults.SEED

    @field_validator("families")
    @classmethod
    def _are_installed(cls, families: list[Family]) -> list[Family]:
        known = installed_families()
        for family in families:
            if family.value not in known:
                raise ValueError(f"{family.value} is not installed: make install-{family.value}")
        return families

    @model_validator(mode="after")
    def _suit_each_other(self) -> "SearchConfig":
        require_candidate(**self.names())
        return self

    def names(self) -> dict[str, list[str]]:
        """Return what is named to be tried, as `train_arrest_model` takes it."""
        return {
            "families": [family.value for family in self.families],
            "feature_sets": [feature_set.value for feature_set in self.feature_sets],
            "resamplings": [resampling.value for resampling in self.resamplings],
        }


class EvaluationConfig(StepConfig):
    """How feature importance is measured."""

    seed: Seed = defaults.SEED


@dg.asset(
    **model(
        DOMAIN,
        MODEL_NAME,
        "The month's model of whether a crime leads to an arrest: of several kinds of model, on encoded and on native features, "
        "the one with the lowest log loss on validation rows, fitted again on all development rows, as one bundle that takes raw "
        "crime records. Registered in MLflow, with every configuration that was tried.",
    ),
    partitions_def=MODEL_MONTHS,
    automation_condition=WITH_TRAINING,
)
def arrest_model(
    context: dg.AssetExecutionContext,
    config: SearchConfig,
    development_split: pd.DataFrame,
    feature_encoding: Any,
    encoded_train: pd.DataFrame,
    selected_features: pd.DataFrame,
    police_stations: pd.DataFrame,
) -> TrainedModel:
    month = Month.parse(context.partition_key)
    trained = train_arrest_model(
        development_split,
        feature_encoding,
        encoded_train,
        selected_features,
        police_stations,
        window=(month.plus(-WINDOW_MONTHS).window(TIME_ZONE)[0], month.window(TIME_ZONE)[0]),
        tuning_trials=config.tuning_trials,
        time_budget_seconds=config.time_budget_seconds,
        seed=config.seed,
        **config.names(),
        balance=ClassBalance(config.oversampled_ratio, config.undersampled_ratio, config.balance_seed),
        on_trial=log_trial(context),
    )
    validation_rows = int(development_split["is_validation"].sum())
    context.add_asset_metadata(
        {
            "fitted_on": f"all {len(development_split):,} development rows, after the choice",
            "validation_metrics_of": (
                f"the same settings fitted on {len(development_split) - validation_rows:,} training rows and measured on "
                f"{validation_rows:,} validation rows, as are the threshold and the reference score for drift; the registered "
                "model has learned from both, so that only its figures on test rows, in arrest_evaluation, say how good it is"
            ),
        }
    )
    return trained


@warehouse_asset(
    ARREST_EVALUATION,
    checks=(PASSES_QUALITY_GATE, SERVES_TRAINING_FEATURES),
    partitions_def=MODEL_MONTHS,
    ins={"development_split": dg.AssetIn(metadata={"columns": ["primary_type", "is_arrest"]})},
    automation_condition=WITH_TRAINING,
)
def arrest_evaluation(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    arrest_model: RegisteredModel,
    development_split: pd.DataFrame,
    test_split: pd.DataFrame,
) -> Iterator[dg.Output[pd.DataFrame] | dg.AssetCheckResult]:
    bundle, version = arrest_model.bundle, arrest_model.version
    evaluation = evaluate_arrest_model(bundle, development_split, test_split)
    importance = measure_importance(bundle, test_split, config.seed)
    figures = draw_evaluation(evaluation, test_split["is_arrest"].to_numpy(dtype=bool), importance)
    metrics = evaluation.model.as_dict()
    with retrying_transient_errors():
        stores.models().log_evaluation(version, metrics, figures, now=clock.now())
    context.add_asset_metadata(
        {
            **evaluation_metadata(version, metrics, evaluation.failures, figures, stores.mlflow_ui_url),
            "base_rate_by_type_auc": round(evaluation.base_rate_by_type.auc or 0.0, 4),
        }
    )
    month = Month.parse(context.partition_key).first_day
    yield dg.Output(evaluation.table.assign(month=month, model_version=version.version, model_run_id=version.run_id))
    difference = largest_feature_difference(bundle, test_split.head(_COMPARED_ROWS))
    yield SERVES_TRAINING_FEATURES.report(check_features(difference))


def decide_about(stores: Stores, pair: CandidatePair) -> PromotionDecision:
    """Let a challenger and the version before it score the challenger's test rows, and apply the promotion rule."""
    registry, challenger = stores.models(), pair.challenger
    month = Month.parse(challenger.partition_key)
    evaluation = stores.warehouse(DOMAIN).read(ARREST_EVALUATION, [month.partition])
    failures = failures_at_gate(evaluation, challenger.version)
    test = read_partition(stores.lake(DOMAIN), TEST_SPLIT, month.partition)
    incumbent = None if pair.incumbent is None else registry.load(pair.incumbent)
    return decide_champion(test, registry.load(challenger), incumbent, failures)


arrest_champion = champion_asset(
    ARREST_CHAMPION,
    arrest_model.key,
    decide_about,
    deps=[arrest_evaluation, asset_key(TEST_SPLIT)],
    automation_condition=AFTER_EACH_EVALUATION,
)


ASSETS = [arrest_model, arrest_evaluation, arrest_champion]
