"""Assets: the preference model, its figures, and the decision whether it becomes champion."""

from enum import Enum

import dagster as dg
import pandas as pd
from pydantic import Field, field_validator

from mlops_assets.ml.promotion import PromotionDecision
from mlops_assets.ml.training import TrainedModel, TrainingDataset
from mlops_assets.orchestration.asset_specs import asset_key, model
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import retrying_transient_errors
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.metadata import frame_metadata
from mlops_assets.orchestration.model_io import RegisteredModel, evaluation_metadata, log_trial
from mlops_assets.orchestration.promotion import CandidatePair, champion_asset
from mlops_assets.orchestration.run_config import Seed, StepConfig
from mlops_assets.orchestration.table_assets import warehouse_asset
from mlops_assets.song_preference import DOMAIN, defaults
from mlops_assets.song_preference.assets.checks import PASSES_QUALITY_GATE
from mlops_assets.song_preference.assets.policies import AFTER_EACH_EVALUATION, WITH_TRAINING
from mlops_assets.song_preference.contracts import DATASET
from mlops_assets.song_preference.model_contracts import PREFERENCE_CHAMPION, PREFERENCE_EVALUATION, TEST_SPLIT
from mlops_assets.song_preference.modelling.candidates import installed_families
from mlops_assets.song_preference.modelling.evaluation import draw_evaluation, evaluate_preference_model, measure_importance
from mlops_assets.song_preference.modelling.promotion import decide_champion, failures_at_gate
from mlops_assets.song_preference.modelling.training import MODEL_NAME, train_preference_model
from mlops_assets.stores.registry import Stores
from mlops_assets.urls import redact


class Family(Enum):
    """Kinds of model."""

    logistic_regression = "logistic_regression"
    svc_linear = "svc_linear"
    svc_poly = "svc_poly"
    svc_rbf = "svc_rbf"
    decision_tree = "decision_tree"
    gradient_boosting = "gradient_boosting"
    random_forest = "random_forest"
    soft_vote = "soft_vote"
    xgboost = "xgboost"


class FeatureSet(Enum):
    """The features that a model may know: all thirteen, or the original system's four."""

    all = "all"
    original = "original"


class SearchConfig(StepConfig):
    """What is tried: all families that are installed, and both sets of features, if none is named.

    The time budget is a ceiling; a search that it cuts short says so, and its result depends on the machine's speed.
    """

    tuning_trials: int = Field(default=defaults.TUNING_TRIALS, ge=0)
    time_budget_seconds: float = Field(default=defaults.TIME_BUDGET_SECONDS, gt=0)
    families: list[Family] = []
    feature_sets: list[FeatureSet] = []
    folds: int = Field(default=defaults.FOLDS, ge=2, le=20)
    repeats: int = Field(default=defaults.REPEATS, ge=1)
    seed: Seed = defaults.SEED

    @field_validator("families")
    @classmethod
    def _are_installed(cls, families: list[Family]) -> list[Family]:
        known = installed_families()
        for family in families:
            if family.value not in known:
                raise ValueError(f"{family.value} is not installed: make install-{family.value}")
        return families


class EvaluationConfig(StepConfig):
    """How intervals and importance are measured."""

    seed: Seed = defaults.SEED


@dg.asset(
    **model(
        DOMAIN,
        MODEL_NAME,
        "The model of whether a listener likes a song: of several kinds of model, on all thirteen audio features and on the "
        "original's four, the one with the lowest log loss in repeated cross-validation, fitted again on all training songs, as "
        "one bundle that takes raw songs; what is missing of one is unknown. Registered in MLflow, with every configuration that "
        "was tried and the dataset that it learned from.",
    ),
    ins={"data_info": dg.AssetIn(metadata={"columns": ["column_name", "value_count", "content_hash"]})},
    automation_condition=WITH_TRAINING,
)
def preference_model(
    context: dg.AssetExecutionContext,
    config: SearchConfig,
    stores: dg.ResourceParam[Stores],
    train_split: pd.DataFrame,
    data_info: pd.DataFrame,
) -> TrainedModel:
    trained = train_preference_model(
        train_split,
        tuning_trials=config.tuning_trials,
        time_budget_seconds=config.time_budget_seconds,
        folds=config.folds,
        repeats=config.repeats,
        seed=config.seed,
        families=[family.value for family in config.families],
        feature_sets=[feature_set.value for feature_set in config.feature_sets],
        datasets=[_dataset_of(data_info, stores)],
        on_trial=log_trial(context),
    )
    context.add_asset_metadata(
        {
            "fitted_on": f"all {len(train_split):,} training songs, after the choice",
            "validation_metrics_of": (
                f"songs that were left out of the fit, in {config.repeats} x {config.folds} folds, as are the threshold and the "
                "reference score for drift; only the figures on test songs, in preference_evaluation, say how good the model is"
            ),
        }
    )
    return trained


def _dataset_of(data_info: pd.DataFrame, stores: Stores) -> TrainingDataset:
    """Return the dataset as runs name it, with the hash under which it is registered."""
    label = data_info.loc[data_info["column_name"] == "is_liked"].iloc[0]
    return TrainingDataset(
        name=DATASET.label,
        content_hash=label["content_hash"],
        source=f"{redact(stores.url('lake', DOMAIN)).rstrip('/')}/{DOMAIN}/{DATASET.name}",
        row_count=int(label["value_count"]),
        columns={column.name: column.type for column in DATASET.columns},
    )


@warehouse_asset(PREFERENCE_EVALUATION, checks=(PASSES_QUALITY_GATE,), automation_condition=WITH_TRAINING)
def preference_evaluation(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    preference_model: RegisteredModel,
    train_split: pd.DataFrame,
    test_split: pd.DataFrame,
) -> pd.DataFrame:
    bundle, version = preference_model.bundle, preference_model.version
    evaluation = evaluate_preference_model(bundle, train_split, test_split, config.seed)
    importance = measure_importance(bundle, test_split, config.seed)
    figures = draw_evaluation(evaluation, test_split["is_liked"].to_numpy(dtype=bool), importance)
    metrics = evaluation.model.as_dict()
    with retrying_transient_errors():
        stores.models().log_evaluation(version, metrics, figures, now=clock.now())
    shown = evaluation.table[["predictor", "metric", "value", "value_low", "value_high"]]
    context.add_asset_metadata(
        {
            "figures": frame_metadata(shown),
            **evaluation_metadata(version, metrics, evaluation.failures, figures, stores.mlflow_ui_url),
        }
    )
    return evaluation.table.assign(model_version=version.version, model_run_id=version.run_id)


def decide_about(stores: Stores, pair: CandidatePair) -> PromotionDecision:
    """Let a challenger and the champion score the challenger's test songs, and apply the promotion rule."""
    registry, challenger = stores.models(), pair.challenger
    failures = failures_at_gate(stores.warehouse(DOMAIN).read(PREFERENCE_EVALUATION), challenger.version)
    test = read_partition(stores.lake(DOMAIN), TEST_SPLIT, None)
    incumbent = None if pair.incumbent is None else registry.load(pair.incumbent)
    return decide_champion(test, registry.load(challenger), incumbent, failures)


preference_champion = champion_asset(
    PREFERENCE_CHAMPION,
    preference_model.key,
    decide_about,
    deps=[preference_evaluation, asset_key(TEST_SPLIT)],
    automation_condition=AFTER_EACH_EVALUATION,
)


ASSETS = [preference_model, preference_evaluation, preference_champion]
