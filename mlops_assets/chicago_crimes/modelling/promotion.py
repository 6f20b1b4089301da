"""Whether a challenger becomes champion: the quality gate first, then the same test rows for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.modelling.evaluation import GATE
from mlops_assets.errors import MissingPartitionError
from mlops_assets.ml.gate import gate_failures
from mlops_assets.ml.metrics import BinaryMetrics
from mlops_assets.ml.promotion import PromotionDecision, PromotionPolicy, decide_promotion

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.bundle import ModelBundle

POLICY = PromotionPolicy()


def failures_at_gate(evaluation: pd.DataFrame, model_version: int) -> list[str]:
    """Say what keeps a version from passing the quality gate, from its rows of `arrest_evaluation`.

    Raises:
        MissingPartitionError: the version has not been evaluated.
    """
    rows = evaluation[(evaluation["model_version"] == model_version) & (evaluation["slice_kind"] == "all")]
    if rows.empty:
        raise MissingPartitionError(f"version {model_version} has no rows in arrest_evaluation; materialize its evaluation first")
    figures = {row["predictor"]: _metrics(row) for _, row in rows.iterrows()}
    return gate_failures(figures["model"], figures["type_rate"], GATE)


def decide_champion(
    test: pd.DataFrame, challenger: ModelBundle, champion: ModelBundle | None, objections: list[str]
) -> PromotionDecision:
    """Let both models score the challenger's test rows and apply the promotion rule.

    Args:
        test: `test_split` of the challenger's month: rows that neither model was fitted on.
        challenger: the new bundle.
        champion: the bundle in charge, if any.
        objections: failures at the quality gate and other reasons against the challenger.
    """
    return decide_promotion(
        test["is_arrest"].to_numpy(dtype=bool),
        challenger.predict_probability(test),
        None if champion is None else champion.predict_probability(test),
        challenger.require_threshold(),
        None if champion is None else champion.require_threshold(),
        gate_failures=objections,
        policy=POLICY,
    )


def _metrics(row: pd.Series) -> BinaryMetrics:
    import pandas as pd

    counts = {name: int(row[name]) for name in ("row_count", "positive_count")}
    names = [name for name in BinaryMetrics.__dataclass_fields__ if name not in counts]
    # The table knows an undefined figure as empty, the gate as None.
    return BinaryMetrics(**counts, **{name: None if pd.isna(row[name]) else float(row[name]) for name in names})  # type: ignore[arg-type]
