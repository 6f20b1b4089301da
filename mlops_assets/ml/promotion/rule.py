"""The promotion rule: whether a challenger becomes champion, on the same held-out rows, beyond chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.errors import SettingsError
from mlops_assets.ml.metric_set import Measurement, Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Decision = Literal["promote_first", "promote", "keep_champion", "rejected_by_gate"]


@dataclass(frozen=True)
class PromotionPolicy:
    """How sure we must be before the champion changes.

    Attributes:
        metric: decides. It is a mean over rows, so that a paired bootstrap of the mean is exact and cheap.
        max_drops: by how much other metrics may become worse than the champion's while the deciding one improves.
        bootstrap_samples: resamples of the rows.
        confidence: coverage of the two-sided interval, between 0 and 1.
        min_rows: with fewer held-out rows nothing is promoted.
        seed: of the resamples.
    """

    metric: Metric
    max_drops: Mapping[Metric, float] = field(default_factory=dict)
    bootstrap_samples: int = 500
    confidence: float = 0.95
    min_rows: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise SettingsError(f"Promotion confidence must lie between 0 and 1, not {self.confidence}.")
        if self.bootstrap_samples < 1:
            raise SettingsError(f"Promotion needs at least one bootstrap sample, not {self.bootstrap_samples}.")


@dataclass(frozen=True)
class PromotionDecision:
    """What was decided about a challenger, why, and on which evidence.

    Attributes:
        decision: `promote_first` (there was no champion), `promote`, `keep_champion` or `rejected_by_gate`.
        reason: one sentence for people.
        evidence: further columns of the table of decisions.
    """

    decision: Decision
    reason: str
    evidence: Mapping[str, Any]

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger becomes the champion."""
        return self.decision in ("promote", "promote_first")

    def as_row(self) -> dict[str, Any]:
        """Return the decision and its evidence by the columns of the table of decisions, without the versions."""
        return {"decision": self.decision, "reason": self.reason, **self.evidence}


def decide_promotion(
    challenger: Measurement, incumbent: Measurement | None, *, blockers: Sequence[str], policy: PromotionPolicy
) -> PromotionDecision:
    """Decide whether a challenger becomes champion: beyond chance on the same held-out rows, and worse in nothing that matters.

    Args:
        challenger: the metrics of the new model, with each row's part in the deciding one.
        incumbent: those of the champion on the same rows; None if there is none.
        blockers: sentences of the quality gate and other reasons against the challenger; empty when it passed.
        policy: how sure we must be.

    Raises:
        ValueError: the two were measured on different rows.
    """
    evidence = {
        "metric": policy.metric.name,
        "row_count": challenger.row_count,
        "challenger_value": policy.metric.value_in(challenger.metrics),
        **dict.fromkeys(("champion_value", "improvement", "improvement_low", "improvement_high")),
    }
    if incumbent is None:
        return PromotionDecision(*_decide_about_first(challenger, blockers, policy), evidence)
    challenger.require_same_rows(incumbent)
    gains = policy.metric.gain(_row_values(challenger), _row_values(incumbent))
    low, high = bootstrap_mean_interval(gains, samples=policy.bootstrap_samples, confidence=policy.confidence, seed=policy.seed)
    improvement = float(gains.mean())
    evidence |= {
        "champion_value": policy.metric.value_in(incumbent.metrics),
        "improvement": improvement,
        "improvement_low": low,
        "improvement_high": high,
    }
    said = _say_improvement(challenger.row_count, improvement, low, high, policy)
    return PromotionDecision(*_decide_between(challenger, incumbent, low, said, blockers, policy), evidence)


def bootstrap_mean_interval(values: npt.NDArray[np.float64], *, samples: int, confidence: float, seed: int) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean.

    One resample at a time: vectorised over rows, and never more memory than a second copy of the rows.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    means = np.empty(samples)
    for sample in range(samples):
        means[sample] = values[generator.integers(0, len(values), size=len(values), dtype=np.int32)].mean()
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _decide_about_first(challenger: Measurement, blockers: Sequence[str], policy: PromotionPolicy) -> tuple[Decision, str]:
    reasons = [*blockers, *_gaps_in_evidence(challenger, policy)]
    if reasons:
        return "rejected_by_gate", f"There is no champion yet, and the challenger does not qualify: {' '.join(reasons)}"
    return "promote_first", "There is no champion yet, and the challenger passed the quality gate."


def _decide_between(
    challenger: Measurement, incumbent: Measurement, low: float, said: str, blockers: Sequence[str], policy: PromotionPolicy
) -> tuple[Decision, str]:
    if blockers:
        return "rejected_by_gate", f"The challenger did not pass the quality gate: {' '.join(blockers)}"
    gaps = _gaps_in_evidence(challenger, policy)
    if gaps:
        return "keep_champion", f"The two cannot be compared: {' '.join(gaps)}"
    if low <= 0:
        return "keep_champion", f"The challenger is not better beyond chance. {said}."
    drops = _drops(challenger, incumbent, policy)
    if drops:
        return "keep_champion", f"{said}, but {' and '.join(drops)}."
    return "promote", f"The challenger is better beyond chance. {said}."


def _say_improvement(row_count: int, improvement: float, low: float, high: float, policy: PromotionPolicy) -> str:
    """Say by how much the challenger's deciding metric is better or worse than the champion's."""
    is_better = improvement > 0
    direction = "higher" if is_better == policy.metric.greater_is_better else "lower"
    difference = f"{abs(improvement):.5f} {direction} ({'better' if is_better else 'worse'}) than" if improvement else "the same as"
    return (
        f"On {row_count:,} rows its {policy.metric} is {difference} the champion's; with {policy.confidence:.0%} confidence the "
        f"improvement lies between {low:+.5f} and {high:+.5f}"
    )


def _gaps_in_evidence(challenger: Measurement, policy: PromotionPolicy) -> list[str]:
    gaps = []
    if challenger.row_count < policy.min_rows:
        gaps.append(f"There are {challenger.row_count} held-out rows; at least {policy.min_rows} are needed.")
    if challenger.has_single_class:
        gaps.append("All held-out rows have the same outcome.")
    return gaps


def _drops(challenger: Measurement, incumbent: Measurement, policy: PromotionPolicy) -> list[str]:
    sentences = []
    for metric, largest in policy.max_drops.items():
        before, after = metric.value_in(incumbent.metrics), metric.value_in(challenger.metrics)
        if before is not None and after is not None and metric.gain(before, after) > largest:
            moves = "drops" if metric.greater_is_better else "rises"
            sentences.append(f"its {metric} {moves} from {before:.4f} to {after:.4f}, by more than {largest:.4f}")
    return sentences


def _row_values(measured: Measurement) -> npt.NDArray[np.float64]:
    if measured.row_values is None:
        raise ValueError("The deciding metric was measured without each row's part in it.")
    return measured.row_values
