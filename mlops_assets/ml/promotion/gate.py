"""The quality gate: what a model must reach before anyone asks whether it is better than the champion."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_assets.ml.metric_set import Measurement, Metric


@dataclass(frozen=True)
class Limit:
    """A metric must be defined and no worse than a value; a model exactly at its limit passes.

    Attributes:
        metric: what is limited.
        worst: the lowest accepted value of a metric of which more is better, the highest of another.
    """

    metric: Metric
    worst: float

    def failure(self, model: Measurement, _baseline: Measurement) -> str | None:
        """Say how a model breaks the limit, or return None."""
        value = self.metric.value_in(model.metrics)
        if value is None:
            return _undefined(self.metric, model)
        if not self.metric.is_better(self.worst, value):
            return None
        wanted = "at least {:.4f} is needed" if self.metric.greater_is_better else "at most {:.4f} is allowed"
        return f"The {self.metric} is {value:.4f}; {wanted.format(self.worst)}."


@dataclass(frozen=True)
class BaselineLimit:
    """A metric must be better than that of a naive answer on the same rows.

    Attributes:
        metric: what is compared.
        min_gain: it must be better by more than this.
        accepts_equal: whether a gain of exactly `min_gain` passes.
        accepts_undefined: whether a model passes of which nothing can be compared yet, as with a short history.
        sentence: says how the limit is broken, with `{value}`, `{baseline}` and the like; empty for the usual one.
    """

    metric: Metric
    min_gain: float = 0.0
    accepts_equal: bool = False
    accepts_undefined: bool = False
    sentence: str = ""

    def failure(self, model: Measurement, baseline: Measurement) -> str | None:
        """Say how a model breaks the limit, or return None."""
        value, naive = (self.metric.value_in(measured.metrics) for measured in (model, baseline))
        if value is None or naive is None:
            return None if self.accepts_undefined else _undefined(self.metric, model)
        gain = self.metric.gain(value, naive)
        if gain > self.min_gain or (self.accepts_equal and gain == self.min_gain):
            return None
        usual = "The {metric} is {value:.4f}; it must be {better} than the baseline's {baseline:.4f} by more than {min_gain:.4f}."
        better = "higher" if self.metric.greater_is_better else "lower"
        return (self.sentence or usual).format(
            metric=self.metric, value=value, baseline=naive, better=better, min_gain=self.min_gain
        )


@dataclass(frozen=True)
class QualityGate:
    """What a model must reach, on rows that it was not trained on, before anyone asks whether it is better than the champion.

    Attributes:
        limits: of its metrics.
        min_rows: fewer rows than this say too little.
        min_class_rows: fewer rows of the rarest class than this say too little.
    """

    limits: tuple[Limit | BaselineLimit, ...]
    min_rows: int = 0
    min_class_rows: int = 0

    def failures(self, model: Measurement, baseline: Measurement) -> list[str]:
        """Say, one sentence each, which limits a model breaks; an empty list means that it passes.

        Args:
            model: the model's metrics.
            baseline: metrics of a naive answer on the same rows, for instance the training rate of each category.

        Raises:
            ValueError: the two were measured on different rows.
        """
        model.require_same_rows(baseline)
        failures = []
        if model.row_count < self.min_rows:
            failures.append(f"It was measured on {model.row_count} rows; at least {self.min_rows} are needed.")
        rarest = min(model.class_counts, default=self.min_class_rows)
        if rarest < self.min_class_rows:
            rare = "rarer outcome" if len(model.class_counts) == 2 else "rarest class"
            failures.append(f"The {rare} has {rarest} rows; at least {self.min_class_rows} of each are needed.")
        broken = [limit.failure(model, baseline) for limit in self.limits]
        return failures + [sentence for sentence in broken if sentence is not None]


def _undefined(metric: Metric, model: Measurement) -> str:
    return f"The {metric} is not defined{', because all rows have the same outcome' if model.has_single_class else ''}."
