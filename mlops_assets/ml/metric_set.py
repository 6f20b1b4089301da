"""What is measured of a model: metrics by name, which way each is better, and which one decides.

Metrics themselves are plain mappings from names to values, whatever kind of model they are of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mlops_assets.ml.metrics import BinaryMetrics


@dataclass(frozen=True)
class Metric:
    """A figure of a model.

    Attributes:
        name: its key in a mapping of metrics.
        greater_is_better: whether more of it is better.
        label: its name in sentences; by default that with spaces.
    """

    name: str
    greater_is_better: bool
    label: str = ""

    def __str__(self) -> str:
        return self.label or self.name.replace("_", " ")

    def value_in(self, metrics: Mapping[str, Any]) -> float | None:
        """Return the metric's value; None if it is not there, empty or NaN."""
        value = metrics.get(self.name)
        return None if value is None or math.isnan(value) else float(value)

    def gain(self, value: Any, reference: Any) -> Any:
        """Return by how much a value, or each of an array, is better than a reference; negative where it is worse."""
        return value - reference if self.greater_is_better else reference - value

    def is_better(self, value: float, other: float) -> bool:
        """Tell whether the first of two values is strictly better."""
        return bool(self.gain(value, other) > 0)


@dataclass(frozen=True)
class MetricSet:
    """The metrics by which models of one task are compared.

    Attributes:
        primary: the one that decides.
        others: those that people read beside it, in order.
    """

    primary: Metric
    others: tuple[Metric, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise SettingsError(f"metrics are named more than once: {', '.join(self.names)}")

    def __iter__(self) -> Iterator[Metric]:
        return iter((self.primary, *self.others))

    @property
    def names(self) -> list[str]:
        """The names of all metrics, the primary one first."""
        return [metric.name for metric in self]


@dataclass(frozen=True)
class Measurement:
    """The metrics of one predictor on one set of rows.

    Attributes:
        metrics: by name; None or NaN where one is not defined.
        row_count: rows that were measured.
        class_counts: rows of each observed class; empty if outcomes are no classes.
        row_values: for a primary metric that is a mean over rows, what each row contributes; needed to compare two predictors.
    """

    metrics: Mapping[str, Any]
    row_count: int
    class_counts: tuple[int, ...] = ()
    row_values: npt.NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    @property
    def has_single_class(self) -> bool:
        """Whether all rows are of one class, so that nothing says how well classes are told apart."""
        return bool(self.class_counts) and sum(count > 0 for count in self.class_counts) < 2

    def require_same_rows(self, other: Measurement) -> None:
        """Raise `ValueError` if two predictors cannot be compared, because they were measured on different rows."""
        if (self.row_count, self.class_counts) != (other.row_count, other.class_counts):
            raise ValueError(
                f"The two were measured on different rows: {self.row_count} with {self.class_counts} of each class against "
                f"{other.row_count} with {other.class_counts}."
            )


LOG_LOSS = Metric("log_loss", greater_is_better=False)
BRIER = Metric("brier", greater_is_better=False, label="Brier score")
AUC = Metric("auc", greater_is_better=True, label="AUC")
MCC = Metric("mcc", greater_is_better=True, label="MCC")
F1 = Metric("f1", greater_is_better=True, label="F1 score")
CALIBRATION_ERROR = Metric("calibration_error", greater_is_better=False)
BINARY_METRICS = MetricSet(LOG_LOSS, (BRIER, AUC, MCC))
"""Of models that give the probability of a yes/no outcome. Log loss decides: only probabilities nearer to the truth improve it, so
that ranking and calibration count together, and no threshold or resampling trick helps."""


def measure_probabilities(
    outcome: npt.ArrayLike, probability: npt.ArrayLike, threshold: float, primary: Metric = LOG_LOSS
) -> Measurement:
    """Measure probabilities of a yes/no outcome: the fields of `BinaryMetrics`, and each row's part in the primary metric.

    Args:
        outcome: observed outcomes.
        probability: predicted probabilities of a yes.
        threshold: probability from which a row is classified yes.
        primary: a metric that is a mean over rows, `LOG_LOSS` or `BRIER`.
    """
    from mlops_assets.ml.metrics import brier_losses, evaluate_binary, log_losses

    losses = {LOG_LOSS: log_losses, BRIER: brier_losses}
    if primary not in losses:
        raise SettingsError(f"the {primary} is no mean over rows; compare models by {' or '.join(map(str, losses))}")
    return replace(
        as_measurement(evaluate_binary(outcome, probability, threshold)), row_values=losses[primary](outcome, probability)
    )


def as_measurement(found: BinaryMetrics) -> Measurement:
    """Return the metrics of probabilities of a yes/no outcome as those of any model."""
    return Measurement(found.as_dict(), found.row_count, (found.row_count - found.positive_count, found.positive_count))
