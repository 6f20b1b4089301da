"""The promotion rule: whether a challenger takes the champion's place, on the same held-out rows, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from mlops_assets.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mlops_assets.ml.metrics import BinaryMetrics

ProperScore = Literal["log_loss", "brier"]
Decision = Literal["promote_first", "promote", "keep_champion", "rejected_by_gate"]


@dataclass(frozen=True)
class PromotionPolicy:
    """How sure we must be before the champion changes.

    The primary metric is a proper score: a model can only improve it by probabilities nearer to the truth, so ranking
    and calibration count together, and no threshold or resampling trick helps. Log loss is the default because the
    candidate search minimises the same. Both scores are means of one loss per row, so a paired bootstrap of the mean is
    exact and cheap. AUC and MCC are guards: they are what people read, and must not fall noticeably while the primary
    metric rises.

    Attributes:
        metric: Proper score that decides, `log_loss` or `brier`.
        max_auc_fall: Largest accepted fall of the AUC against the champion.
        max_mcc_fall: Largest accepted fall of the MCC, each model at its own threshold.
        bootstrap_samples: Resamples of the rows.
        confidence: Coverage of the two-sided interval, between 0 and 1.
        min_rows: With fewer held-out rows nothing is promoted.
        seed: Seed of the resamples.
    """

    metric: ProperScore = "log_loss"
    max_auc_fall: float = 0.005
    max_mcc_fall: float = 0.01
    bootstrap_samples: int = 500
    confidence: float = 0.95
    min_rows: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if self.metric not in get_args(ProperScore):
            raise SettingsError(f"Promotion metric '{self.metric}' is not one of {', '.join(get_args(ProperScore))}.")
        if not 0 < self.confidence < 1:
            raise SettingsError(f"Promotion confidence must lie between 0 and 1, not {self.confidence}.")
        if self.bootstrap_samples < 1:
            raise SettingsError(f"Promotion needs at least one bootstrap sample, not {self.bootstrap_samples}.")


@dataclass(frozen=True)
class PromotionDecision:
    """What was decided, why, and on which evidence.

    Attributes:
        decision: `promote_first` (there was no champion), `promote`, `keep_champion` or `rejected_by_gate`.
        reason: One sentence for people.
        metric: The proper score that was compared.
        difference: Champion's minus challenger's score: positive when the challenger is better. None without a
            champion.
        interval_low: Lower end of the bootstrap interval of the difference. None without a champion.
        interval_high: Upper end of it. None without a champion.
        challenger: All figures of the challenger.
        champion: All figures of the champion on the same rows; None without a champion.
    """

    decision: Decision
    reason: str
    metric: ProperScore
    difference: float | None
    interval_low: float | None
    interval_high: float | None
    challenger: BinaryMetrics
    champion: BinaryMetrics | None

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger becomes the champion."""
        return self.decision in ("promote", "promote_first")

    def as_row(self) -> dict[str, Any]:
        """Return the decision and its evidence by the columns of `promotion_contract`, without the versions."""
        return {
            "decision": self.decision,
            "reason": self.reason,
            "metric": self.metric,
            "row_count": self.challenger.row_count,
            "challenger_value": getattr(self.challenger, self.metric),
            "champion_value": getattr(self.champion, self.metric) if self.champion else None,
            "improvement": self.difference,
            "improvement_low": self.interval_low,
            "improvement_high": self.interval_high,
        }


