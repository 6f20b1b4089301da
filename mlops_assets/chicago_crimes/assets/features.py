"""Assets: the training window, its splits, and the columns of which a model's features are made."""

from collections.abc import Iterator
from enum import Enum

import dagster as dg
import pandas as pd
from pydantic import Field

from mlops_assets.chicago_crimes import DOMAIN, defaults
from mlops_assets.chicago_crimes.assets.checks import DOES_NOT_OVERLAP_TRAIN, IS_LATER_THAN_TRAIN, check_order, check_overlap
from mlops_assets.chicago_crimes.assets.policies import TRAIN_ONCE_A_MONTH, WITH_TRAINING
from mlops_assets.chicago_crimes.model_contracts import (
    DEVELOPMENT_SPLIT,
    ENCODED_TRAIN,
    SELECTED_FEATURES,
    TEST_SPLIT,
    TRAINING_WINDOW,
)
from mlops_assets.chicago_crimes.modelling.features import ENCODED_COLUMNS, SOURCE_COLUMNS
from mlops_assets.chicago_crimes.modelling.selection import draw_selection, select_features
from mlops_assets.chicago_crimes.modelling.training_window import (
    WINDOW_MONTHS,
    build_training_window,
    draw_training_window,
    require_months,
    split_training_window,
)
from mlops_assets.chicago_crimes.partitions import MODEL_MONTHS, WINDOW_BEFORE_MONTH
from mlops_assets.orchestration.asset_specs import fitted_object, lake_table
from mlops_assets.orchestration.failures import error_context
from mlops_assets.orchestration.metadata import image_metadata
from mlops_assets.orchestration.partitioned_frames import PartitionedFrames
from mlops_assets.orchestration.run_config import Seed, Share, StepConfig
from mlops_assets.orchestration.table_assets import check_specs, lake_asset, validated

_MEASURED_COLUMNS = [*SOURCE_COLUMNS, "is_arrest", "is_validation"]
"""All that feature selection looks at."""
_SPLIT_CHECKS = (DOES_NOT_OVERLAP_TRAIN, IS_LATER_THAN_TRAIN)


class SplitStrategy(Enum):
    """How test rows are chosen."""

    time = "time"
    random = "random"


class WindowConfig(StepConfig):
    """The least that a training window must hold."""

    minimum_months: int = Field(default=defaults.MINIMUM_MONTHS, ge=1, le=WINDOW_MONTHS)
    minimum_rows: int = Field(default=defaults.MINIMUM_ROWS, ge=1)


class SplitConfig(StepConfig):
    """How the training window is split."""

    strategy: SplitStrategy = SplitStrategy(defaults.SPLIT_STRATEGY)
    test_share: Share = defaults.TEST_SHARE
    validation_share: Share = defaults.VALIDATION_SHARE


class SelectionConfig(StepConfig):
    """Which columns are worth using."""

    minimum_information: float = Field(default=defaults.MINIMUM_INFORMATION, ge=0)
    seed: Seed = defaults.SEED


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
    with error_context(f"{TRAINING_WINDOW.label}, month {context.partition_key}"):
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
        "development_split": dg.AssetOut(**lake_table(DEVELOPMENT_SPLIT, is_intermediate=True), automation_condition=WITH_TRAINING),
        "test_split": dg.AssetOut(**lake_table(TEST_SPLIT, is_intermediate=True), automation_condition=WITH_TRAINING),
    },
    check_specs=check_specs(DEVELOPMENT_SPLIT, TEST_SPLIT, partitions=MODEL_MONTHS, checks=_SPLIT_CHECKS),
    partitions_def=MODEL_MONTHS,
)
@validated(DEVELOPMENT_SPLIT, TEST_SPLIT)
def splits(config: SplitConfig, training_window: pd.DataFrame) -> Iterator[dg.Output[pd.DataFrame] | dg.AssetCheckResult]:
    """Split the training window."""
    development, test = split_training_window(training_window, config.strategy.value, config.test_share, config.validation_share)
    for name, rows in (("development_split", development), ("test_split", test)):
        metadata: dict[str, str | float] = {
            "arrest_share": float(rows["is_arrest"].mean()),
            "first_crime_at": str(rows["occurred_at"].min()),
            "last_crime_at": str(rows["occurred_at"].max()),
            "strategy": config.strategy.value,
        }
        yield dg.Output(rows, name, metadata=metadata)
    yield DOES_NOT_OVERLAP_TRAIN.report(check_overlap(development, test))
    yield IS_LATER_THAN_TRAIN.report(check_order(development, test))


@dg.multi_asset(
    outs={
        "feature_encoding": dg.AssetOut(
            **fitted_object(
                DOMAIN,
                "feature_encoding",
                "The fitted transformer from enriched crimes to encoded features: code frequencies and arrest rates, medians, "
                "limits and scales, learned from training rows alone. Candidates on encoded features are compared with it; the "
                "model holds one of its own, fitted anew on all development rows.",
            ),
            automation_condition=WITH_TRAINING,
        ),
        "encoded_train": dg.AssetOut(**lake_table(ENCODED_TRAIN, is_intermediate=True), automation_condition=WITH_TRAINING),
    },
    ins={"development_split": dg.AssetIn(metadata={"columns": ["crime_id", *_MEASURED_COLUMNS]})},
    check_specs=check_specs(ENCODED_TRAIN, partitions=MODEL_MONTHS),
    partitions_def=MODEL_MONTHS,
)
@validated(ENCODED_TRAIN)
def feature_encoding(development_split: pd.DataFrame) -> Iterator[dg.Output]:
    """Fit the encoding and encode the training rows, in one step because their rates are cross-fitted."""
    from mlops_assets.chicago_crimes.modelling.preprocessing import fit_encoding

    encoding, encoded = fit_encoding(development_split)
    yield dg.Output(encoding, "feature_encoding", metadata={"feature_count": len(ENCODED_COLUMNS), "fitted_rows": len(encoded)})
    yield dg.Output(encoded, "encoded_train")


@lake_asset(
    SELECTED_FEATURES,
    partitions_def=MODEL_MONTHS,
    ins={"development_split": dg.AssetIn(metadata={"columns": _MEASURED_COLUMNS})},
    automation_condition=WITH_TRAINING,
)
def selected_features(context: dg.AssetExecutionContext, config: SelectionConfig, development_split: pd.DataFrame) -> pd.DataFrame:
    scores = select_features(development_split, config.minimum_information, config.seed)
    figures = draw_selection(scores, config.minimum_information)
    context.add_asset_metadata({**image_metadata(figures), "selected_count": int(scores["is_selected"].sum())})
    return scores


ASSETS = [training_window, splits, feature_encoding, selected_features]
