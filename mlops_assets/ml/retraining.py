"""Whether a model should be trained anew: its features have drifted, or its realised quality has fallen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.ml.metrics import BinaryMetrics


@dataclass(frozen=True)
class DriftLimits:
    """From where on we act.

    Attributes:
        psi: A feature with a higher population stability index has drifted; 0.2 is the customary limit.
        ks: So has one with a higher Kolmogorov-Smirnov distance.
        drifted_share: Retraining is due when more than this share of the features has drifted.
        max_auc_fall: Retraining is due when the realised AUC is lower than the tested one by more than this.
        max_mcc_fall: The same for the MCC.
        min_rows: Fewer current rows than this are not judged, because chance alone would cross the limits.
    """

    psi: float = 0.2
    ks: float = 0.1
    drifted_share: float = 0.3
    max_auc_fall: float = 0.05
    max_mcc_fall: float = 0.1
    min_rows: int = 500


@dataclass(frozen=True)
class RetrainingVerdict:
    """Whether retraining is due, and why or why not; true in an `if` when it is due."""

    is_due: bool
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.is_due


def drifted_features(drift: pd.DataFrame, limits: DriftLimits) -> list[str]:
    """Name the features whose PSI or KS lies above its limit, in the order of the drift table."""
    return drift.loc[(drift["psi"] > limits.psi) | (drift["ks"] > limits.ks), "feature"].tolist()


def is_retraining_due(
    drift: pd.DataFrame,
    limits: DriftLimits,
    *,
    tested: BinaryMetrics | None = None,
    realised: BinaryMetrics | None = None,
) -> RetrainingVerdict:
    """Decide whether a model should be trained anew: too many features drifted, or its realised quality fell.

    Args:
        drift: Result of `measure_drift`.
        limits: From where on we act.
        tested: The model's figures on rows of its training time that it was not fitted on; None to judge by drift alone.
        realised: Its figures on current rows whose outcome is known; None while outcomes are unknown.
    """
    reasons = [*_drift_reasons(drift, limits), *_quality_reasons(tested, realised, limits)]
    if reasons:
        return RetrainingVerdict(True, tuple(reasons))
    if _is_too_small(drift, limits):
        return RetrainingVerdict(
            False,
            (f"{drift['row_count'].max()} rows are too few to judge drift; at least {limits.min_rows} are needed.",),
        )
    return RetrainingVerdict(False, ("Drift and realised quality are within their limits.",))


def _drift_reasons(drift: pd.DataFrame, limits: DriftLimits) -> list[str]:
    drifted = drifted_features(drift, limits)
    if _is_too_small(drift, limits) or len(drifted) <= limits.drifted_share * len(drift):
        return []
    return [f"{len(drifted)} of {len(drift)} features drifted, more than {limits.drifted_share:.0%}: {', '.join(drifted)}."]


def _is_too_small(drift: pd.DataFrame, limits: DriftLimits) -> bool:
    return bool((drift["row_count"] < limits.min_rows).any())


def _quality_reasons(tested: BinaryMetrics | None, realised: BinaryMetrics | None, limits: DriftLimits) -> list[str]:
    if tested is None or realised is None or realised.row_count < limits.min_rows:
        return []
    falls = (
        ("AUC", tested.auc, realised.auc, limits.max_auc_fall),
        ("MCC", tested.mcc, realised.mcc, limits.max_mcc_fall),
    )
    return [
        f"The {name} fell from {before:.4f} when it was trained to {after:.4f} on {realised.row_count} current rows, "
        f"by more than {limit:.4f}."
        for name, before, after, limit in falls
        if before is not None and after is not None and before - after > limit
    ]
