"""What must hold of this domain's assets before anyone builds on them."""

import dagster as dg
import pandas as pd

from mlops_assets.chicago_crimes.championship import failures_at_gate
from mlops_assets.chicago_crimes.contracts import RAW_CRIMES, REJECTED_CRIMES
from mlops_assets.chicago_crimes.evaluation import largest_feature_difference
from mlops_assets.chicago_crimes.model_contracts import ARREST_EVALUATION, SCALED_TEST, TEST_SPLIT, TRAIN_SPLIT
from mlops_assets.chicago_crimes.partitions import CRIME_MONTHS, MODEL_MONTHS
from mlops_assets.orchestration.asset_options import asset_key
from mlops_assets.orchestration.checks import rejects_check, volume_check
from mlops_assets.orchestration.model_io import RegisteredModel

_HARMLESS_REASONS = frozenset({"superseded"})
_COMPARED_ROWS = 2_000
_FEATURE_TOLERANCE = 1e-5
"""Features are 32-bit floats; anything beyond their rounding is another feature."""


@dg.asset_check(
    asset=asset_key(TEST_SPLIT),
    description="No crime is in both parts, and every test crime happened after every train crime.",
    blocking=True,
    partitions_def=MODEL_MONTHS,
    additional_ins={
        "train_split": dg.AssetIn(asset_key(TRAIN_SPLIT), metadata={"columns": ["crime_id", "occurred_at"]}),
    },
)
def does_not_overlap_train(test_split: pd.DataFrame, train_split: pd.DataFrame) -> dg.AssetCheckResult:
    shared = int(test_split["crime_id"].isin(train_split["crime_id"]).sum())
    last_train, first_test = train_split["occurred_at"].max(), test_split["occurred_at"].min()
    is_later = bool(first_test > last_train)
    return dg.AssetCheckResult(
        passed=shared == 0 and is_later,
        # A random split was asked for by whoever set it; a crime in both parts is an error whoever set what.
        severity=dg.AssetCheckSeverity.ERROR if shared else dg.AssetCheckSeverity.WARN,
        description=f"{shared} crimes in both parts; train ends {last_train}, test begins {first_test}",
        metadata={"shared_crimes": shared},
    )


@dg.asset_check(
    asset=asset_key(ARREST_EVALUATION),
    description="The month's model passes the quality gate on its test rows and beats the arrest rate of each type of crime.",
    blocking=True,
    partitions_def=MODEL_MONTHS,
)
def passes_quality_gate(arrest_evaluation: pd.DataFrame) -> dg.AssetCheckResult:
    failures = failures_at_gate(arrest_evaluation, int(arrest_evaluation["model_version"].iloc[0]))
    return dg.AssetCheckResult(passed=not failures, description=" ".join(failures) or "All limits are kept.")


@dg.asset_check(
    asset=asset_key(ARREST_EVALUATION),
    description="The bundle makes from raw crimes the very features that it was trained on.",
    blocking=True,
    partitions_def=MODEL_MONTHS,
    additional_ins={
        "arrest_model": dg.AssetIn([ARREST_EVALUATION.domain, "arrest_model"]),
        "test_split": dg.AssetIn(asset_key(TEST_SPLIT)),
        "scaled_test": dg.AssetIn(asset_key(SCALED_TEST)),
    },
)
def serves_training_features(
    arrest_model: RegisteredModel, test_split: pd.DataFrame, scaled_test: pd.DataFrame
) -> dg.AssetCheckResult:
    difference = largest_feature_difference(arrest_model.bundle, test_split.head(_COMPARED_ROWS), scaled_test.head(_COMPARED_ROWS))
    return dg.AssetCheckResult(passed=difference <= _FEATURE_TOLERANCE, metadata={"largest_difference": difference})


CHECKS = [
    volume_check(RAW_CRIMES, CRIME_MONTHS),
    rejects_check(RAW_CRIMES, REJECTED_CRIMES, CRIME_MONTHS, greatest_share=0.05, harmless_reasons=_HARMLESS_REASONS),
    does_not_overlap_train,
    passes_quality_gate,
    serves_training_features,
]
