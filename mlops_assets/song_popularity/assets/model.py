"""Assets: the day's training set, its model, how good it is, and the decision whether it becomes champion."""

from collections.abc import Iterator
from datetime import date
from enum import Enum
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.promotion import PromotionDecision
from mlops_assets.ml.training import TrainedModel
from mlops_assets.orchestration.asset_specs import asset_key, lake_table, model
from mlops_assets.orchestration.clock import Clock
from mlops_assets.orchestration.failures import error_context, retrying_transient_errors
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.orchestration.metadata import frame_metadata, image_metadata
from mlops_assets.orchestration.model_io import RegisteredModel, evaluation_metadata, log_trial
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.partitions import partition_of
from mlops_assets.orchestration.promotion import CandidatePair, champion_asset
from mlops_assets.orchestration.run_config import Seed, Share, StepConfig
from mlops_assets.orchestration.table_assets import check_specs, lake_asset, validated, warehouse_asset
from mlops_assets.song_popularity import DOMAIN, defaults
from mlops_assets.song_popularity.assets.checks import (
    DOES_NOT_OVERLAP_TRAIN,
    IS_LATER_THAN_TRAIN,
    PASSES_QUALITY_GATE,
    check_gate,
    check_order,
    check_overlap,
)
from mlops_assets.song_popularity.assets.events import read_history
from mlops_assets.song_popularity.assets.policies import AFTER_EACH_EVALUATION, REPEAT_TRAINING, WITH_TRAINING
from mlops_assets.song_popularity.contracts import EVENTS, HISTORY
from mlops_assets.song_popularity.model_contracts import (
    MODEL_INPUT,
    POPULARITY_CHAMPION,
    POPULARITY_EVALUATION,
    SPOTIFY_MODEL_METRICS,
    TEST_SPLIT,
    TRAIN_SPLIT,
    TRAINING_SET,
)
from mlops_assets.song_popularity.modelling.evaluation import build_gate, draw_evaluation, evaluate_popularity_model
from mlops_assets.song_popularity.modelling.promotion import decide_champion, failures_at_gate
from mlops_assets.song_popularity.modelling.splitting import split_tracks
from mlops_assets.song_popularity.modelling.training import MODEL_NAME, train_popularity_model
from mlops_assets.song_popularity.modelling.training_set import build_training_set, draw_training_set, require_tracks
from mlops_assets.song_popularity.partitions import EVENT_DAYS, WINDOW_BEFORE_DAY
from mlops_assets.song_popularity.settings import SongPopularitySettings
from mlops_assets.stores.registry import Stores

_LEARNED_FROM = ["event_id", "track_id", "popularity", *MODEL_INPUT.column_names]
_SPLIT_CHECKS = (DOES_NOT_OVERLAP_TRAIN, IS_LATER_THAN_TRAIN)
SETTINGS_KEY = "song_popularity_settings"


class TrainingSetConfig(StepConfig):
    """The least that a training set must hold."""

    minimum_tracks: int = Field(default=defaults.MINIMUM_TRACKS, ge=10)


class SplitConfig(StepConfig):
    """How much is set aside."""

    test_share: Share = defaults.TEST_SHARE


class Family(Enum):
    """Kinds of model."""

    logistic_regression = "logistic_regression"
    random_forest = "random_forest"
    hist_gradient_boosting = "hist_gradient_boosting"
    soft_vote = "soft_vote"


class SearchConfig(StepConfig):
    """What is tried: all families if none is named. The time budget is a ceiling; a search that it cuts short says so."""

    tuning_trials: int = Field(default=defaults.TUNING_TRIALS, ge=0)
    time_budget_seconds: float = Field(default=defaults.TIME_BUDGET_SECONDS, gt=0)
    families: list[Family] = []
    seed: Seed = defaults.SEED


class EvaluationConfig(StepConfig):
    """How intervals are measured."""

    seed: Seed = defaults.SEED


