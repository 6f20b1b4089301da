"""The promotion rule between two models of a yes/no outcome: both score the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.ml.metric_set import Measurement, Metric, measure_probabilities
from mlops_assets.ml.promotion.rule import PromotionDecision, PromotionPolicy, decide_promotion

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import BinaryClassifier


def decide_between_classifiers(
    test: pd.DataFrame,
    outcome: str,
    challenger: Bundle[BinaryClassifier],
    incumbent: Bundle[BinaryClassifier] | None,
    *,
    blockers: Sequence[str],
    policy: PromotionPolicy,
) -> PromotionDecision:
    """Let both models score the test rows and apply the promotion rule.

    Args:
        test: rows that neither model was fitted on.
        outcome: the column of these rows that says what happened.
        challenger: the new bundle.
        incumbent: the champion's bundle, if there is one.
        blockers: failures at the quality gate and other reasons against the challenger.
        policy: how sure we must be.
    """
    measured = None if incumbent is None else measure_classifier(incumbent, test, outcome, policy.metric)
    return decide_promotion(
        measure_classifier(challenger, test, outcome, policy.metric), measured, blockers=blockers, policy=policy
    )


def measure_classifier(bundle: Bundle[BinaryClassifier], test: pd.DataFrame, outcome: str, primary: Metric) -> Measurement:
    """Measure a model on test rows, at its own threshold."""
    predicted = bundle.predict(test)["probability"].to_numpy()
    return measure_probabilities(test[outcome].to_numpy(dtype=bool), predicted, bundle.predictor.threshold, primary)
