"""The quality gate: what a model must reach before anyone asks whether it is better than the champion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_assets.ml.metrics import BinaryMetrics


@dataclass(frozen=True)
class QualityGate:
    """Limits a model must keep on rows it was not trained on. A figure exactly at its limit passes.

    The defaults reject a model that is useless or misleading; a domain sets the limits that its own data allow.

    Attributes:
        min_rows: Fewer rows than this say too little.
        min_positive_count: Fewer observed yes (or observed no) than this say too little.
        min_auc: Lowest area under the ROC curve.
        min_mcc: Lowest Matthews correlation at the model's threshold.
        max_calibration_error: Largest expected calibration error; resampled training rows often break it.
        min_brier_gain: The Brier score must be lower than the naive baseline's by more than this.
        min_log_loss_gain: The log loss must be lower than the naive baseline's by more than this.
    """

    min_rows: int = 100
    min_positive_count: int = 10
    min_auc: float = 0.6
    min_mcc: float = 0.1
    max_calibration_error: float = 0.1
    min_brier_gain: float = 0.0
    min_log_loss_gain: float = 0.0


def gate_failures(metrics: BinaryMetrics, baseline: BinaryMetrics, gate: QualityGate) -> list[str]:
    """Say, one sentence each, which limits the model breaks; an empty list means that it passes.

    Args:
        metrics: The model's figures.
        baseline: Figures of a naive answer on the same rows, for instance the training rate of each category.
        gate: The limits.

    Raises:
        ValueError: The two were measured on different rows.
    """
    if (metrics.row_count, metrics.positive_count) != (baseline.row_count, baseline.positive_count):
        raise ValueError(
            f"Model and baseline were measured on different rows: {metrics.row_count} with "
            f"{metrics.positive_count} yes against {baseline.row_count} with {baseline.positive_count} yes."
        )
    rarer_outcome = min(metrics.positive_count, metrics.row_count - metrics.positive_count)
    failures = []
    if metrics.row_count < gate.min_rows:
        failures.append(f"It was measured on {metrics.row_count} rows; at least {gate.min_rows} are needed.")
    if rarer_outcome < gate.min_positive_count:
        failures.append(f"The rarer outcome has {rarer_outcome} rows; at least {gate.min_positive_count} of each are needed.")
    if metrics.auc is None:
        failures.append("The AUC is not defined, because all rows have the same outcome.")
    elif metrics.auc < gate.min_auc:
        failures.append(f"The AUC is {metrics.auc:.4f}; at least {gate.min_auc:.4f} is needed.")
    if metrics.mcc < gate.min_mcc:
        failures.append(f"The MCC is {metrics.mcc:.4f}; at least {gate.min_mcc:.4f} is needed.")
    if metrics.calibration_error > gate.max_calibration_error:
        failures.append(
            f"The calibration error is {metrics.calibration_error:.4f}; at most {gate.max_calibration_error:.4f} is allowed."
        )
    if baseline.brier - metrics.brier <= gate.min_brier_gain:
        failures.append(_not_better("Brier score", metrics.brier, baseline.brier, gate.min_brier_gain))
    if baseline.log_loss - metrics.log_loss <= gate.min_log_loss_gain:
        failures.append(_not_better("log loss", metrics.log_loss, baseline.log_loss, gate.min_log_loss_gain))
    return failures


def _not_better(name: str, value: float, baseline: float, min_gain: float) -> str:
    return f"The {name} is {value:.4f}; it must be lower than the baseline's {baseline:.4f} by more than {min_gain:.4f}."