@lake_asset(
    TRAINING_SET,
    is_intermediate=True,
    partitions_def=EVENT_DAYS,
    ins={
        "events": dg.AssetIn(
            partition_mapping=WINDOW_BEFORE_DAY.partition_mapping,
            metadata={"columns": _LEARNED_FROM, "skip_missing_partitions": True},
        )
    },
    deps=[asset_key(HISTORY)],
    automation_condition=REPEAT_TRAINING,
)
def training_set(
    context: dg.AssetExecutionContext, config: TrainingSetConfig, stores: dg.ResourceParam[Stores], events: PartitionedFrames
) -> pd.DataFrame:
    with retrying_transient_errors(), error_context(f"{TRAINING_SET.label}, day {context.partition_key}"):
        window = _window(context.partition_key)
        known = events.concatenated() if events.keys else _no_events()
        tracks = build_training_set(known, read_history(stores), window=window)
        require_tracks(tracks, config.minimum_tracks)
    context.add_asset_metadata(
        {**image_metadata(draw_training_set(tracks)), "days": ", ".join(sorted(events.keys)), "track_count": len(tracks)}
    )
    return tracks


def _no_events() -> pd.DataFrame:
    from mlops_assets.contracts.frames import empty_frame

    return empty_frame(EVENTS)[_LEARNED_FROM]


def _window(key: str) -> tuple[Any, Any]:
    end = EVENT_DAYS.time_window_for_partition_key(key).start
    return end - pd.Timedelta(days=defaults.WINDOW_DAYS), end


@dg.multi_asset(
    name=f"{DOMAIN}__splits",
    outs={
        "train_split": dg.AssetOut(**lake_table(TRAIN_SPLIT, is_intermediate=True), automation_condition=WITH_TRAINING),
        "test_split": dg.AssetOut(**lake_table(TEST_SPLIT, is_intermediate=True), automation_condition=WITH_TRAINING),
    },
    check_specs=check_specs(TRAIN_SPLIT, TEST_SPLIT, partitions=EVENT_DAYS, checks=_SPLIT_CHECKS),
    partitions_def=EVENT_DAYS,
)
@validated(TRAIN_SPLIT, TEST_SPLIT)
def splits(config: SplitConfig, training_set: pd.DataFrame) -> Iterator[dg.Output[pd.DataFrame] | dg.AssetCheckResult]:
    """Split the tracks by time."""
    train, test = split_tracks(training_set, config.test_share)
    for name, rows in (("train_split", train), ("test_split", test)):
        shares = rows["popularity_level"].value_counts(normalize=True).rename("share").reset_index()
        yield dg.Output(rows, name, metadata={"levels": frame_metadata(shares)})
    yield DOES_NOT_OVERLAP_TRAIN.report(check_overlap(train, test))
    yield IS_LATER_THAN_TRAIN.report(check_order(train, test))


@dg.asset(
    **model(
        DOMAIN,
        MODEL_NAME,
        "The day's model of whether a track's popularity is low, medium or high: of several kinds of model, the one with the "
        "lowest log loss on validation tracks, fitted again on all training tracks, as one bundle that takes a raw event. Artists "
        "and albums are known by the tracks of theirs that it has learned from. Registered in MLflow, with every configuration "
        "that was tried.",
    ),
    partitions_def=EVENT_DAYS,
    automation_condition=WITH_TRAINING,
)
def popularity_model(context: dg.AssetExecutionContext, config: SearchConfig, train_split: pd.DataFrame) -> TrainedModel:
    with error_context(f"{DOMAIN}/{MODEL_NAME}, day {context.partition_key}"):
        trained = train_popularity_model(
            train_split,
            window=_window(context.partition_key),
            tuning_trials=config.tuning_trials,
            time_budget_seconds=config.time_budget_seconds,
            seed=config.seed,
            families=[family.value for family in config.families],
            on_trial=log_trial(context),
        )
    context.add_asset_metadata({"fitted_on": f"all {len(train_split):,} training tracks, after the choice"})
    return trained


