"""Whether a challenger becomes champion: the quality gate first, then the same test tracks for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.multiclass import ACCURACY, MACRO_F1, MULTICLASS_METRICS, measure_classes
from mlops_assets.ml.promotion import PromotionDecision, PromotionPolicy, QualityGate
from mlops_assets.ml.promotion.rule import decide_promotion
from mlops_assets.song_popularity.contracts import POPULARITY_LEVELS
from mlops_assets.song_popularity.levels import level_numbers
from mlops_assets.song_popularity.modelling.evaluation import predicted_probabilities, stored_measurement

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.metric_set import Measurement
    from mlops_assets.ml.predictors import MulticlassClassifier

POLICY = PromotionPolicy(MULTICLASS_METRICS.primary, max_drops={ACCURACY: 0.01, MACRO_F1: 0.02}, min_rows=100)
"""Accuracy and macro-F1 are what people read, and what the original's gate is about."""


def failures_at_gate(evaluation: pd.DataFrame, model_version: int, gate: QualityGate) -> list[str]:
    """Say what keeps a version from passing the quality gate, from its rows of `popularity_evaluation`.

    Raises:
        MissingPartitionError: the version has not been evaluated.
    """
    rows = evaluation[evaluation["model_version"] == model_version]
    if rows.empty:
        raise MissingPartitionError(
            f"version {model_version} has no rows in popularity_evaluation; materialize its evaluation first"
        )
    model, majority = (stored_measurement(rows[rows["predictor"] == name]) for name in ("model", "majority_class"))
    return gate.failures(model, majority)


def decide_champion(
    test: pd.DataFrame,
    challenger: Bundle[MulticlassClassifier],
    incumbent: Bundle[MulticlassClassifier] | None,
    blockers: list[str],
) -> PromotionDecision:
    """Let both models score the challenger's test tracks and apply the promotion rule.

    Args:
        test: `test_split` of the challenger's day.
        challenger: the new bundle.
        incumbent: the champion's bundle, if there is one.
        blockers: failures at the quality gate and other reasons against the challenger.
    """
    measured = None if incumbent is None else _measure(incumbent, test)
    return decide_promotion(_measure(challenger, test), measured, blockers=blockers, policy=POLICY)


def _measure(bundle: Bundle[MulticlassClassifier], test: pd.DataFrame) -> Measurement:
    return measure_classes(level_numbers(test["popularity_level"]), predicted_probabilities(bundle, test), len(POPULARITY_LEVELS))
