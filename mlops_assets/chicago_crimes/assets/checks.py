"""What must hold of this domain's assets, beyond their contracts, before anyone builds on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.contracts import EXPORT_FILES, PROVENANCE_COLUMNS, RAW_CRIMES, REJECTED_CRIMES
from mlops_assets.chicago_crimes.model_contracts import ARREST_EVALUATION, TEST_SPLIT
from mlops_assets.chicago_crimes.modelling.promotion import failures_at_gate
from mlops_assets.chicago_crimes.partitions import CRIME_MONTHS
from mlops_assets.orchestration.check_outcomes import CheckOutcome
from mlops_assets.orchestration.checks import optional_values_check, rejects_checks, volume_check
from mlops_assets.orchestration.export_accounts import export_files_check
from mlops_assets.orchestration.table_checks import TableCheck

if TYPE_CHECKING:
    import pandas as pd

_HARMLESS_REASONS = frozenset({"superseded"})
_OPTIONAL_COLUMNS = [column.name for column in RAW_CRIMES.columns if column.nullable and column.name not in PROVENANCE_COLUMNS]
_FEATURE_TOLERANCE = 1e-5
"""Features are 32-bit floats; anything beyond their rounding is another feature."""


def check_overlap(train: pd.DataFrame, test: pd.DataFrame) -> CheckOutcome:
    """Fail if a crime is in both parts."""
    shared = int(test["crime_id"].isin(train["crime_id"]).sum())
    return CheckOutcome(shared == 0, f"{shared} crimes are in both parts", {"shared_crimes": shared})


def check_order(train: pd.DataFrame, test: pd.DataFrame) -> CheckOutcome:
    """Fail if a test crime did not happen after every train crime, as in a random split."""
    last_train, first_test = train["occurred_at"].max(), test["occurred_at"].min()
    return CheckOutcome(bool(first_test > last_train), f"train ends {last_train}, test begins {first_test}")


def check_gate(evaluation: pd.DataFrame, _month: str) -> CheckOutcome:
    """Fail with the limits of the quality gate that the evaluated version breaks."""
    failures = failures_at_gate(evaluation, int(evaluation["model_version"].iloc[0]))
    return CheckOutcome(not failures, " ".join(failures) or "All limits are kept.")


def check_features(largest_difference: float) -> CheckOutcome:
    """Fail if a served feature differs from the one that the model was trained on by more than rounding."""
    return CheckOutcome(largest_difference <= _FEATURE_TOLERANCE, metadata={"largest_difference": largest_difference})


DOES_NOT_OVERLAP_TRAIN = TableCheck(TEST_SPLIT, "does_not_overlap_train", "No crime is in both the train and the test split.")

IS_LATER_THAN_TRAIN = TableCheck(
    TEST_SPLIT,
    "is_later_than_train",
    "Every test crime happened after every train crime; not so if a random split was asked for.",
    is_blocking=False,
)

PASSES_QUALITY_GATE = TableCheck(
    ARREST_EVALUATION,
    "passes_quality_gate",
    "The month's model passes the quality gate on its test rows and beats the arrest rate of each type of crime.",
    check_gate,
)

SERVES_TRAINING_FEATURES = TableCheck(
    ARREST_EVALUATION,
    "serves_training_features",
    "The bundle makes from raw crimes the very features that it was trained on.",
)

READS_OPTIONAL_VALUES = optional_values_check(RAW_CRIMES, never_empty=_OPTIONAL_COLUMNS)

CHECKS = [
    volume_check(RAW_CRIMES, CRIME_MONTHS),
    rejects_checks(
        RAW_CRIMES,
        REJECTED_CRIMES,
        CRIME_MONTHS,
        entity="source_name",
        name="source_name",
        entity_word="source",
        greatest_share=0.05,
        harmless_reasons=_HARMLESS_REASONS,
        # Files are parts of a month: a model of half of it would be one of another city.
        greatest_share_of_all=0.05,
    ),
    export_files_check(EXPORT_FILES),
]
"""Checks that are steps of their own, because they look at other partitions or assets."""