@warehouse_asset(
    POPULARITY_EVALUATION,
    checks=(PASSES_QUALITY_GATE,),
    partitions_def=EVENT_DAYS,
    automation_condition=WITH_TRAINING,
)
def popularity_evaluation(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    song_popularity_settings: dg.ResourceParam[SongPopularitySettings],
    popularity_model: RegisteredModel,
    train_split: pd.DataFrame,
    test_split: pd.DataFrame,
) -> Iterator[dg.Output[pd.DataFrame] | dg.AssetCheckResult]:
    bundle, version = popularity_model.bundle, popularity_model.version
    gate = build_gate(song_popularity_settings.minimum_accuracy, song_popularity_settings.minimum_macro_f1)
    evaluation = evaluate_popularity_model(bundle, train_split, test_split, gate, config.seed)
    figures = draw_evaluation(evaluation, test_split)
    with retrying_transient_errors():
        stores.models().log_evaluation(version, evaluation.metrics, figures, now=clock.now())
    shown = evaluation.table[["predictor", "metric", "popularity_level", "value", "value_low", "value_high"]]
    context.add_asset_metadata(
        {
            "figures": frame_metadata(shown),
            **evaluation_metadata(version, evaluation.metrics, evaluation.failures, figures, stores.mlflow_ui_url),
        }
    )
    day = date.fromisoformat(context.partition_key)
    yield dg.Output(evaluation.table.assign(model_date=day, model_version=version.version, model_run_id=version.run_id))
    yield PASSES_QUALITY_GATE.report(check_gate(evaluation.failures))


@warehouse_asset(SPOTIFY_MODEL_METRICS, partitions_def=EVENT_DAYS, automation_condition=WITH_TRAINING)
def spotify_model_metrics(
    context: dg.AssetExecutionContext,
    song_popularity_settings: dg.ResourceParam[SongPopularitySettings],
    popularity_model: RegisteredModel,
    popularity_evaluation: pd.DataFrame,
) -> pd.DataFrame:
    version = popularity_model.version
    figures = popularity_evaluation[popularity_evaluation["popularity_level"] == "all"].set_index(["predictor", "metric"])["value"]
    metrics = {
        "accuracy": float(figures["model", "accuracy"]),
        "f1_score": float(figures["model", "macro_f1"]),
        "log_loss": float(figures["model", "log_loss"]),
        "majority_accuracy": float(figures["majority_class", "accuracy"]),
    }
    context.add_asset_metadata({name: round(value, 4) for name, value in metrics.items()})
    gate = build_gate(song_popularity_settings.minimum_accuracy, song_popularity_settings.minimum_macro_f1)
    failures = failures_at_gate(popularity_evaluation, version.version, gate)
    return pd.DataFrame(
        [
            {
                "model_date": date.fromisoformat(context.partition_key),
                "run_time": pd.Timestamp(version.created_at).tz_convert("UTC").as_unit("us"),
                **metrics,
                "is_gate_passed": not failures,
                "gate_failures": " ".join(failures) or None,
                "model_version": version.version,
                "model_run_id": version.run_id,
            }
        ]
    )


def gate_failures_of(metrics: pd.DataFrame, version: int) -> list[str]:
    """Return what kept a version from passing the quality gate when it was evaluated, from rows of `spotify_model_metrics`.

    Raises:
        MissingPartitionError: it has not been evaluated.
    """
    of_version = metrics[metrics["model_version"] == version]
    if of_version.empty:
        raise MissingPartitionError(f"version {version} has no row in {SPOTIFY_MODEL_METRICS.label}; evaluate it first")
    return of_version["gate_failures"].dropna().tolist()


def decide_about(stores: Stores, pair: CandidatePair) -> PromotionDecision:
    """Let a challenger and the version before it score the challenger's test tracks, and apply the promotion rule."""
    registry, challenger = stores.models(), pair.challenger
    day = partition_of(EVENT_DAYS, challenger.partition_key)
    failures = gate_failures_of(stores.warehouse(DOMAIN).read(SPOTIFY_MODEL_METRICS, [day]), challenger.version)
    test = read_partition(stores.lake(DOMAIN), TEST_SPLIT, day)
    incumbent = None if pair.incumbent is None else registry.load(pair.incumbent)
    return decide_champion(test, registry.load(challenger), incumbent, failures)


popularity_champion = champion_asset(
    POPULARITY_CHAMPION,
    popularity_model.key,
    decide_about,
    deps=[spotify_model_metrics, asset_key(TEST_SPLIT)],
    automation_condition=AFTER_EACH_EVALUATION,
)


ASSETS = [training_set, splits, popularity_model, popularity_evaluation, spotify_model_metrics, popularity_champion]
