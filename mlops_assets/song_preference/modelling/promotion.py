"""Whether a challenger becomes champion: the quality gate first, then the same test songs for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.metric_set import AUC, BINARY_METRICS, F1, Measurement
from mlops_assets.ml.promotion import PromotionDecision, PromotionPolicy, decide_between_classifiers
from mlops_assets.song_preference.modelling.evaluation import GATE

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.ml.predictors import BinaryClassifier

POLICY = PromotionPolicy(BINARY_METRICS.primary, max_drops={AUC: 0.02, F1: 0.03}, min_rows=GATE.min_rows)
"""Test songs are hundreds at most, so that AUC and F1 may waver more than where they are thousands."""


def failures_at_gate(evaluation: pd.DataFrame, model_version: int) -> list[str]:
    """Say what keeps a version from passing the quality gate, from its rows of `preference_evaluation`.

    Raises:
        MissingPartitionError: the version has not been evaluated.
    """
    rows = evaluation[evaluation["model_version"] == model_version]
    if rows.empty:
        raise MissingPartitionError(
            f"version {model_version} has no rows in preference_evaluation; materialize its evaluation first"
        )
    return GATE.failures(*(_stored(rows[rows["predictor"] == predictor]) for predictor in ("model", "always_like")))


def decide_champion(
    test: pd.DataFrame,
    challenger: Bundle[BinaryClassifier],
    incumbent: Bundle[BinaryClassifier] | None,
    blockers: list[str],
) -> PromotionDecision:
    """Let both models score the test songs and apply the promotion rule.

    Args:
        test: `test_split`: songs that the challenger was not fitted on, nor, but for a few that changed sides as the dataset grew,
            the incumbent.
        challenger: the new bundle.
        incumbent: the champion's bundle, if there is one.
        blockers: failures at the quality gate and other reasons against the challenger.
    """
    return decide_between_classifiers(test, "is_liked", challenger, incumbent, blockers=blockers, policy=POLICY)


def _stored(rows: pd.DataFrame) -> Measurement:
    """Return the metrics in a predictor's rows of `preference_evaluation`."""
    songs, liked = int(rows["row_count"].iloc[0]), int(rows["positive_count"].iloc[0])
    return Measurement(dict(zip(rows["metric"], rows["value"], strict=True)), songs, (songs - liked, liked))