def decide_promotion(
    outcome: npt.ArrayLike,
    challenger_probability: npt.ArrayLike,
    champion_probability: npt.ArrayLike | None,
    challenger_threshold: float,
    champion_threshold: float | None,
    *,
    gate_failures: Sequence[str],
    policy: PromotionPolicy,
) -> PromotionDecision:
    """Decide whether the challenger becomes the champion.

    In this order: a challenger that failed the quality gate is rejected. Without a champion it is promoted. Otherwise
    it is promoted only when the bootstrap interval of the paired difference lies wholly on its side of zero and no
    guard metric falls by more than the policy allows. Too few rows, or rows of one outcome only, promote nobody: the
    champion stays, or a first model waits as if rejected by the gate.

    Args:
        outcome: Observed outcomes of rows that neither model was trained on.
        challenger_probability: The challenger's probabilities for these rows.
        champion_probability: The champion's for the same rows in the same order; None when there is no champion.
        challenger_threshold: Probability from which the challenger says yes.
        champion_threshold: Probability from which the champion says yes; None when there is no champion.
        gate_failures: Sentences from the quality gate; empty when it passed.
        policy: How sure we must be.

    Raises:
        NotEnoughDataError: There are no rows at all.
        ValueError: Arrays do not match, or a champion came without its threshold.
    """
    from mlops_assets.ml.metrics import evaluate_binary

    challenger = evaluate_binary(outcome, challenger_probability, challenger_threshold)
    if champion_probability is None:
        decision, reason = _judge_first(challenger, gate_failures, policy)
        return PromotionDecision(decision, reason, policy.metric, None, None, None, challenger, None)
    if champion_threshold is None:
        raise ValueError("The champion's probabilities were given without its threshold.")
    champion = evaluate_binary(outcome, champion_probability, champion_threshold)
    gains = _losses(outcome, champion_probability, policy) - _losses(outcome, challenger_probability, policy)
    low, high = bootstrap_mean_interval(gains, samples=policy.bootstrap_samples, confidence=policy.confidence, seed=policy.seed)
    decision, reason = _judge(challenger, champion, float(gains.mean()), low, high, gate_failures, policy)
    return PromotionDecision(decision, reason, policy.metric, float(gains.mean()), low, high, challenger, champion)


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


def _losses(outcome: npt.ArrayLike, probability: npt.ArrayLike, policy: PromotionPolicy) -> npt.NDArray[np.float64]:
    from mlops_assets.ml.metrics import brier_losses, log_losses

    return log_losses(outcome, probability) if policy.metric == "log_loss" else brier_losses(outcome, probability)


def _judge_first(challenger: BinaryMetrics, gate_failures: Sequence[str], policy: PromotionPolicy) -> tuple[Decision, str]:
    failures = [*gate_failures, *_gaps_in_evidence(challenger, policy)]
    if failures:
        return (
            "rejected_by_gate",
            f"There is no champion yet, and the challenger does not qualify: {' '.join(failures)}",
        )
    return "promote_first", "There is no champion yet, and the challenger passed the quality gate."


def _judge(
    challenger: BinaryMetrics,
    champion: BinaryMetrics,
    difference: float,
    low: float,
    high: float,
    gate_failures: Sequence[str],
    policy: PromotionPolicy,
) -> tuple[Decision, str]:
    if gate_failures:
        return "rejected_by_gate", f"The challenger did not pass the quality gate: {' '.join(gate_failures)}"
    gaps = _gaps_in_evidence(challenger, policy)
    if gaps:
        return "keep_champion", f"The two cannot be compared: {' '.join(gaps)}"
    evidence = _say_difference(challenger.row_count, difference, low, high, policy)
    if low <= 0:
        return "keep_champion", f"The challenger is not better beyond chance. {evidence}."
    falls = _guard_falls(challenger, champion, policy)
    if falls:
        return "keep_champion", f"{evidence}, but {' and '.join(falls)}."
    return "promote", f"The challenger is better beyond chance. {evidence}."


def _say_difference(row_count: int, difference: float, low: float, high: float, policy: PromotionPolicy) -> str:
    """Say by how much the challenger's score, of which less is better, is below or above the champion's."""
    name = policy.metric.replace("_", " ")
    direction = "lower (better)" if difference > 0 else "higher (worse)"
    compared = f"{abs(difference):.5f} {direction} than" if difference else "the same as"
    return (
        f"On {row_count:,} rows its {name} is {compared} the champion's; with {policy.confidence:.0%} confidence the improvement "
        f"lies between {low:+.5f} and {high:+.5f}"
    )


def _gaps_in_evidence(metrics: BinaryMetrics, policy: PromotionPolicy) -> list[str]:
    gaps = []
    if metrics.row_count < policy.min_rows:
        gaps.append(f"There are {metrics.row_count} held-out rows; at least {policy.min_rows} are needed.")
    if metrics.auc is None:
        gaps.append("All held-out rows have the same outcome.")
    return gaps


def _guard_falls(challenger: BinaryMetrics, champion: BinaryMetrics, policy: PromotionPolicy) -> list[str]:
    guards = (
        ("AUC", champion.auc, challenger.auc, policy.max_auc_fall),
        ("MCC", champion.mcc, challenger.mcc, policy.max_mcc_fall),
    )
    return [
        f"its {name} falls from {before:.4f} to {after:.4f}, by more than {tolerance:.4f}"
        for name, before, after, tolerance in guards
        if before is not None and after is not None and before - after > tolerance
    ]
