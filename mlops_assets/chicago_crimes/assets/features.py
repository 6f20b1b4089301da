"""Assets: from the training window to the features that a model is fitted on."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.chicago_crimes import DOMAIN, recipe
from mlops_assets.chicago_crimes.balancing import balance_classes
from mlops_assets.chicago_crimes.checks import DOES_NOT_OVERLAP_TRAIN, IS_LATER_THAN_TRAIN, judge_order, judge_overlap
from mlops_assets.chicago_crimes.conditions import TRAIN_ONCE_A_MONTH, WITH_TRAINING
from mlops_assets.chicago_crimes.features import SOURCE_COLUMNS
from mlops_assets.chicago_crimes.model_contracts import (
    BALANCED_TRAIN,
    SCALED_TEST,
    SCALED_TRAIN,
    SELECTED_FEATURES,
    TEST_SPLIT,
    TRAIN_SPLIT,
    TRAINING_WINDOW,
)
from mlops_assets.chicago_crimes.partitions import MODEL_MONTHS, WINDOW_BEFORE_MONTH
from mlops_assets.chicago_crimes.selection import correlate_features, draw_selection, select_features
from mlops_assets.chicago_crimes.training_window import (
    WINDOW_MONTHS,
    build_training_window,
    draw_training_window,
    require_months,
    split_training_window,
)
from mlops_assets.orchestration.asset_options import fitted_object, lake_table
from mlops_assets.orchestration.failures import naming
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.run_config import Seed, Share, StepConfig
from mlops_assets.orchestration.table_assets import check_specs, holding, lake_asset
from mlops_assets.orchestration.tables import image_metadata

_JUDGED_COLUMNS = [*SOURCE_COLUMNS, "is_arrest", "is_validation"]
"""All that feature selection looks at."""
_SPLIT_CHECKS = (DOES_NOT_OVERLAP_TRAIN, IS_LATER_THAN_TRAIN)


class SplitStrategy(Enum):
    """How test rows are chosen."""

    time = "time"
    random = "random"


class WindowConfig(StepConfig):
    """The least that a training window must hold."""

    minimum_months: int = Field(default=recipe.MINIMUM_MONTHS, ge=1, le=WINDOW_MONTHS)
    minimum_rows: int = Field(default=recipe.MINIMUM_ROWS, ge=1)


class SplitConfig(StepConfig):
    """How the training window is split."""

    strategy: SplitStrategy = SplitStrategy(recipe.SPLIT_STRATEGY)
    test_share: Share = recipe.TEST_SHARE
    validation_share: Share = recipe.VALIDATION_SHARE


class BalanceConfig(StepConfig):
    """How far classes are balanced."""

    oversampled_ratio: float = Field(default=recipe.OVERSAMPLED_RATIO, gt=0, le=1)
    undersampled_ratio: float = Field(default=recipe.UNDERSAMPLED_RATIO, gt=0, le=1)
    seed: Seed = recipe.BALANCE_SEED


class SelectionConfig(StepConfig):
    """Which features are worth using."""

    minimum_information: float = Field(default=recipe.MINIMUM_INFORMATION, ge=0)
    largest_correlation: float = Field(default=recipe.LARGEST_CORRELATION, gt=0, le=1)
    seed: Seed = recipe.SEED


@lake_asset(
    TRAINING_WINDOW,
    is_intermediate=True,
    partitions_def=MODEL_MONTHS,
    ins={
        "enriched_crimes": dg.AssetIn(
            partition_mapping=WINDOW_BEFORE_MONTH,
            metadata={"columns": TRAINING_WINDOW.column_names, "skip_missing_partitions": True},
        )
    },
    automation_condition=TRAIN_ONCE_A_MONTH,
)
def training_window(context: dg.AssetExecutionContext, config: WindowConfig, enriched_crimes: PartitionedFrames) -> pd.DataFrame:
    months = enriched_crimes.keys
    with naming(f"{TRAINING_WINDOW.label}, month {context.partition_key}"):
        require_months(months, config.minimum_months)
        window = build_training_window(enriched_crimes.concatenated(), months, config.minimum_months, config.minimum_rows)
    context.add_asset_metadata(
        {
            **image_metadata(draw_training_window(window)),
            "months": ", ".join(months),
            "arrest_share": float(window["is_arrest"].mean()),
        }
    )
    return window


@dg.multi_asset(
    outs={
        "train_split": dg.AssetOut(**lake_table(TRAIN_SPLIT, is_intermediate=True), automation_condition=WITH_TRAINING),
        "test_split": dg.AssetOut(**lake_table(TEST_SPLIT, is_intermediate=True), automation_condition=WITH_TRAINING),
    },
    check_specs=check_specs(TRAIN_SPLIT, TEST_SPLIT, partitions=MODEL_MONTHS, checks=_SPLIT_CHECKS),
    partitions_def=MODEL_MONTHS,
)
@holding(TRAIN_SPLIT, TEST_SPLIT)
def splits(config: SplitConfig, training_window: pd.DataFrame) -> Iterator[dg.Output[pd.DataFrame] | dg.AssetCheckResult]:
    """Split the training window."""
    train, test = split_training_window(training_window, config.strategy.value, config.test_share, config.validation_share)
    for name, rows in (("train_split", train), ("test_split", test)):
        metadata: dict[str, str | float] = {
            "arrest_share": float(rows["is_arrest"].mean()),
            "first_crime_at": str(rows["occurred_at"].min()),
            "last_crime_at": str(rows["occurred_at"].max()),
            "strategy": config.strategy.value,
        }
        yield dg.Output(rows, name, metadata=metadata)
    yield DOES_NOT_OVERLAP_TRAIN.report(judge_overlap(train, test))
    yield IS_LATER_THAN_TRAIN.report(judge_order(train, test))


@dg.multi_asset(
    outs={
        "preprocessing": dg.AssetOut(
            **fitted_object(
                DOMAIN,
                "preprocessing",
                "The fitted transformer from enriched crimes to features: code frequencies and arrest rates, medians, limits and "
                "scales, all learned from fitting rows alone. It becomes part of the model.",
            ),
            automation_condition=WITH_TRAINING,
        ),
        "scaled_train": dg.AssetOut(**lake_table(SCALED_TRAIN, is_intermediate=True), automation_condition=WITH_TRAINING),
    },
    check_specs=check_specs(SCALED_TRAIN, partitions=MODEL_MONTHS),
    partitions_def=MODEL_MONTHS,
)
@holding(SCALED_TRAIN)
def preprocessing(train_split: pd.DataFrame) -> Iterator[dg.Output]:
    """Fit the preprocessing and transform the train split, in one step because fitting rows are cross-fitted."""
    from mlops_assets.chicago_crimes.preprocessing import fit_preprocessing

    preprocessor, scaled = fit_preprocessing(train_split)
    yield dg.Output(preprocessor, "preprocessing", metadata={"feature_count": len(scaled.columns) - 3})
    yield dg.Output(scaled, "scaled_train")


@lake_asset(SCALED_TEST, is_intermediate=True, partitions_def=MODEL_MONTHS, automation_condition=WITH_TRAINING)
def scaled_test(preprocessing: Any, test_split: pd.DataFrame) -> pd.DataFrame:
    from mlops_assets.chicago_crimes.preprocessing import scale_test

    return scale_test(preprocessing, test_split)


@lake_asset(BALANCED_TRAIN, is_intermediate=True, partitions_def=MODEL_MONTHS, automation_condition=WITH_TRAINING)
def balanced_train(context: dg.AssetExecutionContext, config: BalanceConfig, scaled_train: pd.DataFrame) -> pd.DataFrame:
    balanced = balance_classes(scaled_train, config.oversampled_ratio, config.undersampled_ratio, config.seed)
    context.add_asset_metadata(
        {
            "arrest_share_before": float(scaled_train["is_arrest"].mean()),
            "arrest_share_after": float(balanced["is_arrest"].mean()),
            "synthetic_share": float(balanced["is_synthetic"].mean()),
        }
    )
    return balanced


@lake_asset(
    SELECTED_FEATURES,
    partitions_def=MODEL_MONTHS,
    ins={"train_split": dg.AssetIn(metadata={"columns": _JUDGED_COLUMNS})},
    automation_condition=WITH_TRAINING,
)
def selected_features(
    context: dg.AssetExecutionContext, config: SelectionConfig, train_split: pd.DataFrame, scaled_train: pd.DataFrame
) -> pd.DataFrame:
    correlation = correlate_features(scaled_train)
    scores = select_features(train_split, correlation, config.minimum_information, config.largest_correlation, config.seed)
    figures = draw_selection(scores, correlation, config.minimum_information)
    context.add_asset_metadata({**image_metadata(figures), "selected_count": int(scores["is_selected"].sum())})
    return scores


ASSETS = [training_window, splits, preprocessing, scaled_test, balanced_train, selected_features]
