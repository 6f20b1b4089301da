"""Whether a challenger becomes champion: the quality gate first, then the same test rows for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.modelling.evaluation import GATE
from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.metric_set import AUC, BINARY_METRICS, MCC, Measurement
from mlops_assets.ml.promotion import PromotionDecision, PromotionPolicy, decide_between_classifiers

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import BinaryClassifier

POLICY = PromotionPolicy(BINARY_METRICS.primary, max_drops={AUC: 0.005, MCC: 0.01})
"""AUC and MCC are what people read; each model's MCC is at its own threshold."""


def failures_at_gate(evaluation: pd.DataFrame, model_version: int) -> list[str]:
    """Say what keeps a version from passing the quality gate, from its rows of `arrest_evaluation`.

    Raises:
        MissingPartitionError: the version has not been evaluated.
    """
    rows = evaluation[(evaluation["model_version"] == model_version) & (evaluation["slice_kind"] == "all")]
    if rows.empty:
        raise MissingPartitionError(f"version {model_version} has no rows in arrest_evaluation; materialize its evaluation first")
    stored = {row["predictor"]: _stored(row) for _, row in rows.iterrows()}
    # Evaluations of former releases call the baseline `type_rate`.
    baseline = stored.get("base_rate_by_type") or stored["type_rate"]
    return GATE.failures(stored["model"], baseline)


def decide_champion(
    test: pd.DataFrame,
    challenger: Bundle[BinaryClassifier],
    incumbent: Bundle[BinaryClassifier] | None,
    blockers: list[str],
) -> PromotionDecision:
    """Let both models score the challenger's test rows and apply the promotion rule.

    Args:
        test: `test_split` of the challenger's month: rows that neither model was fitted on.
        challenger: the new bundle.
        incumbent: the champion's bundle, if there is one.
        blockers: failures at the quality gate and other reasons against the challenger.
    """
    return decide_between_classifiers(test, "is_arrest", challenger, incumbent, blockers=blockers, policy=POLICY)


def _stored(row: pd.Series) -> Measurement:
    """Return the metrics in a row of `arrest_evaluation`."""
    rows, positives = int(row["row_count"]), int(row["positive_count"])
    return Measurement({limit.metric.name: row[limit.metric.name] for limit in GATE.limits}, rows, (rows - positives, positives))
