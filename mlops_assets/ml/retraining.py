"""Whether a model should be retrained: its features have drifted, or its metrics on live rows have dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.metric_set import Measurement, Metric

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DriftLimits:
    """When features count as drifted, and how many may be.

    Attributes:
        psi: A feature with a higher population stability index has drifted; 0.2 is the customary limit.
        ks: So has one with a higher Kolmogorov-Smirnov distance.
        drifted_share: Retraining is due when more than this share of the features has drifted.
        min_rows: With fewer current rows, chance alone would cross the limits.
    """

    psi: float = 0.2
    ks: float = 0.1
    drifted_share: float = 0.3
    min_rows: int = 500


@dataclass(frozen=True)
class DropLimit:
    """How much worse a metric may be on live rows than was expected.

    Attributes:
        metric: what is watched.
        max_drop: it may be worse by this much.
        max_ratio: where given, for a metric of which less is better: a worse one is accepted, too, up to so many times what was
            expected.
    """

    metric: Metric
    max_drop: float
    max_ratio: float | None = None

    def is_exceeded(self, expected: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
        """Tell whether a metric has dropped too far; one that is not defined has not."""
        before, now = self.metric.value_in(expected), self.metric.value_in(live)
        if before is None or now is None or self.metric.gain(before, now) <= self.max_drop:
            return False
        return self.max_ratio is None or now > self.max_ratio * before


@dataclass(frozen=True)
class RetrainingDecision:
    """Whether retraining is due, and why or why not; true in an `if` when it is due."""

    is_due: bool
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.is_due


def drifted_features(drift: pd.DataFrame, limits: DriftLimits) -> list[str]:
    """Name the features whose PSI or KS lies above its limit, in the order of the drift table."""
    return drift.loc[(drift["psi"] > limits.psi) | (drift["ks"] > limits.ks), "feature"].tolist()


def decide_retraining(
    drift: pd.DataFrame,
    limits: DriftLimits,
    *,
    expected: Mapping[str, Any],
    live: Measurement | None = None,
    drop_limits: Sequence[DropLimit] = (),
) -> RetrainingDecision:
    """Decide whether a model should be retrained: too many features drifted, or a metric dropped on live rows.

    Args:
        drift: Result of `measure_drift`.
        limits: When too many features have drifted.
        expected: The model's metrics on rows of its training time that it was not fitted on.
        live: Its metrics on current rows whose outcome is known; None while outcomes are unknown.
        drop_limits: By how much live metrics may be worse than the expected ones.
    """
    reasons = list(_drift_reasons(drift, limits))
    if live is not None and live.row_count >= limits.min_rows:
        reasons += drop_reasons(expected, live, drop_limits)
    if reasons:
        return RetrainingDecision(True, tuple(reasons))
    if _is_too_small(drift, limits):
        few = f"{drift['row_count'].max()} rows are too few to judge drift; at least {limits.min_rows} are needed."
        return RetrainingDecision(False, (few,))
    return RetrainingDecision(False, ("Drift and live performance are within their limits.",))


def drop_reasons(expected: Mapping[str, Any], live: Measurement, limits: Sequence[DropLimit]) -> Iterator[str]:
    """Yield a sentence about each metric that dropped beyond its limit."""
    for limit in limits:
        if limit.is_exceeded(expected, live.metrics):
            before, now = limit.metric.value_in(expected), limit.metric.value_in(live.metrics)
            moved = "dropped" if limit.metric.greater_is_better else "rose"
            yield (
                f"The {limit.metric} {moved} from {before:.4f} when it was trained to {now:.4f} on {live.row_count} current rows, "
                f"by more than {limit.max_drop:.4f}."
            )


def _drift_reasons(drift: pd.DataFrame, limits: DriftLimits) -> Iterator[str]:
    drifted = drifted_features(drift, limits)
    if not _is_too_small(drift, limits) and len(drifted) > limits.drifted_share * len(drift):
        yield f"{len(drifted)} of {len(drift)} features drifted, more than {limits.drifted_share:.0%}: {', '.join(drifted)}."


def _is_too_small(drift: pd.DataFrame, limits: DriftLimits) -> bool:
    return bool((drift["row_count"] < limits.min_rows).any())
